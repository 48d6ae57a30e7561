import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFailed, onTestFinished } from 'vitest'

/** A directory that is empty, and gone when the test is over. */
export const emptyDirectory = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'stemkeeper-script-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/**
 * Runs one of `scripts/` as a process group of its own, as a terminal would.
 *
 * @param env besides PATH and HOME
 */
export const runScript = (name: string, cwd: string, env: Record<string, string> = {}, ...args: string[]) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../scripts', `${name}.ts`), ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text
    })
  }
  const ended = once(child, 'close').then(([code]) => code as number | null)
  onTestFailed(() => console.log(output))
  onTestFinished(async () => {
    if (child.exitCode === null) child.kill('SIGTERM')
    await ended
  })
  return {
    ended,
    output: () => output,
    /** What Ctrl-C in a terminal does: a signal to the whole group. */
    ctrlC: () => process.kill(-(child.pid as number), 'SIGINT'),
  }
}
