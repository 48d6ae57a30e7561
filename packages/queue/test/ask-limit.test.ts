import { randomUUID } from 'node:crypto'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createAskLimit } from '../src/rate-limit.ts'
import { awaitReady, connectImpatiently, disconnect } from '../src/redis.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }
const MOST_IN_ANY_SECOND = 10 // what kie.ai allows a key

test('two processes together send the provider at most half of what it allows in a window, since a second may touch two', async () => {
  const prefix = `test-${randomUUID()}`
  let sent = 0
  let waiting = 0
  for (let process = 0; process < 2; process++) {
    const redis = connectImpatiently({ url: inject('redisUrl') }, SILENT)
    onTestFinished(() => disconnect(redis))
    await awaitReady(redis, 10_000)
    const wait = () => new Promise(() => void waiting++)
    const acquire = createAskLimit({ redis, prefix, windowSeconds: 3600, wait })
    for (let nth = 0; nth < MOST_IN_ANY_SECOND; nth++) void acquire().then(() => sent++)
  }
  await waitFor('both wait', () => waiting === 2)
  expect(sent).toBe(MOST_IN_ANY_SECOND / 2)
})
