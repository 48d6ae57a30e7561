// Sends the documented callbacks through a system of the kind that `npm start` runs, against a stand-in for the
// provider that serves real mp3 files, and shows what was saved; then what happens when a callback gets lost, and when
// links have expired. It touches no system that is already running.
import { resolve } from 'node:path'
import { redisTarget, redisVariables } from '@stems/config/redis-variables'
import { createProgressReader } from '@stems/queue/progress'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { openStore, storeFolder } from '@stems/store/open-store'
import { z } from 'zod'
import { createRealClock } from '../test/stand-in/gateway/clock.ts'
import { type StandInGateway, startStandInGateway } from '../test/stand-in/gateway.ts'
import { type DocumentedPayload, documentedPayload } from '../test/stand-in/payloads.ts'
import { type StandInProvider, startStandInProvider } from '../test/stand-in/provider.ts'
import { tellExpiredLinks, tellLostCallback } from './demo/gateway-stories.ts'
import { showSaved } from './demo/show-saved.ts'
import { createWatch } from './demo/watch.ts'
import { type LocalSystem, startLocalSystem } from './local-system.ts'
import { freePort } from './ports.ts'

const PAYLOADS: DocumentedPayload[] = ['split-stem', 'separate-vocal', 'split-stem-advanced', 'separate-vocal-failed']
const BYTES_PER_SECOND = 20_000 // slow enough to watch
const SEPARATION_TAKES_MS = 1500 // the real one takes a minute or two
const PREFIX = 'stemkeeper-demo'

const main = async (): Promise<void> => {
  const provider = await startStandInProvider({ bytesPerSecond: BYTES_PER_SECOND })
  const gateway = await startStandInGateway({
    clock: createRealClock(),
    takesMs: SEPARATION_TAKES_MS,
    bytesPerSecond: BYTES_PER_SECOND,
  })
  console.log(`a stand-in for the provider serves mp3 files at ${provider.url}, and its API at ${gateway.url}`)
  const system = await startDemoSystem(gateway)
  console.log(`ingress, worker and board are running; the board is at ${system.boardUrl} (${login(system)})\n`)
  process.on('SIGINT', () => void system.close().then(() => process.exit(130)))

  const redis = connectImpatiently(redisTarget(z.object(redisVariables).parse({ REDIS_URL: system.redisUrl })), SILENT)
  const progress = createProgressReader(redis, PREFIX)
  const watch = createWatch(await openStore(system.storeUrl), progress)
  const folder = storeFolder(system.storeUrl)
  try {
    const tasks = await sendCallbacks(system, provider)
    const manifests = await Promise.all(tasks.map(watch))
    const servedByProvider = (link: string) => provider.file(decodeURI(new URL(link).pathname)).sha256
    const isTrue = manifests.map((manifest) => showSaved(manifest, servedByProvider, folder))

    for (const tell of [tellLostCallback, tellExpiredLinks]) {
      const manifest = await tell({ gateway, system, watch })
      isTrue.push(showSaved(manifest, (link) => gateway.files.served(link).sha256, folder))
    }
    process.exitCode = isTrue.every(Boolean) ? 0 : 1
  } finally {
    disconnect(redis)
    await system.close()
    await Promise.all([provider.close(), gateway.close()])
  }
}

const startDemoSystem = async (gateway: StandInGateway): Promise<LocalSystem> => {
  const own = {
    HOST: '127.0.0.1',
    QUEUE_PREFIX: PREFIX,
    STORE_URL: '',
    LOG_LEVEL: 'warn',
    DOWNLOAD_ALLOW_PRIVATE: 'true', // the stand-in is on this machine
    DOWNLOAD_ALLOWED_HOSTS: '127.0.0.1',
    PROVIDER: 'kie',
    PROVIDER_API_URL: gateway.url,
    PROVIDER_API_KEY: gateway.apiKey,
    EXPECTED_POLL_SECONDS: '1',
    NOTIFY_URL: '', // what the demo does is no news for anybody's app
  }
  return startLocalSystem({
    dataDir: resolve('data/demo'),
    ports: { ingress: await freePort(), worker: await freePort(), board: await freePort() },
    env: { ...withoutFiles(process.env, Object.keys(own)), ...own },
    onLine: (line) => {
      if (!line.startsWith('{')) console.log(line)
    },
  })
}

// An app refuses a variable that is given both as NAME and as NAME_FILE.
const withoutFiles = (env: NodeJS.ProcessEnv, names: string[]): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name.replace(/_FILE$/, ''))))

const login = ({ login: { user, password } }: LocalSystem): string => `${user} / ${password}`

const sendCallbacks = async (system: LocalSystem, provider: StandInProvider): Promise<string[]> => {
  const run = Date.now().toString(36)
  const tasks: string[] = []
  for (const name of PAYLOADS) {
    const taskId = `demo-${run}-${name}`
    const body = JSON.stringify(documentedPayload(name, { taskId, files: provider.url }))
    const response = await fetch(system.callbackUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    console.log(`POST ${taskId} → ${response.status} ${await response.text()}`)
    tasks.push(taskId)
  }
  console.log()
  return tasks
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
