import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { MeasuresWish } from './arguments.ts'
import { IDS, MEASURES } from './measures.ts'
import type { Finding } from './parts/finding.ts'
import { findingsTable } from './parts/findings-table.ts'
import { describeMachine, inWords } from './parts/machine.ts'
import { keepResults } from './parts/results.ts'
import { drawPlots } from './plots.ts'

/**
 * Takes the measurements one after the other, shows what they found, and keeps it in `bench/results/latest.json`.
 *
 * @returns whether all of them came to an end
 */
export const measureAll = async ({ ids, rounds, scale, folder, isLook }: MeasuresWish): Promise<boolean> => {
  const machine = describeMachine()
  console.log(inWords(machine))
  const findings: Finding[] = []
  const failed: string[] = []
  for (const { ids: own, measure } of MEASURES.filter((each) => each.ids.some((id) => ids.includes(id)))) {
    const startedAt = performance.now()
    process.stderr.write(`${own.join(' ')} …`)
    try {
      const found = await inFolder(folder, (own) => measure({ folder: own, rounds, scale }))
      findings.push(...found)
      if (!isLook) await keepResults({ machine, date: new Date().toISOString(), rounds, findings: found })
      process.stderr.write(` ${Math.round((performance.now() - startedAt) / 1000)} s\n`)
    } catch (error) {
      failed.push(...own)
      process.stderr.write(` failed: ${(error as Error).stack}\n`)
    }
  }
  if (findings.length > 0) console.log(findingsTable(findings))
  if (failed.length > 0) console.log(`failed: ${failed.join(' ')}`)
  if (!isLook && findings.length > 0 && IDS.every((id) => ids.includes(id))) await drawPlots()
  return failed.length === 0
}

/** A folder for one measurement, which is removed whatever comes of it. */
const inFolder = async <T>(parent: string, use: (folder: string) => Promise<T>): Promise<T> => {
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(resolve(parent), 'bench-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
