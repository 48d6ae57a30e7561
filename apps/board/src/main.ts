import { configOrExit } from '@stems/config/environment'
import { createAskLimit, PROVIDER_TURNS } from '@stems/queue/ask-limit'
import { createBoardQueues } from '@stems/queue/board-queues'
import { createListing } from '@stems/queue/listing'
import { createNotifications } from '@stems/queue/notifications'
import { createProgressReader } from '@stems/queue/progress'
import { createQuarantine } from '@stems/queue/quarantine'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import { openStore } from '@stems/store/open-store'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { createBuying } from './buying.ts'
import { readConfig } from './config.ts'
import { createLibrary } from './library.ts'
import type { Login } from './login.ts'
import { createNotificationDesk } from './notification-desk.ts'
import { createQuarantineDesk } from './quarantine-desk.ts'
import { announceRandomPassword } from './random-password.ts'
import { createReplay } from './replay-route.ts'
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

const store = openStore(config.storeUrl)
const redis = connectImpatiently(config.redisUrl, log)
const room = { redis, prefix: config.queuePrefix, deadlineMs: REDIS_DEADLINE_MS }
const listing = createListing(room)
const progress = createProgressReader(redis, config.queuePrefix)
const queues = createBoardQueues(room)
const submitter = createSubmitter(room)
const quarantine = createQuarantine(room)
const notifications = createNotifications(room)
const buying =
  config.shop &&
  createBuying({
    ...room,
    shop: config.shop,
    expect: submitter.expect,
    takeTurn: createAskLimit({ redis, prefix: config.queuePrefix, ...PROVIDER_TURNS }),
  })
const server = await createServer({
  logins: config.viewer ? [admin, config.viewer] : [admin],
  apiKeys: config.apiKeys,
  trustedProxies: config.trustedProxies,
  library: createLibrary({ listing, progress, store, log }),
  quarantine: createQuarantineDesk(quarantine, submitter),
  notifications: createNotificationDesk(notifications),
  replay: createReplay(submitter, store),
  registering: {
    expect: (taskId) => submitter.expect(taskId, async () => (await store.readManifest(taskId))?.status === 'complete'),
    purchase: buying?.purchase,
  },
  store,
  queues,
  isReady: () => redis.status === 'ready',
  log,
})
await listenOrExit(server, { host: config.host, port: config.port, variable: 'PORT' }, log)

closeOnSignal(log, SHUTDOWN_LIMIT_MS, async () => {
  await server.close()
  await queues.close()
  await listing.close()
  buying?.close()
  await progress.close()
  await submitter.close()
  await quarantine.close()
  await notifications.close()
  disconnect(redis)
})
