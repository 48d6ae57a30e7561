/** So much later for every stem that came before it within the same ten seconds. */
export const EACH_S = 5

/** However many come at once, none is put off by more than this: a link lives for about a day. */
export const LONGEST_S = 6 * 3600

/** What nobody waits for first stands back by this much. */
export const REST_S = 30

const UNIT_S = 60
const HIGHEST = 2 ** 21 - 1 // BullMQ's limit

/** When a separation was planned, in seconds since 1970, and how many stems of others were before it in the same window. */
export type Place = { at: number; before: number }

/**
 * The priority of a stem in BullMQ's terms: the lower, the earlier. It is a time, in minutes: the one at which its
 * separation was planned, later by five seconds for each stem that came in the same bulk before it. So a bulk stretches into the
 * future, a single separation that comes after it overtakes all but its begin, and nothing waits for ever: who comes later
 * has a later time to begin with.
 *
 * The minutes start again at 1 every four years, in October 2029 for the first time. What waits at that moment is overtaken
 * until the backlog has been worked off once.
 *
 * @param isWantedFirst who waits for a separation can begin with this stem
 * @returns 1 to 2^21 - 1
 */
export const priorityOf = ({ at, before }: Place, isWantedFirst: boolean): number => {
  const time = at + Math.min(before * EACH_S, LONGEST_S) + (isWantedFirst ? 0 : REST_S)
  return 1 + (Math.floor(time / UNIT_S) % HIGHEST)
}

/**
 * Counts the stems that this process plans. Each worker counts its own: of a bulk that several workers share, each plans a part,
 * and together they download it the faster.
 *
 * @param now replaces the clock in tests; milliseconds
 * @returns gives a separation of so many stems its place
 */
export const createArrivals = (now: () => number = Date.now) => {
  let window = 0
  let count = 0
  return (stems: number): Place => {
    const at = Math.floor(now() / 1000)
    if (Math.floor(at / WINDOW_S) !== window) count = 0
    window = Math.floor(at / WINDOW_S)
    count += stems
    return { at, before: count - stems }
  }
}

const WINDOW_S = 10
