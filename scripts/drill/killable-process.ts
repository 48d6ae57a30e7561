import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export type KillableProcessOptions = {
  name: string
  command: string
  args: string[]
  env: NodeJS.ProcessEnv
  logFile: string
  /** Does this line of its output say that it is ready? */
  isReady: (line: string) => boolean
}

const RESTART_AFTER_MS = 500
const READY_WITHIN_MS = 120_000 // pauses of up to 14 s each may fall into a start, one after another on a busy machine

/** A process that is killed and started again, as often as you like. One that ends by itself is started again too. */
export const createKillableProcess = ({ name, command, args, env, logFile, isReady }: KillableProcessOptions) => {
  const log = createWriteStream(logFile, { flags: 'a' })
  const ends: string[] = []
  let child: ChildProcess | undefined
  let isWanted = false
  let ready = Promise.withResolvers<void>()

  const run = (): void => {
    const started = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    for (const stream of [started.stdout, started.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.write(`${line}\n`)
        if (isReady(line)) ready.resolve()
      })
    }
    started.on('error', (error) => ready.reject(error))
    started.on('exit', (code, signal) => {
      if (child !== started || !isWanted) return
      ends.push(`${name} ended by itself (${signal ?? `code ${code}`}) at ${new Date().toISOString()}`)
      setTimeout(() => isWanted && child === started && run(), RESTART_AFTER_MS)
    })
  }

  const isRunning = () => child?.pid !== undefined && child.exitCode === null && child.signalCode === null

  return {
    name,
    /** Starts it, and waits until it is ready, or killed before it is. */
    start: async (): Promise<void> => {
      isWanted = true
      if (!isRunning()) {
        ready = Promise.withResolvers()
        run()
      }
      const expired = new AbortController()
      const late = sleep(READY_WITHIN_MS, undefined, { signal: expired.signal }).then(() => {
        throw new Error(`${name} was not ready within ${READY_WITHIN_MS / 1000} s; its log is ${logFile}`)
      })
      await Promise.race([ready.promise, late]).finally(() => {
        late.catch(() => {})
        expired.abort()
      })
    },
    /** Ends it at once, paused or not, and waits until it is gone. */
    kill: async (): Promise<void> => {
      isWanted = false
      ready.resolve() // this child will not become ready, and the next start has a promise of its own
      if (!child || !isRunning()) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
    /** The same, for those who cannot wait. */
    killNow: () => void child?.kill('SIGKILL'),
    pause: () => void child?.kill('SIGSTOP'),
    goOn: () => void child?.kill('SIGCONT'),
    /** How it ended without being told to. */
    endsOfItsOwn: (): readonly string[] => ends,
  }
}

export type KillableProcess = ReturnType<typeof createKillableProcess>
