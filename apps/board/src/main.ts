import { configOrExit } from '@stems/config/environment'
import { createListing } from '@stems/queue/listing'
import { createNotifications } from '@stems/queue/notifications'
import { openQueues } from '@stems/queue/open-queue'
import { createProgressReader } from '@stems/queue/progress'
import { createQuarantine } from '@stems/queue/quarantine'
import { connectImpatiently, disconnect, isReady } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
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
import { createOverview } from './overview.ts'
import { announceRandomPassword } from './random-password.ts'
import { createServer } from './server.ts'

const REDIS_DEADLINE_MS = 1500 // a page that says that Redis is away comes within 2 s
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
const redis = connectImpatiently(config.redis, log)
const queue = { redis, prefix: config.queuePrefix, deadlineMs: REDIS_DEADLINE_MS }
const listing = createListing(queue)
const progress = createProgressReader(redis, config.queuePrefix)
const queues = openQueues(queue)
const ownSubmitter = createSubmitter({ ...queue, telemetry: tracing?.telemetry })
const submitter = traceSubmitter(ownSubmitter, tracing?.tracer.task)
const quarantine = createQuarantine(queue)
const notifications = createNotifications(queue)
const openShop = async (shop: Shop) => {
  const { createBuying } = await import('./buying.ts') // with the client that asks the provider: nobody else here asks anybody
  return createBuying({ ...queue, shop, expect: submitter.expect, turns: queue })
}
const buying = config.shop && (await openShop(config.shop))
const server = await createServer({
  logins: config.viewer ? [admin, config.viewer] : [admin],
  apiKeys: config.apiKeys,
  trustedProxies: config.trustedProxies,
  library: createLibrary({ listing, progress, store, log }),
  quarantine,
  notifications,
  overview: createOverview(queue),
  submitter,
  purchase: buying?.purchase,
  store,
  queues,
  isReady: () => isReady(redis),
  log,
})
await listenOrExit(server, { host: config.host, port: config.port, variable: 'PORT' }, log)

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  await server.close()
  buying?.close()
  disconnect(redis)
  await tracing?.close()
})
