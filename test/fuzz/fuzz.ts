import fc from 'fast-check'
import { BUDGET, type BudgetName, FACTOR, SEED } from './budget.ts'

const ROUNDS = Math.max(1, Math.ceil(FACTOR))

/** For tests that fuzz: as much time as vitest gives to any, for each round. */
export const AT_LENGTH = { timeout: 60_000 * ROUNDS }

/**
 * Tries a property on as many cases as its budget says.
 *
 * @param name of its budget
 * @param holds throws when it does not hold
 * @throws with the smallest case that was found, and its seed; FUZZ_SEED with this seed leads there again
 */
export const fuzz = <Case>(name: BudgetName, cases: fc.Arbitrary<Case>, holds: (tried: Case) => void): void => {
  let tried = 0
  for (const seed of seeds(1)) {
    const count = (each: Case) => {
      tried++
      holds(each)
    }
    fc.assert(fc.property(cases, count), { seed, numRuns: perRound(name) })
  }
  report(name, tried)
}

/**
 * The same for what takes its time: several lanes at once share the cases, each with a seed of its own.
 *
 * @param lanes how many cases are tried at once
 * @param holds is told its lane, for what each lane has for itself
 * @param endOfRound looks at what is left when every lane is through, and cleans up
 */
export const fuzzInLanes = async <Case>(
  name: BudgetName,
  lanes: number,
  cases: fc.Arbitrary<Case>,
  holds: (tried: Case, lane: number) => Promise<void>,
  endOfRound: () => Promise<void> = async () => {},
): Promise<void> => {
  let tried = 0
  const run = (seed: number, lane: number) => {
    const count = (each: Case) => {
      tried++
      return holds(each, lane)
    }
    return fc.assert(fc.asyncProperty(cases, count), { seed: seed + lane, numRuns: Math.ceil(perRound(name) / lanes) })
  }
  for (const seed of seeds(lanes)) {
    const ended = await Promise.allSettled(Array.from({ length: lanes }, (_, lane) => run(seed, lane)))
    for (const lane of ended) if (lane.status === 'rejected') throw lane.reason
    await endOfRound()
  }
  report(name, tried)
}

const seeds = (lanes: number): number[] => Array.from({ length: ROUNDS }, (_, round) => SEED + round * lanes)

const perRound = (name: BudgetName): number => Math.ceil(BUDGET[name] * Math.min(1, FACTOR))

const report = (name: BudgetName, tried: number): void => {
  const planned = perRound(name) * ROUNDS
  if (tried < planned) throw new Error(`${name}: ${tried} cases were tried of ${planned}`)
  console.log(`fuzz: ${tried} cases of «${name}», seed ${SEED}`)
}
