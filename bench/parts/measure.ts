import type { Finding } from './finding.ts'

/** What a measurement is given. */
export type Bench = {
  /** An empty folder on a disk, which is removed afterwards. */
  folder: string
  /** How often each pair of figures is taken. */
  rounds: number
  /** How much is done in each round; 1 for figures that are to be shown. */
  scale: number
}

export type Measure = (bench: Bench) => Promise<Finding[]>
