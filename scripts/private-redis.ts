import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.ts'

/** A Redis that belongs to one local system: on loopback, behind a password, with an append-only file. */
export type PrivateRedis = { url: string; close: () => Promise<void> }

/** No program on this machine can be a Redis. */
export class NoRedisError extends Error {
  constructor() {
    super('there is no Redis to be had: run `npm run setup`, or set REDIS_URL to one that runs')
    this.name = 'NoRedisError'
  }
}

/**
 * Starts a Redis with what the machine has: `redis-server`, `valkey-server`, or a container.
 *
 * @param directory where its append-only file lives; a container keeps it in a volume instead
 * @throws {NoRedisError}
 */
export const startPrivateRedis = async (directory: string): Promise<PrivateRedis> => {
  const port = await freePort()
  const password = randomBytes(16).toString('hex')
  const settings = [
    `requirepass ${password}`,
    'appendonly yes',
    'appendfsync always', // a callback that is answered is on disk
    'maxmemory-policy noeviction',
    'save ""',
  ]
  const program = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)
  const child = program ? await startProgram(program, settings, port, directory) : startContainer(settings, port)
  const ended = once(child, 'exit')
  await untilReady(child)
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    close: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

const startProgram = async (program: string, settings: string[], port: number, directory: string) => {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const pidFile = join(directory, 'redis.pid')
  await endForgotten(pidFile)
  const place = [`port ${port}`, 'bind 127.0.0.1', `dir "${directory}"`, `pidfile "${pidFile}"`]
  return spawnConfigured(program, ['-'], [...settings, ...place])
}

const startContainer = (settings: string[], port: number): ChildProcess => {
  if (spawnSync('docker', ['info'], { timeout: 5000 }).status !== 0) throw new NoRedisError()
  const image = process.env.REDIS_IMAGE || 'redis:8-alpine'
  const place = ['--publish', `127.0.0.1:${port}:6379`, '--volume', 'stemkeeper-local-redis:/data']
  return spawnConfigured('docker', ['run', '--rm', '-i', ...place, image, 'redis-server', '-'], settings)
}

// The configuration comes by standard input: a password among the arguments would be for everybody to see.
// Detached, because a Ctrl-C in the terminal must end the apps first and their Redis last.
const spawnConfigured = (program: string, args: string[], settings: string[]): ChildProcess => {
  const child = spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(`${settings.join('\n')}\n`)
  return child
}

const untilReady = async (child: ChildProcess): Promise<void> => {
  let output = ''
  const ready = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text) => {
        if (output.length < 10_000) output += text
        if (output.includes('Ready to accept connections')) resolve()
      })
    }
  })
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the private Redis did not start:\n${output.trim()}`)
  })
  ended.catch(() => {}) // after the start it ends when it is told to
  await Promise.race([ready, ended])
}

// A runner that was killed could not end its Redis; one that runs still needs it. Two on one file would destroy it.
const endForgotten = async (pidFile: string): Promise<void> => {
  const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : ''
  const ask = (what: string) =>
    spawnSync('ps', ['-o', `${what}=`, '-p', pid], { encoding: 'utf8' }).stdout?.trim() ?? ''
  const isRedis = () => /redis|valkey/.test(ask('comm'))
  if (pid === '' || !isRedis()) return
  if (ask('ppid') !== '1') throw new Error(`another \`npm start\` runs in this directory: its Redis is process ${pid}`)
  process.kill(Number(pid), 'SIGTERM')
  while (isRedis()) await sleep(50)
}
