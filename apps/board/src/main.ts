import { configOrExit } from '@stems/config/environment'
import { createShardSubmitter } from '@stems/queue/shard-submitter'
import { createShards } from '@stems/queue/shards'
import { traceSubmitter } from '@stems/queue/traced-submitter'
import { openStore } from '@stems/store/open-store'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { startTracing } from '@stems/telemetry/tracing'
import type { Shop } from './buying.ts'
import { readConfig } from './config.ts'
import { createLibrary } from './library.ts'
import type { Login } from './login.ts'
import { createNotificationDesk } from './notification-desk.ts'
import { createOverview } from './overview.ts'
import { createQuarantineDesk } from './quarantine-desk.ts'
import { announceRandomPassword } from './random-password.ts'
import { createReplay } from './replay-route.ts'
import { createServer } from './server.ts'
import { openShard } from './shard.ts'

const SHUTDOWN_LIMIT_MS = 10_000

const config = configOrExit(() => readConfig(process.env))
const log = createLog('board', config.logLevel)
const admin: Login = {
  user: config.user,
  password: config.password ?? announceRandomPassword(config.user, (line) => process.stdout.write(line)),
  role: 'admin',
}

const tracing = await startTracing(config.tracing, log)
const store = await openStore(config.storeUrl, config.storeOptions)
const shards = createShards(config.redis, (target) =>
  openShard({
    target,
    prefix: config.queuePrefix,
    telemetry: tracing?.telemetry,
    log: config.redis.length > 1 ? log.child({ shard: target.name }) : log,
  }),
)
const submitter = traceSubmitter(createShardSubmitter(shards), tracing?.tracer.task)
const openShop = async (shop: Shop) => {
  const { createBuying } = await import('./buying.ts') // with the client that asks the provider: nobody else here asks anybody
  return createBuying({
    ...shards.of('purchases').room,
    shop,
    expect: submitter.expect,
    turns: shards.of('limits').room,
  })
}
const buying = config.shop && (await openShop(config.shop))
const server = await createServer({
  logins: config.viewer ? [admin, config.viewer] : [admin],
  apiKeys: config.apiKeys,
  trustedProxies: config.trustedProxies,
  library: createLibrary({ shards, store, log }),
  quarantine: createQuarantineDesk(shards.all, submitter),
  notifications: createNotificationDesk(shards.all),
  overview: createOverview(shards.all),
  replay: createReplay(submitter, store),
  registering: {
    expect: (taskId) => submitter.expect(taskId, async () => (await store.readManifest(taskId))?.status === 'complete'),
    purchase: buying?.purchase,
  },
  store,
  shards: shards.all,
  log,
})
await listenOrExit(server, { host: config.host, port: config.port, variable: 'PORT' }, log)

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  await server.close()
  buying?.close()
  await Promise.all(shards.all.map((shard) => shard.close()))
  await tracing?.close()
})
