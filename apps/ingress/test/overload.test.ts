import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { problemSchema } from '../src/problem.ts'
import { startServer } from './server-under-test.ts'

const CALLBACK = { data: { task_id: 'task-1' } }

/** Keeps the event loop busy, for so many milliseconds each time it turns. */
const keepLoopBusy = (ms: number): (() => void) => {
  let isOver = false
  const work = () => {
    const end = performance.now() + ms
    while (performance.now() < end);
    if (!isOver) setImmediate(work)
  }
  setImmediate(work)
  const stop = () => {
    isOver = true
  }
  onTestFinished(stop)
  return stop
}

test('while the event loop cannot keep up, callbacks are answered 503 before any work; then all is well again', async () => {
  const { app, post, kept, metrics } = await startServer()
  expect((await post(CALLBACK)).statusCode).toBe(200)

  const stop = keepLoopBusy(1200)
  await waitFor('the pressure is felt', () => app.isUnderPressure())
  const answer = await post(CALLBACK)
  expect(answer.statusCode).toBe(503)
  expect(answer.headers['content-type']).toMatch('application/problem+json')
  expect(problemSchema.strict().parse(answer.json()).detail).toMatch(/again/)
  expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
  expect((await post(CALLBACK, {}, '/wrong')).statusCode).toBe(503)
  expect(kept.quarantined).toHaveLength(1)
  for (const url of ['/livez', '/readyz', '/metrics']) expect((await app.inject(url)).statusCode, url).toBe(200)
  expect(await metrics.registry.metrics()).toContain('stemkeeper_callbacks_total{answer="overloaded"} 2')

  stop()
  await waitFor('a callback is kept again', async () => (await post(CALLBACK)).statusCode === 200)
})

test('a loop that is busy, and still keeps up, sheds nobody', async () => {
  const { app, post } = await startServer()
  const stop = keepLoopBusy(250)
  await waitFor('the delay is measured', () => app.memoryUsage().eventLoopDelay > 150)
  expect((await post(CALLBACK)).statusCode).toBe(200)
  stop()
})

test('a thousand callbacks at once are all kept', async () => {
  const { post, kept } = await startServer()
  const answers = await Promise.all(Array.from({ length: 1000 }, () => post(CALLBACK)))
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
  expect(kept.quarantined).toHaveLength(1000)
})
