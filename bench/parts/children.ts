import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/** What a command has taken, in seconds. */
export type Taken = { seconds: number; cpuSeconds: number }

/**
 * Runs a shell command to its end.
 *
 * @throws when it fails
 */
export const run = async (command: string, cwd: string): Promise<Taken> => {
  const startedAt = performance.now()
  const shell = spawn('bash', ['-c', `TIMEFORMAT='%U %S'; time { ${command}; } >/dev/null 2>output`], {
    cwd,
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  let times = ''
  shell.stderr.on('data', (text) => {
    times += text
  })
  const [code] = await once(shell, 'exit')
  const seconds = (performance.now() - startedAt) / 1000
  if (code !== 0) throw new Error(`${command.slice(0, 60)}… ended with ${code}`)
  const [user = Number.NaN, system = Number.NaN] = times.trim().split(' ').map(Number)
  return { seconds, cpuSeconds: user + system }
}

/** Puts on the disk what waits for it, so that nobody pays for what was written before him. */
export const settleDisk = (): void => void spawnSync('sync')
