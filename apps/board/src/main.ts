import { configOrExit } from '@stems/config/environment'
import { createBoardQueues } from '@stems/queue/board-queues'
import { createListing } from '@stems/queue/listing'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import { openStore } from '@stems/store/open-store'
import { listenOrExit } from '@stems/telemetry/listen'
import { createLog } from '@stems/telemetry/log'
import { closeOnSignal } from '@stems/telemetry/shutdown'
import { readConfig } from './config.ts'
import { createLibrary } from './library.ts'
import { announceRandomPassword } from './random-password.ts'
import { createReplay } from './replay-route.ts'
import { createServer } from './server.ts'

const REDIS_DEADLINE_MS = 1500 // a page that says that Redis is away comes within 2 s
const SHUTDOWN_LIMIT_MS = 10_000

const config = configOrExit(() => readConfig(process.env))
const log = createLog('board', config.logLevel)
const password = config.password ?? announceRandomPassword(config.user, (line) => process.stdout.write(line))

const store = openStore(config.storeUrl)
const redis = connectImpatiently(config.redisUrl, log)
const listing = createListing({ redis, prefix: config.queuePrefix, deadlineMs: REDIS_DEADLINE_MS })
const queues = createBoardQueues({ redis, prefix: config.queuePrefix })
const submitter = createSubmitter({ redis, prefix: config.queuePrefix, deadlineMs: REDIS_DEADLINE_MS })
const server = await createServer({
  login: { user: config.user, password },
  library: createLibrary({ listing, store, log }),
  replay: createReplay(submitter, store),
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
  await submitter.close()
  disconnect(redis)
})
