import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { freePort } from '../ports.ts'
import { NoRedisError } from '../private-redis.ts'
import { createKillableProcess, type KillableProcess } from './killable-process.ts'

export type SystemOptions = { folder: string; storeFolder: string; workers: number; ingresses: number }

export type SystemUnderDrill = {
  redis: KillableProcess
  redisUrl: string
  ingresses: { process: KillableProcess; callbackUrl: () => string | undefined; spoolFolder: string }[]
  workers: { process: KillableProcess; url: () => string | undefined }[]
  all: KillableProcess[]
  start: () => Promise<void>
  /** Safe to call twice. */
  close: () => Promise<void>
}

export const PREFIX = 'stemkeeper-drill'
const TOKEN = 'a-token-for-the-drill'

/** The real apps as processes of their own, and Redis of their own whose data stays when they are killed. */
export const createSystemUnderDrill = async (options: SystemOptions): Promise<SystemUnderDrill> => {
  const { folder, storeFolder } = options
  const redisPort = await freePort()
  const redisUrl = `redis://127.0.0.1:${redisPort}`
  const env = {
    PATH: process.env.PATH,
    HOST: '127.0.0.1',
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: PREFIX,
    STORE_URL: `file:${storeFolder}`,
  }
  const redis = createRedis('redis', folder, redisPort)
  const ingresses = named('ingress', options.ingresses).map((name) => createIngress(name, folder, env))
  const workers = named('worker', options.workers).map((name) => createWorker(name, folder, env))
  const all = [...ingresses.map((ingress) => ingress.process), ...workers.map((worker) => worker.process), redis]
  process.once('exit', () => {
    for (const one of all) one.killNow() // nothing outlives the drill, whatever ended it
  })
  return {
    redis,
    redisUrl,
    ingresses,
    workers,
    all,
    start: async () => {
      await Promise.all(all.map((one) => one.start()))
    },
    close: async () => {
      await Promise.all(all.map((one) => one.kill()))
    },
  }
}

const named = (name: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${name}-${n + 1}`)

const createRedis = (name: string, folder: string, port: number): KillableProcess => {
  const program = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)
  if (!program) throw new NoRedisError()
  const data = join(folder, name)
  mkdirSync(data, { recursive: true })
  return createKillableProcess({
    name,
    command: program,
    args: [
      ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', data, '--save', ''],
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'],
    ],
    env: { PATH: process.env.PATH },
    logFile: join(folder, `${name}.log`),
    isReady: (line) => line.includes('Ready to accept connections'),
  })
}

const createIngress = (name: string, folder: string, env: NodeJS.ProcessEnv) => {
  const spoolFolder = join(folder, `${name}-spool`)
  const { process, url } = createApp('ingress', {
    name,
    folder,
    env: { ...env, PORT: '0', SPOOL_DIR: spoolFolder, CALLBACK_TOKENS: TOKEN },
  })
  return {
    process,
    spoolFolder,
    callbackUrl: () => (url() ? `${url()}/callbacks/separation/${TOKEN}` : undefined),
  }
}

const createWorker = (name: string, folder: string, env: NodeJS.ProcessEnv) =>
  createApp('worker', {
    name,
    folder,
    env: {
      ...env,
      WORKER_HEALTH_PORT: '0',
      DOWNLOAD_ALLOW_PRIVATE: 'true', // the far side is on this machine
      DOWNLOAD_ALLOWED_HOSTS: '127.0.0.1',
      RECONCILE_SECONDS: '10',
      WORKER_STUCK_SECONDS: '30',
      DOWNLOAD_STALL_MS: '1500',
      DOWNLOAD_BACKOFF_MS: '100',
      DOWNLOAD_ATTEMPTS: '20', // every trouble ends, so that giving up would be a loss
    },
  })

type AppOptions = { name: string; folder: string; env: NodeJS.ProcessEnv }

const createApp = (app: 'ingress' | 'worker', { name, folder, env }: AppOptions) => {
  let port: string | undefined
  const process = createKillableProcess({
    name,
    command: execPath,
    args: [join(import.meta.dirname, '../../apps', app, 'src/main.ts')],
    env,
    logFile: join(folder, `${name}.log`),
    isReady: (line) => {
      if (!line.includes('"app.listening"')) return false
      port = /"port":(\d+)/.exec(line)?.[1]
      return true
    },
  })
  // Each start takes a port of its own.
  return { process, url: () => (port ? `http://127.0.0.1:${port}` : undefined) }
}
