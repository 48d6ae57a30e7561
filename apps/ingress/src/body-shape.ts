const MOST_LEVELS = 64 // a callback has five; thousands would overflow whoever walks them by recursion

/**
 * Is parsed JSON built so that nothing later on can trip over it? Looks level by level, without recursion.
 *
 * @returns what is wrong, in words; `undefined` when nothing is
 */
export const faultOfBody = (body: unknown): string | undefined => {
  let level = [body].filter(isObject)
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) return `The body is nested more than ${MOST_LEVELS} levels deep; no callback is.`
    level = level.flatMap((node) => Object.values(node)).filter(isObject)
  }
  return undefined
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
