import { createHash } from 'node:crypto'

/** Chance that can be repeated: the same seed gives the same throws. */
export type Dice = {
  /** At least 0, less than 1. */
  next: () => number
  chance: (probability: number) => boolean
  /** A whole number, both ends included. */
  between: (least: number, most: number) => number
  pick: <T>(choices: readonly T[]) => T
  shuffle: <T>(things: readonly T[]) => T[]
  /** Dice of their own for one subject, so that more throws there change nothing elsewhere. */
  fork: (subject: string) => Dice
}

/** @param seed any text */
export const createDice = (seed: string): Dice => {
  const next = mulberry32(createHash('sha256').update(seed).digest().readUInt32LE())
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  const shuffle = <T>(things: readonly T[]): T[] =>
    things
      .map((thing) => ({ thing, at: next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ thing }) => thing)
  return {
    next,
    chance: (probability) => next() < probability,
    between,
    pick: <T>(choices: readonly T[]) => choices[between(0, choices.length - 1)] as T,
    shuffle,
    fork: (subject) => createDice(`${seed}/${subject}`),
  }
}

// Source: Tommy Ettinger's generator of 32 bits of state, public domain.
const mulberry32 = (start: number) => {
  let state = start
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
