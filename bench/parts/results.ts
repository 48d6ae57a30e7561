import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { compare, type Finding } from './finding.ts'
import type { Machine } from './machine.ts'

const LATEST = join(import.meta.dirname, '../results/latest.json')

/** What a run has measured, and on what. */
export type Results = { machine: Machine; date: string; rounds: number; findings: Finding[] }

/** A finding as it is kept: with what it comes to, and of which run it is. */
export type KeptFinding = Finding & { compared: ReturnType<typeof compare>; date: string; rounds: number }

/** What `bench/results/latest.json` holds; machine, date and rounds are those of the last run. */
export type KeptResults = Omit<Results, 'findings'> & { findings: KeptFinding[] }

/** @returns nothing where nobody has measured yet */
export const readResults = async (): Promise<KeptResults | undefined> => {
  const text = await readFile(LATEST, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : JSON.parse(text)
}

/**
 * Keeps what was found in place of what was found of the same targets before. The rest stays, when it was measured on this
 * machine: figures of two machines do not belong into one table.
 */
export const keepResults = async ({ findings, ...run }: Results): Promise<void> => {
  const before = await readResults()
  const measured = new Set(findings.map(({ id }) => id))
  const isOfThis = before !== undefined && hardwareOf(before.machine) === hardwareOf(run.machine)
  const kept = isOfThis ? before.findings.filter(({ id }) => !measured.has(id)) : []
  const { date, rounds } = run
  const found = findings.map((finding) => ({
    ...finding,
    ours: finding.ours.map(round),
    theirs: finding.theirs.map(round),
    compared: mapped(compare(finding)),
    date,
    rounds,
  }))
  const all: KeptResults = { ...run, findings: [...kept, ...found].toSorted(byTarget) }
  await mkdir(dirname(LATEST), { recursive: true })
  await writeFile(LATEST, `${inLines(all)}\n`)
}

// The figures of all rounds stand in one line.
const inLines = (results: KeptResults): string =>
  JSON.stringify(results, null, 2).replaceAll(/\[[-\d.e+,\s]+\]/g, (figures) =>
    figures.replaceAll(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  )

const hardwareOf = ({ cores, processor, memoryGb }: Machine): string => `${cores} ${processor} ${memoryGb}`

const byTarget = (a: Finding, b: Finding): number => Number(a.id.slice(1)) - Number(b.id.slice(1))

// More digits than these are noise.
const round = (value: number): number => Number(value.toPrecision(5))

const mapped = ({ median, least, most, isReached }: ReturnType<typeof compare>) => ({
  median: round(median),
  least: round(least),
  most: round(most),
  isReached,
})
