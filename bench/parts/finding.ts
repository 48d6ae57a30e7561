/** What a measurement has found: pairs of figures that were taken one right after the other. */
export type Finding = {
  /** Of the target it belongs to, such as `P1`. */
  id: string
  what: string
  unit: string
  /** What ours is compared with. */
  rival: string
  /** One figure per round. */
  ours: number[]
  theirs: number[]
  /** Whether it is ours divided by theirs that counts, or how much ours is more. */
  by: 'ratio' | 'difference'
  /** What is to be reached; there is none for figures that only explain others. */
  target?: { atLeast: number } | { atMost: number }
}

/** A round: who comes first changes from one to the next, so that a machine that slows down harms both. */
export const inTurns = async <T>(
  rounds: number,
  ours: (round: number) => Promise<T>,
  theirs: (round: number) => Promise<T>,
): Promise<{ ours: T[]; theirs: T[] }> => {
  const taken: { ours: T[]; theirs: T[] } = { ours: [], theirs: [] }
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0
    if (first) taken.ours.push(await ours(round))
    taken.theirs.push(await theirs(round))
    if (!first) taken.ours.push(await ours(round))
  }
  return taken
}

/** The same for more than two: who comes first moves on by one with each round. */
export const inRotation = async <T>(rounds: number, takes: ((round: number) => Promise<T>)[]): Promise<T[][]> => {
  const taken: T[][] = takes.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < takes.length; turn++) {
      const whose = (round + turn) % takes.length
      taken[whose]?.push((await takes[whose]?.(round)) as T)
    }
  }
  return taken
}

export const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** How ours stands to theirs: the median of all rounds, the least and the most. */
export const compare = ({ ours, theirs, by, target }: Finding) => {
  const each = ours.map((figure, round) => {
    const other = theirs[round] as number
    return by === 'ratio' ? figure / other : figure - other
  })
  const middle = median(each)
  const isReached =
    target === undefined ? undefined : 'atLeast' in target ? middle >= target.atLeast : middle <= target.atMost
  return { median: middle, least: Math.min(...each), most: Math.max(...each), isReached }
}
