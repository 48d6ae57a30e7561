import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Manifest, manifestSchema } from '@stems/domain/manifest'
import { type ManifestWithAudio, separationAnalysisSchema, withAnalysis } from '@stems/domain/separation-analysis'
import { Queue } from 'bullmq'
import { inject, onTestFinished } from 'vitest'
import { type StandInProvider, startStandInProvider } from '../stand-in/provider.ts'
import { type App, startApp } from './app.ts'
import { postJson } from './post.ts'
import { waitFor } from './wait-for.ts'

export const TOKEN = 'a-token-for-tests'
const BOARD_PASSWORD = 'a-password-for-tests'

export type SystemOptions = {
  redisUrl?: string
  /** What every app is told besides. */
  shared?: Record<string, string>
  workers?: number
  ingress?: Record<string, string>
  worker?: Record<string, string>
  board?: Record<string, string>
}

/** The real apps as processes of their own, a real Redis, a real far side, and a store in an empty directory. */
export type System = {
  ingress: App
  workers: App[]
  provider: StandInProvider
  /** The store's directory. */
  folder: string
  spoolDir: string
  /** What every app is told. */
  env: Record<string, string>
  addWorker: (env?: Record<string, string>) => Promise<App>
  /** Starts ingress once more, in place of one that has ended; it listens elsewhere unless told `PORT`. */
  addIngress: (env?: Record<string, string>) => Promise<App>
  /** Starts a board, and asks it as its admin. */
  addBoard: (env?: Record<string, string>) => Promise<Board>
  /**
   * Posts a callback, with the token unless told otherwise. On a slow machine ingress sheds some, because its event loop is late: those
   * are sent again, as the provider does.
   */
  post: (body: unknown, options?: PostOptions) => Promise<{ status: number; body: Record<string, unknown> }>
  /** Waits for the manifest of a task. */
  finished: (taskId: string, matches?: (manifest: Manifest) => boolean) => Promise<Manifest>
  manifest: (taskId: string) => Promise<Manifest | undefined>
  /** Waits for the manifest of a task, joined with its analysis, until each saved stem has audio facts or `matches` says so. */
  analyzed: (taskId: string, matches?: (manifest: ManifestWithAudio) => boolean) => Promise<ManifestWithAudio>
  /** The sha256 of a file in the store. */
  sha256: (taskId: string, file: string) => Promise<string>
  /** All files of the store but its checkpoint, relative to it. */
  files: () => Promise<string[]>
  queue: (name: QueueName) => Queue
}

type QueueName = 'separations' | 'stems' | 'quarantine' | 'notifications' | 'analyses'

export type Board = App & {
  ask: (path: string, init?: { method?: string; body?: unknown }) => Promise<{ status: number; body: BoardAnswer }>
}

/** JSON, of whatever shape the route has. */
// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
export type BoardAnswer = any

export type PostOptions = { path?: string; headers?: Record<string, string> }

/** Does the detail of a 503 say that ingress has too much to do, whatever the callback is? */
export const isShed = (detail: unknown): boolean => `${detail}`.startsWith('Too much to do right now.')

const hasAllFacts = ({ stems }: ManifestWithAudio): boolean =>
  Object.values(stems).every((stem) => stem.status !== 'saved' || stem.audio !== undefined)

/** Starts a whole system for one test; it ends with the test. */
export const startSystem = async (options: SystemOptions = {}): Promise<System> => {
  const provider = await startStandInProvider()
  onTestFinished(() => provider.close())
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-stems-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))

  const redisUrl = options.redisUrl ?? inject('redisUrl')
  const prefix = `test-${randomUUID()}`
  const env = { REDIS_URL: redisUrl, QUEUE_PREFIX: prefix, STORE_URL: `file:${folder}`, ...options.shared }
  const queue = (name: QueueName) => {
    const opened = new Queue(name, { connection: { url: redisUrl }, prefix })
    onTestFinished(() => opened.close())
    return opened
  }

  const addWorker = (more: Record<string, string> = {}) => {
    return startApp('worker', {
      ...env,
      DOWNLOAD_ALLOW_PRIVATE: 'true',
      DOWNLOAD_ALLOWED_HOSTS: '127.0.0.1',
      DOWNLOAD_BACKOFF_MS: '20',
      DOWNLOAD_ATTEMPTS: '3',
      DOWNLOAD_STALL_MS: '1000',
      ANALYZE_STEMS: 'false', // so that what lies in the store stays as it is once a manifest is there
      ...options.worker,
      ...more,
    })
  }

  const spoolDir = await mkdtemp(join(tmpdir(), 'stemkeeper-spool-'))
  onTestFinished(() => rm(spoolDir, { recursive: true, force: true }))
  const addIngress = (more: Record<string, string> = {}) =>
    startApp('ingress', { ...env, SPOOL_DIR: spoolDir, CALLBACK_TOKENS: TOKEN, ...options.ingress, ...more })

  const addBoard = async (more: Record<string, string> = {}): Promise<Board> => {
    const app = await startApp('board', { ...env, BOARD_PASSWORD, ...options.board, ...more })
    const authorization = `Basic ${btoa(`admin:${BOARD_PASSWORD}`)}`
    const ask: Board['ask'] = async (path, { method = 'GET', body } = {}) => {
      const response = await fetch(app.url + path, {
        method,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: response.status, body: await response.json().catch(() => undefined) }
    }
    await waitFor('the board is ready', async () => (await fetch(`${app.url}/readyz`)).ok)
    return { ...app, ask }
  }

  const [ingress, ...workers] = await Promise.all([
    addIngress(),
    ...Array.from({ length: options.workers ?? 1 }, () => addWorker()),
  ])

  const readJson = async (taskId: string, file: string): Promise<unknown> => {
    const text = await readFile(join(folder, taskId, file), 'utf8').catch(() => undefined)
    return text === undefined ? undefined : JSON.parse(text)
  }
  const manifest = async (taskId: string) => manifestSchema.optional().parse(await readJson(taskId, 'manifest.json'))
  const joined = async (taskId: string) => {
    const found = await manifest(taskId)
    const analysis = separationAnalysisSchema.optional().parse(await readJson(taskId, 'analysis.json'))
    return found && withAnalysis(found, analysis)
  }
  return {
    ingress,
    workers,
    provider,
    folder,
    spoolDir,
    env,
    addWorker,
    addIngress,
    addBoard,
    manifest,
    queue,
    post: (body, { path = `/callbacks/separation/${TOKEN}`, headers = {} } = {}) =>
      waitFor('the callback is not shed', async () => {
        const answer = await postJson(ingress.url + path, body, headers)
        return isShed(answer.body.detail) ? undefined : answer
      }),
    finished: (taskId, matches = () => true) =>
      waitFor(`the manifest of ${taskId}`, async () => {
        const found = await manifest(taskId)
        return found && matches(found) ? found : undefined
      }),
    analyzed: (taskId, matches = hasAllFacts) =>
      waitFor(`the audio facts of ${taskId}`, async () => {
        const found = await joined(taskId)
        return found && matches(found) ? found : undefined
      }),
    sha256: async (taskId, file) => {
      const bytes = await readFile(join(folder, taskId, file))
      return createHash('sha256').update(bytes).digest('hex')
    },
    files: async () => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true })
      return entries
        .filter((entry) => entry.isFile() && entry.name !== '.checkpoint')
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    },
  }
}
