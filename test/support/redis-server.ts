import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/ports.ts'
import { waitFor } from './wait-for.ts'

/** A Redis of one's own, as a process that can be stopped, paused and killed. */
export type RedisServer = {
  url: string
  port: number
  /** Hangs, or goes on. */
  signal: (signal: 'SIGSTOP' | 'SIGCONT') => void
  /** Starts it again on the same port with the data it had. */
  start: () => Promise<void>
  /** Ends the process with a signal and waits until it is gone. */
  kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Ends it and removes its data. */
  close: () => Promise<void>
}

/**
 * Starts `redis-server` on a free port, with AOF, as Stemkeeper wants its Redis.
 *
 * @param more arguments; they win over the usual ones
 */
export const startRedisServer = async (more: (port: number) => string[] = () => []): Promise<RedisServer> => {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'stemkeeper-redis-'))
  let child: ChildProcess | undefined

  const start = async () => {
    const started = spawn(
      'redis-server',
      [
        ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', ''],
        ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction'],
        ...more(port),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let output = ''
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (text) => {
        output += text
      })
    child = started
    const ended = once(started, 'exit').then(() => Promise.reject(new Error(`redis-server has ended: ${output}`)))
    ended.catch(() => {})
    const isReady = () => output.includes('Ready to accept connections')
    try {
      await Promise.race([ended, waitFor('redis-server is ready', isReady)])
    } catch (error) {
      started.kill('SIGKILL')
      throw error
    }
  }

  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    signal: (signal) => void child?.kill(signal),
    start,
    kill,
    close: async () => {
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
