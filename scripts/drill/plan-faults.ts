import type { Dice } from './dice.ts'

export type FaultKind = 'kill worker' | 'pause worker' | 'kill ingress' | 'kill redis' | 'hang redis' | 'fill disk'

/** Something bad that happens to one target for a time. */
export type PlannedFault = { kind: FaultKind; target: string; atMs: number; forMs: number }

export type FaultTargets = { workers: string[]; ingresses: string[]; redis: string[]; disk: string | undefined }

const RECOVERY_MS = 2500 // a process that has just been started is left alone for so long

/** Each round has all of these, in another order. */
const ROUND: FaultKind[] = [
  ...(['kill worker', 'kill worker', 'pause worker', 'kill ingress'] as const),
  ...(['kill redis', 'hang redis', 'fill disk'] as const),
]

/** For how long: a paused worker sleeps longer than its locks live, a killed one comes back soon. */
const LENGTHS_MS: Record<FaultKind, [number, number]> = {
  'kill worker': [200, 4000],
  'pause worker': [11_000, 14_000],
  'kill ingress': [200, 1500],
  'kill redis': [200, 5000],
  'hang redis': [500, 6000],
  'fill disk': [3000, 7000],
}

/**
 * What will happen to whom, and when. Faults of different targets overlap; each target has time to come back.
 *
 * @param overMs all faults are healed by then
 */
export const planFaults = (dice: Dice, targets: FaultTargets, overMs: number): PlannedFault[] => {
  const faults: PlannedFault[] = []
  const busyUntil = new Map<string, number>()
  const deal = (kind: FaultKind, atMs: number): PlannedFault | undefined => {
    const free = targetsOf(kind, targets).filter((target) => (busyUntil.get(target) ?? 0) <= atMs)
    const forMs = dice.between(...LENGTHS_MS[kind])
    return free.length > 0 && atMs + forMs <= overMs ? { kind, target: dice.pick(free), atMs, forMs } : undefined
  }
  let deck: FaultKind[] = []
  for (let atMs = dice.between(500, 1500); atMs < overMs; atMs += dice.between(500, 3500)) {
    if (!deck.some((kind) => targetsOf(kind, targets).length > 0)) deck = dice.shuffle(ROUND)
    // What cannot happen now stays in the deck.
    const fault = firstOf(deck, (kind) => deal(kind, atMs))
    if (!fault) continue
    deck.splice(deck.indexOf(fault.kind), 1)
    busyUntil.set(fault.target, atMs + fault.forMs + RECOVERY_MS)
    faults.push(fault)
  }
  return faults
}

const firstOf = <T, R>(things: readonly T[], look: (thing: T) => R | undefined): R | undefined => {
  for (const thing of things) {
    const found = look(thing)
    if (found !== undefined) return found
  }
  return undefined
}

const targetsOf = (kind: FaultKind, { workers, ingresses, redis, disk }: FaultTargets): string[] => {
  if (kind === 'kill worker' || kind === 'pause worker') return workers
  if (kind === 'kill ingress') return ingresses
  return kind === 'fill disk' ? (disk ? [disk] : []) : redis
}
