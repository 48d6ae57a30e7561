const MOST_LEVELS = 64 // a callback has five; thousands would overflow whoever walks them by recursion

/**
 * Is parsed JSON built so that nothing later on can trip over it? Looks level by level, without recursion.
 *
 * @returns what is wrong, in words; `undefined` when nothing is
 */
export const faultOfBody = (body: unknown): string | undefined => {
  let level = isObject(body) ? [body] : []
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) return `The body is nested more than ${MOST_LEVELS} levels deep; no callback is.`
    const next: object[] = []
    for (const node of level) {
      if (poisonsPrototype(node)) return 'The body has a key "__proto__" or "constructor.prototype"; no callback has.'
      for (const child of Object.values(node)) if (isObject(child)) next.push(child)
    }
    level = next
  }
  return undefined
}

const poisonsPrototype = (node: object): boolean => {
  if (Object.hasOwn(node, '__proto__')) return true
  const made = Object.hasOwn(node, 'constructor') ? (node as { constructor: unknown }).constructor : undefined
  return isObject(made) && Object.hasOwn(made, 'prototype')
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
