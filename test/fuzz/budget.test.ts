import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BUDGET, FACTOR, SEED, TOTAL } from './budget.ts'

test('one run of the tests tries at least 100,000 cases, and each budget is spent by one test', () => {
  const files = readdirSync(import.meta.dirname).filter(
    (name) => name.endsWith('.test.ts') && name !== 'budget.test.ts',
  )
  const sources = files.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join('\n')
  const spent = [...sources.matchAll(/\bfuzz(?:InLanes)?\(\s*(['"])(.+?)\1/g)].map(([, , name]) => name)
  expect(spent.sort()).toEqual(Object.keys(BUDGET).sort())
  expect(TOTAL).toBeGreaterThanOrEqual(100_000)
  // Each test fails that tries fewer cases than its budget.
  console.log(
    `fuzz: ${Math.round(TOTAL * FACTOR).toLocaleString('en')} cases in all, by ${spent.length} properties, seed ${SEED}`,
  )
})
