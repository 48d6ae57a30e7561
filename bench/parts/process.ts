import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { at, type Place } from './machine.ts'

const TICKS_PER_SECOND = 100 // USER_HZ, which Linux shows to programs whatever it counts with itself

/** A program that runs until it is closed. */
export type Running = {
  pid: number
  /** Processor time of the process so far, in seconds. */
  cpuSeconds: () => number
  /** Memory that it has right now, in bytes. */
  residentBytes: () => number
  close: () => Promise<void>
}

export type StartOptions = {
  place: Place
  env?: Record<string, string> | undefined
  input?: string | undefined
  /** Which line of its output says that it is ready. */
  isReady: (line: string) => boolean
}

/**
 * Starts a program and waits for the line that says it is ready.
 *
 * @returns the program, and that line
 * @throws when it ends before
 */
export const start = async (
  program: string,
  args: string[],
  { place, env, input, isReady }: StartOptions,
): Promise<Running & { line: string }> => {
  const [command, all] = at(place, program, args)
  const child = spawn(command, all, {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
  })
  child.stdin?.end(input)
  const ended = once(child, 'exit')
  const failed = ended.then(([code]) => Promise.reject(new Error(`${program} ended with ${code} at its start`)))
  failed.catch(() => {})
  const line = await Promise.race([readyLine(child, isReady), failed])
  return { ...watch(child.pid as number), line, close: () => end(child, ended) }
}

const readyLine = (child: ChildProcess, isReady: (line: string) => boolean): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>()
  createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) => {
    if (isReady(line)) resolve(line) // what comes afterwards is read and thrown away
  })
  return promise
}

const end = async (child: ChildProcess, ended: Promise<unknown>): Promise<void> => {
  child.kill('SIGTERM')
  await ended
}

const watch = (pid: number) => ({
  pid,
  cpuSeconds: (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  },
  residentBytes: (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
})
