import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until a condition holds, looking again and again.
 *
 * @param what the condition in words, for the error
 * @param look returns something truthy when it holds
 * @throws when it does not hold within the time
 */
export const waitFor = async <T>(
  what: string,
  look: () => Promise<T> | T,
  { withinMs = 60_000, everyMs = 25 } = {},
): Promise<NonNullable<T>> => {
  const end = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`waited ${withinMs} ms in vain: ${what}`)
    await sleep(everyMs)
  }
}
