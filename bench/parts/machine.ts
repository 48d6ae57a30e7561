import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem } from 'node:os'

const has = (program: string): boolean => spawnSync('which', [program]).status === 0

const canPin = availableParallelism() > 1 && has('taskset')

/** Where a process runs: what is measured has a core of its own, and everything else shares the others. */
export type Place = 'alone' | 'aside' | 'anywhere'

const CORES: Record<Exclude<Place, 'anywhere'>, string> = { alone: '0', aside: `1-${availableParallelism() - 1}` }

/** A command line that runs a program at a place; the program itself where cores cannot be chosen. */
export const at = (place: Place, program: string, args: string[]): [string, string[]] =>
  canPin && place !== 'anywhere' ? ['taskset', ['-c', CORES[place], program, ...args]] : [program, args]

/** Moves this process, all of its threads, and what it starts from now on. */
export const moveThisTo = (place: Place): void => {
  const cores = place === 'anywhere' ? `0-${availableParallelism() - 1}` : CORES[place]
  if (canPin) spawnSync('taskset', ['-acp', cores, `${process.pid}`])
}

const firstLine = (program: string, args: string[]): string => {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return `${stdout}${stderr}`.trim().split('\n')[0] ?? ''
}

/** What the figures were measured on. */
export const describeMachine = () => ({
  cores: availableParallelism(),
  processor: cpus()[0]?.model.trim() ?? '?',
  memoryGb: Math.round(totalmem() / 2 ** 30),
  kernel: /^[\d.]+/.exec(release())?.[0] ?? '?',
  node: process.version,
  programs: {
    redis: /v=(\S+)/.exec(firstLine('redis-server', ['--version']))?.[1] ?? '-',
    nginx: /nginx\/(\S+)/.exec(firstLine('nginx', ['-v']))?.[1] ?? '-',
    curl: /curl (\S+)/.exec(firstLine('curl', ['--version']))?.[1] ?? '-',
    aria2: /version (\S+)/.exec(firstLine('aria2c', ['--version']))?.[1] ?? '-',
  },
})

export type Machine = ReturnType<typeof describeMachine>

/** The machine in a line. */
export const inWords = ({ cores, processor, memoryGb, kernel, node, programs }: Machine): string => {
  const versions = Object.entries(programs).map(([name, version]) => `${name} ${version}`)
  return `${cores} cores (${processor}), ${memoryGb} GB, Linux ${kernel}, Node ${node}, ${versions.join(', ')}`
}

/** @throws when one of them is not installed */
export const demand = (...programs: string[]): void => {
  const missing = programs.filter((program) => !has(program))
  if (missing.length > 0) throw new Error(`this needs ${missing.join(', ')}: see docs/performance.md`)
}
