import { randomUUID } from 'node:crypto'
import { toStemName } from '@stems/domain/stem-name'
import { parseStemJobKey, separationJobId, stemJobData, stemJobId } from '@stems/queue/jobs'
import { awaitReady, connectPatiently, disconnect } from '@stems/queue/redis'
import { createSeal } from '@stems/queue/seal'
import fc from 'fast-check'
import { expect, inject, onTestFinished, test } from 'vitest'
import { json, link, linkWithSecret, own, stemWord, taskId, text } from './arbitraries.ts'
import { AT_LENGTH, fuzz, fuzzInLanes } from './fuzz.ts'
import { separation } from './separations.ts'

const SECRET = 'hunter2'
const LANES = 8

test('the ids of jobs tell task, run and stem apart, and never look like an id of BullMQ itself', AT_LENGTH, () => {
  const job = fc.tuple(
    taskId,
    fc.nat(2 ** 31).map((more) => 1_700_000_000_000 + more),
    stemWord.map(toStemName),
  )
  fuzz('job ids', fc.tuple(job, job), ([[task, run, stem], [otherTask, otherRun, otherStem]]) => {
    const id = stemJobId(task, run, stem)
    expect(id).toMatch(/^sep_[\w.-]+$/) // no colon, which parts the keys of Redis
    expect(parseStemJobKey(`a.1.prefix:stems:${id}`)).toEqual({ run, stem })
    expect(parseStemJobKey(`prefix:separations:${separationJobId(task)}`)).toBeUndefined()
    const isSame = task === otherTask && run === otherRun && stem === otherStem
    expect(id === stemJobId(otherTask, otherRun, otherStem)).toBe(isSame)
    expect(separationJobId(task) === separationJobId(otherTask)).toBe(task === otherTask)
  })
})

const startSeals = async () => {
  const redis = connectPatiently({ url: inject('redisUrl') }, { debug: () => {}, info: () => {}, warn: () => {} })
  onTestFinished(() => disconnect(redis))
  await awaitReady(redis, 10_000)
  const prefix = `test-${randomUUID()}`
  onTestFinished(async () => void (await redis.del(`${prefix}:seal-key`)))
  return { ingress: createSeal(redis, prefix), worker: createSeal(redis, prefix) }
}

test(
  'the links of any separation are the same after they were sealed and opened, and show no secret meanwhile',
  AT_LENGTH,
  async () => {
    const { ingress, worker } = await startSeals()
    await fuzzInLanes('sealed separations', LANES, separation, async (said) => {
      const sealed = await ingress.seal(said)
      expect(JSON.stringify(sealed.stems)).not.toContain(SECRET)
      expect(await worker.open(sealed)).toEqual(said)
      expect(await worker.seal(said), 'equal links are sealed alike').toEqual(sealed)
      for (const [at, stem] of sealed.stems.entries()) {
        const job = stemJobData(said, stem)
        if (job) expect((await worker.openStem(job)).url).toBe(said.stems[at]?.url)
      }
    })
  },
)

test(
  'any payload is the same after it was sealed and opened, and shows no secret of its links meanwhile',
  AT_LENGTH,
  async () => {
    const { ingress, worker } = await startSeals()
    const inText = fc.tuple(text, linkWithSecret(SECRET), text)
    const secretive = fc.oneof(
      linkWithSecret(SECRET),
      inText.map(([before, url, after]) => `${before} ${url.replaceAll(' ', '%20')} ${after}`),
    )
    const strange = fc.record({
      any: json,
      pair: fc.tuple(fc.oneof(text, link), fc.oneof(text, link)),
      hidden: fc.array(fc.tuple(secretive, secretive)).map(own),
    })
    await fuzzInLanes('sealed payloads', LANES, strange, async ({ any, pair, hidden }) => {
      const payload: unknown = JSON.parse(JSON.stringify({ any, pair: own([pair]), hidden }))
      const sealed = await ingress.sealPayload(payload)
      expect(await worker.openPayload(JSON.parse(JSON.stringify(sealed)))).toEqual(payload)
      expect(JSON.stringify((sealed as { hidden: unknown }).hidden)).not.toContain(SECRET)
    })
  },
)
