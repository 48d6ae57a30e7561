import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFailed, onTestFinished } from 'vitest'
import { waitFor } from './wait-for.ts'

/** A line of an app's log. */
export type LogLine = Record<string, unknown> & { msg: string }

/** An app as a process of its own, as a user would run it. */
export type App = {
  /** `http://127.0.0.1:PORT` */
  url: string
  process: ChildProcess
  log: LogLine[]
  /** All that it wrote, both streams. */
  output: () => string
  /** Waits for a line of its log. */
  logged: (what: string, matches: (line: LogLine) => boolean) => Promise<LogLine>
  /** Settles when the process has ended and all that it wrote has been read. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Sends a signal and waits for the end. */
  stop: (signal?: NodeJS.Signals) => Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/**
 * Starts an app and waits until it listens.
 *
 * @param env all of its environment, besides PATH
 */
export const startApp = async (name: 'ingress' | 'worker' | 'board', env: Record<string, string>): Promise<App> => {
  const app = spawnApp(name, env)
  const failed = app.ended.then(() => Promise.reject(new Error(`${name} ended at its start:\n${app.output()}`)))
  failed.catch(() => {})
  const { port } = await Promise.race([failed, app.logged('listening', (line) => line.msg === 'app.listening')])
  return { ...app, url: `http://127.0.0.1:${port}` }
}

// The same files are started hundreds of times: what Node has compiled of them once, it need not compile again.
const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), 'stemkeeper-compiled') }

/** Starts an app and waits for nothing. It ends with the test, and shows what it wrote when the test fails. */
export const spawnApp = (name: string, env: Record<string, string>): Omit<App, 'url'> => {
  const main = join(import.meta.dirname, '../../apps', name, 'src/main.ts')
  const child = spawn(process.execPath, [main], {
    env: { ...COMPILED, PATH: process.env.PATH ?? '', HOST: '127.0.0.1', PORT: '0', WORKER_HEALTH_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  onTestFailed(() => console.log(`--- ${name}\n${output}`))
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  const log: LogLine[] = []
  let output = ''
  createInterface({ input: child.stdout }).on('line', (line) => {
    output += `${line}\n`
    if (line.startsWith('{')) log.push(JSON.parse(line))
  })
  child.stderr.on('data', (text) => {
    output += text
  })
  return {
    process: child,
    log,
    output: () => output,
    logged: (what, matches) => waitFor(`${name}'s log says: ${what}`, () => log.find(matches)),
    ended,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}
