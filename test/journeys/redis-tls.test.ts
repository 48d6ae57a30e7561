import { readFile, rm } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { spawnApp } from '../support/app.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { documentedRights } from '../support/documented-rights.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type System, startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const made = (): Certificates => {
  const certificates = makeCertificates()
  onTestFinished(() => rm(certificates.folder, { recursive: true, force: true }))
  return certificates
}

const startTlsRedis = async ({ ca, server }: Certificates, asksClients: 'yes' | 'no') => {
  const redis = await startRedisServer((port) => [
    ...['--port', '0', '--tls-port', `${port}`, '--tls-auth-clients', asksClients],
    ...['--tls-ca-cert-file', ca, '--tls-cert-file', server.cert, '--tls-key-file', server.key],
  ])
  onTestFinished(redis.close)
  return redis
}

const bringsHome = async ({ ingress, post, provider, finished }: System, taskId: string) => {
  await waitFor('ingress is ready', async () => (await fetch(`${ingress.url}/readyz`)).ok)
  const answer = await post(documentedPayload('separate-vocal', { taskId, files: provider.url }))
  expect(answer).toMatchObject({ status: 200, body: { status: 'accepted' } })
  expect(await finished(taskId)).toMatchObject({ status: 'complete' })
}

test('a Redis behind TLS is reached with the authority that signed its certificate, and with our own certificate where it asks', async () => {
  const certificates = made()
  const redis = await startTlsRedis(certificates, 'yes')
  const { cert, key } = certificates.client
  const system = await startSystem({
    shared: {
      REDIS_URL: `rediss://127.0.0.1:${redis.port}`,
      REDIS_CA_FILE: certificates.ca,
      REDIS_CERT_FILE: cert,
      REDIS_KEY: await readFile(key, 'utf8'),
    },
  })
  await bringsHome(system, 'over-tls')
})

test('a certificate of an unknown authority is refused with words, and nothing is sent to it', async () => {
  const certificates = made()
  const redis = await startTlsRedis(certificates, 'no')
  const ingress = spawnApp('ingress', {
    REDIS_URL: `rediss://127.0.0.1:${redis.port}`,
    CALLBACK_AUTH: 'none',
  })
  const { error } = await ingress.logged('Redis is away', (line) => line.msg === 'redis.away')
  expect(error).toContain('set REDIS_CA to the authority that signed it')
  expect(ingress.log.filter((line) => line.msg === 'redis.ready')).toEqual([])
})

test('the documented rights are enough for a whole separation, and leave no way to other keys', async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  const admin = new Redis(redis.url)
  onTestFinished(() => admin.disconnect())
  const [command, ...args] = await documentedRights('p@ss')
  expect(await admin.call(command, ...args)).toBe('OK')
  await admin.call('ACL', 'SETUSER', 'default', 'off')
  const logReset = await admin.call('ACL', 'LOG', 'RESET').catch((error: Error) => error.message)
  expect(logReset).toBe('OK') // this connection stays the operator's

  const url = `redis://stemkeeper:${encodeURIComponent('p@ss')}@127.0.0.1:${redis.port}`
  const system = await startSystem({ shared: { REDIS_URL: url, QUEUE_PREFIX: 'stemkeeper' } })
  const { post, provider, finished } = system
  await bringsHome(system, 'with-rights')
  const board = await system.addBoard()
  const failed = documentedPayload('separate-vocal-failed', { taskId: 'again', files: provider.url })
  await post(failed)
  await finished('again', ({ status }) => status === 'failed')
  await post(documentedPayload('separate-vocal', { taskId: 'again', files: provider.url }))
  await finished('again', ({ status }) => status === 'complete')
  expect(await post({ data: { task_id: 'odd', what: 'is this' } })).toMatchObject({ body: { status: 'quarantined' } })
  expect(await board.ask('/api/separations/with-rights/replay', { method: 'POST' })).toMatchObject({ status: 202 })
  expect(await board.ask('/api/separations', { method: 'POST', body: { task_id: 'paid-for' } })).toMatchObject({
    status: 202,
  })
  for (const page of [
    '/api/overview',
    '/api/separations',
    '/api/quarantine',
    '/api/notifications',
    '/queues/api/queues',
  ]) {
    expect([page, (await board.ask(page)).status]).toEqual([page, 200])
  }
  const metrics = await Promise.all([system.ingress, ...system.workers].map(({ url }) => fetch(`${url}/metrics`)))
  expect(metrics.map(({ status }) => status)).toEqual([200, 200])
  expect(await admin.call('ACL', 'LOG')).toEqual([]) // nobody was ever refused anything

  const user = new Redis(url)
  onTestFinished(() => user.disconnect())
  await expect(user.get('another-app')).rejects.toThrow('NOPERM')
  await expect(user.flushall()).rejects.toThrow('NOPERM')
  await expect(user.config('GET', '*')).rejects.toThrow('NOPERM')
})
