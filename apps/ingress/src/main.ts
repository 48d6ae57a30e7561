import { configOrExit } from '@stems/config/environment'
import { startPresence } from '@stems/queue/presence'
import { createPurchaseBook } from '@stems/queue/purchases'
import { awaitReady } from '@stems/queue/redis'
import { createShards } from '@stems/queue/shards'
import { createWaitingTime } from '@stems/queue/waiting-time'
import { createSpool } from '@stems/store/spool'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { startTracing } from '@stems/telemetry/tracing'
import { addWaitingGauge } from '@stems/telemetry/waiting-gauge'
import project from '../../../package.json' with { type: 'json' }
import { createAdmission } from './admit.ts'
import { readConfig } from './config.ts'
import { startDrain } from './drain.ts'
import { createIngressNote } from './ingress-note.ts'
import { createDelivery, createKeep } from './keep.ts'
import { createIngressMetrics } from './metrics.ts'
import { createServer } from './server.ts'
import { openShard } from './shard.ts'
import { openOrExit } from './spool-at-start.ts'
import { traceCallbacks, traceDrained } from './traces.ts'

const REDIS_GRACE_MS = 1000 // no callback is turned away only because it came before the connection was made
const SHUTDOWN_LIMIT_MS = 10_000

const config = configOrExit(() => readConfig(process.env))
const log = createLog('ingress', config.logLevel)
if (!config.authRequired) log.warn({}, 'auth.none: anybody who finds the URL can send callbacks')

const tracing = await startTracing(config.tracing, log)
const shards = createShards(config.redis, (target) => openShard({ target, config, telemetry: tracing?.telemetry, log }))
const spool = createSpool(config.spoolDir, config.spoolMaxBytes, shards.nameOf)
await openOrExit(spool, config.spoolDir)
const deliver = createDelivery({
  shardOf: shards.of,
  purchases: createPurchaseBook(shards.of('purchases').redis, config.queuePrefix),
})
const metrics = createIngressMetrics(spool, shards.all)
// Workers show it too; ingress is there when there is no worker.
const waiting = shards.all.map(({ name, redis }) => ({ name, ...createWaitingTime(redis, config.queuePrefix) }))
addWaitingGauge(metrics.registry, waiting)
const server = await createServer({
  log,
  metrics,
  secrets: config.secrets,
  authRequired: config.authRequired,
  limits: config.limits,
  admit: createAdmission({
    secrets: config.secrets,
    authRequired: config.authRequired,
    keep: traceCallbacks(createKeep({ deliver, spool, log }), tracing?.tracer),
  }),
  health: {
    // What is for a shard that is away goes to the spool: no reason to turn away what is for the others.
    notReady: () => (shards.all.some(({ isReady }) => isReady()) ? [] : ['Redis is away']),
    metrics: metrics.registry,
  },
})
const deliverSpooled = traceDrained(deliver, tracing?.tracer)
const drains = shards.all.map(({ name, isReady, log }) =>
  startDrain({ spool, deliver: deliverSpooled, shard: name, isReady, log }),
)
await Promise.all(shards.all.map(({ redis }) => awaitReady(redis, REDIS_GRACE_MS)))
await listenOrExit(server, { host: config.host, port: config.port, variable: 'PORT' }, log)
const presence = startPresence({
  shards: shards.all.map(({ redis }) => redis),
  prefix: config.queuePrefix,
  version: project.version,
  describe: createIngressNote(spool, config.spoolMaxBytes),
  log,
})

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  await server.close()
  await Promise.all(drains.map((drain) => drain.close()))
  await presence.close()
  await Promise.all(waiting.map((each) => each.close()))
  await Promise.all(shards.all.map((shard) => shard.close()))
  await tracing?.close()
})
