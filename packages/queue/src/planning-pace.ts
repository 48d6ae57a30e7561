import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'

/** Two at a time plan all that a worker can bring home; sixteen left the stems a third of their speed. */
const AT_ONCE = 2
/** So much is looked at as a whole. */
const WINDOW_MS = 500
/** A process that has waited for less than a fifth of that time has none to spare. */
const BUSY = 0.8
/** Stems that wait are enough for a while. */
const PLENTY = 1000
const REST_MS = 80

/**
 * How fast separations are planned. A backlog can be planned far faster than it is brought home, and would take the time of the
 * stems that are under way: with 10,000 waiting they came home at half their speed. So a process that is busy, while there are stems
 * enough to go on with, plans 25 a second; any other plans as fast as it can, so that a separation that comes after a bulk
 * soon has its place among the stems.
 *
 * @param countStems how many stems wait
 * @param own in place of the process' own time, for tests. `use`: how much of the time since it was last asked it was busy, from 0
 * to 1. `rest`: lets others have the time
 */
export const createPlanningPace = (
  countStems: () => Promise<number>,
  { use, rest }: OwnTime = { use: measureUse(), rest: () => sleep(REST_MS) },
) => {
  const limit = pLimit(AT_ONCE)
  let lookedAt = Number.NEGATIVE_INFINITY
  let hasTime = true

  const look = async (): Promise<void> => {
    if (performance.now() - lookedAt < WINDOW_MS) return
    lookedAt = performance.now()
    hasTime = use() < BUSY || (await countStems()) < PLENTY
  }

  return <T>(plan: () => Promise<T>): Promise<T> =>
    limit(async () => {
      await look()
      if (!hasTime) await rest()
      return plan()
    })
}

type OwnTime = { use: () => number; rest: () => Promise<unknown> }

const measureUse = () => {
  let last = performance.eventLoopUtilization()
  return (): number => {
    const { utilization } = performance.eventLoopUtilization(last)
    last = performance.eventLoopUtilization()
    return utilization
  }
}
