import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { spawnApp } from '../support/app.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const endOf = async (name: string, env: Record<string, string>) => {
  const app = spawnApp(name, env)
  const { code } = await app.ended
  return { code, output: app.output() }
}

test('ingress without a secret refuses to start and says what to set', async () => {
  const { code, output } = await endOf('ingress', {})
  expect(code).toBe(1)
  expect(output).toMatch(/^configuration: CALLBACK_TOKENS or CALLBACK_HMAC_KEYS: .*\n$/)
})

test('a bad configuration ends an app with code 1 and a line for each problem', async () => {
  const env = { REDIS_URL: 'http://secret-host', DOWNLOAD_CONCURRENCY: '0', DOWNLOAD_ALLOW_PRIVATE: 'yes' }
  const { code, output } = await endOf('worker', env)
  expect(code).toBe(1)
  expect(output.trim().split('\n')).toEqual([
    'configuration: REDIS_URL: must be a redis: or rediss: URL',
    'configuration: DOWNLOAD_CONCURRENCY: must be a whole number from 1 to 1000',
    'configuration: DOWNLOAD_ALLOW_PRIVATE: must be true or false',
  ])
})

test.each([
  ['ingress', 'PORT'],
  ['worker', 'WORKER_HEALTH_PORT'],
])('%s says in one line that its port is taken', async (name, variable) => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  onTestFinished(() => void squatter.close())
  const { port } = squatter.address() as { port: number }
  const env = { CALLBACK_TOKENS: 't', LOG_LEVEL: 'silent', REDIS_URL: 'redis://127.0.0.1:1', [variable]: `${port}` }

  const { code, output } = await endOf(name, env)

  expect(code).toBe(1)
  expect(output).toBe(`127.0.0.1:${port} is taken by another process; set ${variable} to a free port\n`)
})

test('apps start without Redis, say so, and go to work by themselves when it comes', async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  await redis.kill()
  const { post, ingress, workers, provider, finished } = await startSystem({ redisUrl: redis.url })
  const apps = [ingress, ...workers]
  const status = async (path: string) => Promise.all(apps.map(async ({ url }) => (await fetch(url + path)).status))
  expect(await status('/livez')).toEqual([200, 200])
  expect(await status('/readyz')).toEqual([503, 503])
  expect(await status('/metrics')).toEqual([200, 200])

  await redis.start()
  await waitFor('both are ready', async () => (await status('/readyz')).every((code) => code === 200))

  const callback = documentedPayload('separate-vocal', { files: provider.url, taskId: 'late' })
  expect(await post(callback)).toMatchObject({ status: 200, body: { status: 'accepted' } })
  expect(await finished('late')).toMatchObject({ status: 'complete' })
})

test('CALLBACK_AUTH=none takes unproven callbacks and warns of it', async () => {
  const { post, ingress } = await startSystem({ workers: 0, ingress: { CALLBACK_TOKENS: '', CALLBACK_AUTH: 'none' } })
  const callback = documentedPayload('separate-vocal', { taskId: 'anybody' })
  expect(await post(callback, { path: '/callbacks/separation' })).toMatchObject({ status: 200 })
  expect(ingress.log.some(({ msg, level }) => level === 'warn' && msg.startsWith('auth.none'))).toBe(true)
})
