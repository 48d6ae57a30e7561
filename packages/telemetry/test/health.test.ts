import fastify from 'fastify'
import { Counter, Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { addHealthRoutes } from '../src/health.ts'

const appWith = (notReady: () => Promise<string[]> | string[]) => {
  const metrics = new Registry()
  new Counter({ name: 'stems_total', help: 'Stems', registers: [metrics] }).inc(3)
  const app = fastify()
  onTestFinished(() => app.close())
  addHealthRoutes(app, { notReady, metrics })
  return app
}

test('an app that can do its work says so', async () => {
  const answer = await appWith(() => []).inject('/readyz')
  expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'ok' }])
})

test.each([
  ['at once', () => ['Redis is away', 'the store is full']],
  ['after looking', async () => ['Redis is away', 'the store is full']],
])('an app that cannot, and knows it %s, gives every reason and stays alive', async (_when, notReady) => {
  const app = appWith(notReady)
  const ready = await app.inject('/readyz')
  expect([ready.statusCode, ready.json()]).toEqual([
    503,
    { status: 'not ready', reasons: ['Redis is away', 'the store is full'] },
  ])
  expect((await app.inject('/livez')).statusCode).toBe(200)
})

test('the metrics are those of the registry, in the text form of Prometheus', async () => {
  const answer = await appWith(() => []).inject('/metrics')
  expect(answer.headers['content-type']).toMatch(/^text\/plain;.*version=/)
  expect(answer.body).toContain('\nstems_total 3\n')
})

test('an app that only a restart can help is not alive, says why, and is again when it has recovered', async () => {
  let reason: string | undefined = '3 jobs are waiting in stems'
  const app = fastify()
  onTestFinished(() => app.close())
  addHealthRoutes(app, { notReady: () => [], stuck: () => reason, metrics: new Registry() })
  const stuck = await app.inject('/livez')
  expect([stuck.statusCode, stuck.json()]).toEqual([503, { status: 'stuck', reasons: ['3 jobs are waiting in stems'] }])
  reason = undefined
  expect((await app.inject('/livez')).statusCode).toBe(200)
})

test('the metrics say what the routes say: ready or not, and stuck or not', async () => {
  let [notReady, stuck]: [string[], string | undefined] = [[], undefined]
  const app = fastify()
  onTestFinished(() => app.close())
  addHealthRoutes(app, { notReady: async () => notReady, stuck: () => stuck, metrics: new Registry() })
  const figures = async () => (await app.inject('/metrics')).body.match(/^stemkeeper_.*/gm)
  expect(await figures()).toEqual(['stemkeeper_ready 1', 'stemkeeper_stuck 0'])
  notReady = ['Redis is away']
  stuck = '3 jobs are waiting in stems'
  expect(await figures()).toEqual(['stemkeeper_ready 0', 'stemkeeper_stuck 1'])
})

test('an app that nobody can find stuck shows no figure for it', async () => {
  expect((await appWith(() => []).inject('/metrics')).body).not.toContain('stemkeeper_stuck')
})
