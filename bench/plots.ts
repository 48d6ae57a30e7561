import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readResults } from './parts/results.ts'
import { plot } from './plots/plot.ts'

const IMAGES = join(import.meta.dirname, '../docs/images')

/** Which findings stand in one picture. */
const PICTURES: Record<string, string[]> = {
  ingress: ['P1', 'P2'],
  downloads: ['P3', 'P4', 'P6'],
  jobs: ['P5', 'P9'],
  memory: ['P7'],
  scaling: ['P8'],
  backlog: ['P10'],
  start: ['P11'],
}

/**
 * Draws what `bench/results/latest.json` holds into `docs/images/performance-*.svg`; what was not measured keeps its picture.
 *
 * @throws when nobody has measured yet
 */
export const drawPlots = async (): Promise<void> => {
  const results = await readResults()
  if (!results) throw new Error('there is nothing to draw: npm run bench measures first')
  for (const [name, ids] of Object.entries(PICTURES)) {
    const findings = results.findings.filter(({ id }) => ids.includes(id))
    if (findings.length > 0) await writeFile(join(IMAGES, `performance-${name}.svg`), plot(findings))
  }
}
