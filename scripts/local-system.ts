import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { readEnvironment } from '@stems/config/environment'
import { z } from 'zod'
import { FLAGS, MALLOC } from './frugal.ts'
import { LOCAL_REDIS_URL_FILE, LOCAL_TOKEN_FILE } from './local-files.ts'
import { startPrivateRedis } from './private-redis.ts'

const APPS = ['ingress', 'worker', 'board'] as const
type AppName = (typeof APPS)[number]

// What a local system decides when nobody else has; each may be given as NAME_FILE too.
const decided = z.object({
  HOST: z.string().default('127.0.0.1'),
  REDIS_URL: z.string().optional(),
  STORE_URL: z.string().optional(),
  SPOOL_DIR: z.string().optional(),
  CALLBACK_TOKENS: z.string().optional(),
  BOARD_USER: z.string().default('admin'),
  BOARD_PASSWORD: z.string().optional(),
})

export type LocalSystemOptions = {
  /** Where everything is kept that must outlive the system. */
  dataDir: string
  ports: Record<AppName, number>
  /** The apps' environment: given variables win over what a local system would choose. */
  env: NodeJS.ProcessEnv
  /** Gets every line that the apps write. */
  onLine: (line: string) => void
}

/** The whole of Stemkeeper on one machine. */
export type LocalSystem = {
  ingressUrl: string
  boardUrl: string
  callbackUrl: string
  login: { user: string; password: string }
  /** The two as they may be printed: a secret that somebody gave is known to him, and to nobody else. */
  shown: { callbackUrl: string; password: string }
  redisUrl: string
  storeUrl: string
  /** Settles with the name of the first app that ends. */
  appEnded: Promise<AppName>
  close: () => Promise<void>
}

/**
 * Starts Redis (unless `REDIS_URL` names one), ingress, worker and board, and waits until all are ready.
 *
 * @throws {ConfigError} when a NAME_FILE cannot be read
 * @throws when one of them does not come up; then all are ended
 */
export const startLocalSystem = async ({ dataDir, ports, env, onLine }: LocalSystemOptions): Promise<LocalSystem> => {
  mkdirSync(dataDir, { recursive: true })
  const given = readEnvironment(decided, env)
  const token = given.CALLBACK_TOKENS?.split(',')[0]?.trim() || keptSecret(join(dataDir, basename(LOCAL_TOKEN_FILE)))
  const login = {
    user: given.BOARD_USER,
    password: given.BOARD_PASSWORD ?? keptSecret(join(dataDir, 'board-password')),
  }
  const storeUrl = given.STORE_URL ?? `file:${join(dataDir, 'stems')}`

  const redis = given.REDIS_URL
    ? { url: given.REDIS_URL, close: async () => {} }
    : await startPrivateRedis(join(dataDir, 'redis'))
  writeFileSync(join(dataDir, basename(LOCAL_REDIS_URL_FILE)), `${redis.url}\n`, { mode: 0o600 })
  const shared = { ...withoutDecided(env), HOST: given.HOST, REDIS_URL: redis.url, STORE_URL: storeUrl }
  const apps = {
    ingress: {
      CALLBACK_TOKENS: given.CALLBACK_TOKENS ?? token,
      SPOOL_DIR: given.SPOOL_DIR ?? join(dataDir, 'spool'),
      PORT: `${ports.ingress}`,
    },
    worker: { WORKER_HEALTH_PORT: `${ports.worker}` },
    board: {
      CALLBACK_TOKENS: given.CALLBACK_TOKENS ?? token,
      BOARD_USER: login.user,
      BOARD_PASSWORD: login.password,
      PORT: `${ports.board}`,
    },
  }
  const children = APPS.map((name) => startApp(name, { ...shared, ...apps[name] }, onLine))
  const appEnded = Promise.race(children.map((child, index) => once(child, 'exit').then(() => APPS[index] as AppName)))

  const close = async () => {
    await Promise.all(children.map(endApp))
    await redis.close()
  }
  const gaveUp = new AbortController()
  try {
    const failed = appEnded.then((name) =>
      Promise.reject(new Error(`${name} ended at its start; its last words are above`)),
    )
    const allReady = Promise.all(
      APPS.map((name) => untilReady(`http://127.0.0.1:${ports[name]}/readyz`, gaveUp.signal)),
    )
    failed.catch(() => {})
    await Promise.race([allReady, failed])
  } catch (error) {
    gaveUp.abort()
    await close()
    throw error
  }
  const ingressUrl = `http://127.0.0.1:${ports.ingress}`
  return {
    ingressUrl,
    boardUrl: `http://127.0.0.1:${ports.board}`,
    callbackUrl: `${ingressUrl}/callbacks/separation/${token}`,
    login,
    shown: {
      callbackUrl: `${ingressUrl}/callbacks/separation/${given.CALLBACK_TOKENS ? 'YOUR-TOKEN' : token}`,
      password: given.BOARD_PASSWORD ? '(BOARD_PASSWORD, as you gave it)' : login.password,
    },
    redisUrl: redis.url,
    storeUrl,
    appEnded,
    close,
  }
}

// An app refuses a variable that is given both as NAME and as NAME_FILE.
const withoutDecided = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const names = Object.keys(decided.shape).flatMap((name) => [name, `${name}_FILE`])
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))
}

const startApp = (name: AppName, env: NodeJS.ProcessEnv, onLine: (line: string) => void): ChildProcess => {
  const main = join(import.meta.dirname, '../apps', name, 'src/main.ts')
  const child = spawn(process.execPath, [...FLAGS[name], main], {
    env: { ...MALLOC, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine)
  return child
}

const endApp = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

const untilReady = async (url: string, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    await sleep(100)
  }
}

// A secret that stays the same from start to start: a provider has been given the URL that holds it.
const keptSecret = (file: string): string => {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const secret = randomBytes(24).toString('base64url')
  writeFileSync(file, `${secret}\n`, { mode: 0o600 })
  return secret
}
