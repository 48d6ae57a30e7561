import { randomUUID } from 'node:crypto'
import type { Separation } from '@stems/domain/separation'
import { expect, inject, onTestFinished, test } from 'vitest'
import { awaitReady, connectImpatiently, disconnect } from '../src/redis.ts'
import { createSeal } from '../src/seal.ts'

const SECRET = 'https://me:hunter2@cdn.example/a%20b.mp3?Signature=hunter2#hunter2'
const PLAIN = 'https://cdn.example/a%20b.mp3'

const separationOf = (url: string | null, otherUrls?: string[]): Separation => ({
  taskId: 'task-1',
  type: 'unknown',
  code: 200,
  msg: '',
  receivedAt: '2026-01-01T00:00:00.000Z',
  stems: [{ name: 'vocal', url, ...(otherUrls ? { otherUrls } : {}) }],
})

const startSeals = async () => {
  const silent = { debug: () => {}, info: () => {}, warn: () => {} }
  const redis = connectImpatiently({ url: inject('redisUrl') }, silent)
  onTestFinished(() => disconnect(redis))
  await awaitReady(redis, 5000)
  const prefix = `test-${randomUUID()}`
  return { redis, prefix, ingress: createSeal(redis, prefix), worker: createSeal(redis, prefix) }
}

test('what opens a link is not to be seen, where it leads is, and another process opens it', async () => {
  const { ingress, worker } = await startSeals()
  const separation = separationOf(SECRET, [PLAIN, `${PLAIN}?k=hunter2`])
  const sealed = await ingress.seal(separation)
  expect(JSON.stringify(sealed)).not.toContain('hunter2')
  expect(sealed.stems[0]?.url).toMatch(/^https:\/\/cdn\.example\/a%20b\.mp3\?sealed=[\w-]+$/)
  expect(await worker.open(sealed)).toEqual(separation)
  const { url, otherUrls } = sealed.stems[0] as { url: string; otherUrls: string[] }
  expect(await worker.openStem({ taskId: 'task-1', stem: 'vocal', url, otherUrls, receivedAt: '' })).toEqual({
    taskId: 'task-1',
    stem: 'vocal',
    receivedAt: '',
    url: SECRET,
    otherUrls: [PLAIN, `${PLAIN}?k=hunter2`],
  })
})

test('equal links are equal when sealed, and others are not', async () => {
  const { ingress, worker } = await startSeals()
  const sealed = await ingress.seal(separationOf(SECRET))
  expect(await worker.seal(separationOf(SECRET))).toEqual(sealed)
  expect(await worker.seal(separationOf(`${SECRET}2`))).not.toEqual(sealed)
})

test.each([PLAIN, null])('the link %s has nothing to hide and costs nothing', async (url) => {
  const { redis, prefix, ingress } = await startSeals()
  const separation = separationOf(url)
  expect(await ingress.seal(separation)).toBe(separation)
  expect(await ingress.open(separation)).toBe(separation)
  expect(await redis.exists(`${prefix}:seal-key`)).toBe(0)
})

test('a link that pretends to be sealed comes back as it was', async () => {
  const { ingress } = await startSeals()
  const separation = separationOf(`${PLAIN}?sealed=AAAA`)
  expect(await ingress.open(await ingress.seal(separation))).toEqual(separation)
})

test('when Redis has lost the key, the stem says so and the separation goes on', async () => {
  const { redis, prefix, ingress, worker } = await startSeals()
  const sealed = await ingress.seal(separationOf(SECRET))
  await redis.set(`${prefix}:seal-key`, Buffer.alloc(32, 7).toString('base64url'))
  expect(await worker.open(sealed)).toEqual(sealed)
  const job = { taskId: 'task-1', stem: 'vocal', url: sealed.stems[0]?.url as string, receivedAt: '' }
  await expect(worker.openStem(job)).rejects.toMatchObject({ code: 'gone', message: expect.stringContaining('lost') })
  expect(await worker.openStem({ ...job, otherUrls: [PLAIN] })).toEqual({ ...job, url: PLAIN })
})

test('a payload of any shape is sealed in its texts and comes back whole', async () => {
  const { ingress, worker } = await startSeals()
  const payload = {
    code: 200,
    note: `first ${SECRET}, then "https://cdn.example/x?k=hunter2".`,
    pair: ['note: why? because', 'a:b:c https://cdn.example?k=hunter2# ', 'https:/cdn.example/one-slash?k=hunter2'],
    two: 'https://a/x https://u:hunter2@b/?k=hunter2',
    odd: 'GET http://[bad/?Signature=hunter2 failed',
    half: ' https://me:hunter2@cdn.example/\ud800 ',
    list: [SECRET, ' https://cdn.example/Lead Vocal.mp3?k=hunter2 ', PLAIN, null, true, 1.5],
    deep: { er: { url: 'https://cdn.example/x?sealed=hunter2' } },
    [`named ${SECRET}`]: { ' https://cdn.example#hunter2 ': 'in a key' },
  }
  const sealed = await ingress.sealPayload(payload)
  expect(JSON.stringify(sealed)).not.toContain('hunter2')
  expect(await worker.openPayload(sealed)).toEqual(payload)
})
