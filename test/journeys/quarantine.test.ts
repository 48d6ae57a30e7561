import { once } from 'node:events'
import { createQuarantine } from '@stems/queue/quarantine'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import { postJson } from '../support/post.ts'
import { emptyDirectory, runScript } from '../support/script.ts'
import { startSystem, TOKEN } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const OLD_REASON = 'data.vocal_separation_info: a shape that the version before did not know'

/** The system's quarantine, as any of its processes opens it. */
const openQuarantine = async (env: Record<string, string>) => {
  const redis = connectImpatiently({ url: env.REDIS_URL ?? '' }, { debug: () => {}, info: () => {}, warn: () => {} })
  await once(redis, 'ready')
  const quarantine = createQuarantine({ redis, prefix: env.QUEUE_PREFIX ?? '', deadlineMs: 5000 })
  onTestFinished(async () => {
    disconnect(redis)
  })
  return quarantine
}

/** As `npm run replay -- …` runs it. */
const replay = async (env: Record<string, string>, ...args: string[]) => {
  const command = runScript('replay', await emptyDirectory(), env, ...args)
  const code = await command.ended
  return { code, output: command.output() }
}

const strangePayload = (taskId: string) => ({
  version: 2,
  data: { task_id: taskId, tracks: [{ 'a new <key>': 1.5 }, null, '💿', { deeper: { list: [true, ''] } }] },
})

test('a payload of an unknown shape is answered 200, kept whole with the reason, and kept once', async () => {
  const { post, env } = await startSystem({ workers: 0 })
  const payload = { code: 200, msg: 'ok', ...strangePayload('strange') }
  for (const _ of [1, 2]) expect(await post(payload)).toMatchObject({ status: 200, body: { status: 'quarantined' } })
  const { total, entries } = await (await openQuarantine(env)).list(0, 10)
  expect(total).toBe(1)
  expect(entries).toMatchObject([{ taskId: 'strange', payload, reason: expect.stringMatching(/^data/) }])
  expect(Date.parse(entries[0]?.receivedAt ?? '')).toBeLessThanOrEqual(Date.now())
})

test('after an upgrade the command releases what can be read now, and its stems are saved', async () => {
  const { env, provider, finished, sha256, queue } = await startSystem()
  const quarantine = await openQuarantine(env)
  const payload = documentedPayload('separate-vocal', { taskId: 'waited', files: provider.url })
  const receivedAt = '2026-01-02T03:04:05.000Z'
  await quarantine.keep({ taskId: 'waited', reason: OLD_REASON, receivedAt, payload })

  const accepted = await replay(env, 'quarantine')
  expect(accepted).toEqual({ code: 0, output: 'waited is released (accepted): it is being worked on\n' })

  const manifest = await finished('waited')
  expect(manifest).toMatchObject({ status: 'complete', received_at: receivedAt })
  for (const [stem, link] of Object.entries(stemLinks(payload))) {
    expect(await sha256('waited', `${stem}.mp3`)).toBe(provider.file(new URL(link).pathname).sha256)
  }
  expect(await quarantine.count()).toBe(0)

  await waitFor('its job has ended', async () => (await queue('separations').getCompletedCount()) === 1)
  await quarantine.keep({ taskId: 'waited', reason: OLD_REASON, receivedAt, payload })
  const duplicate = await replay(env, 'quarantine')
  expect(duplicate).toMatchObject({ code: 0, output: expect.stringMatching(/^waited is released \(duplicate\)/) })
  expect(await replay(env, 'quarantine')).toEqual({ code: 0, output: 'the quarantine is empty\n' })
})

test('what is still not readable stays with the reason of today, and the command ends with code 1', async () => {
  const { env, provider, finished } = await startSystem()
  const quarantine = await openQuarantine(env)
  const receivedAt = new Date().toISOString()
  const readable = documentedPayload('separate-vocal', { taskId: 'readable', files: provider.url })
  await quarantine.keep({ taskId: 'odd', reason: OLD_REASON, receivedAt, payload: strangePayload('odd') })
  await quarantine.keep({ taskId: 'readable', reason: OLD_REASON, receivedAt, payload: readable })

  const { code, output } = await replay(env, 'quarantine')
  const [first, second, ...rest] = output.trimEnd().split('\n')
  expect([code, rest]).toEqual([1, []])
  expect(first).toMatch(/^odd stays in the quarantine, it is still not readable: \S/)
  expect(second).toMatch(/^readable is released \(accepted\)/)

  await finished('readable', ({ status }) => status === 'complete')
  const { entries } = await quarantine.list(0, 10)
  expect(entries).toMatchObject([{ taskId: 'odd', receivedAt, payload: strangePayload('odd') }])
  expect(first).toContain(entries[0]?.reason)
  expect(entries[0]?.reason).not.toBe(OLD_REASON)
})

test('only the tasks that are named are tried, and one that is not there is said to be', async () => {
  const { env } = await startSystem({ workers: 0 })
  const quarantine = await openQuarantine(env)
  for (const taskId of ['one', 'two']) {
    const payload = documentedPayload('separate-vocal', { taskId })
    await quarantine.keep({ taskId, reason: OLD_REASON, receivedAt: new Date().toISOString(), payload })
  }
  expect(await replay(env, 'quarantine', 'one', 'nobody')).toEqual({
    code: 1,
    output: 'one is released (accepted): it is being worked on\nnobody has nothing in the quarantine\n',
  })
  expect((await quarantine.list(0, 10)).entries.map(({ taskId }) => taskId)).toEqual(['two'])
  expect(await replay(env, 'quarantine', '../two')).toEqual({ code: 1, output: '"../two" is no task id\n' })
})

test('a separation whose id is «quarantine» can be replayed too, and the usage says how', async () => {
  const { env, post, finished, provider, queue } = await startSystem()
  await post(documentedPayload('separate-vocal', { taskId: 'quarantine', files: provider.url }))
  const first = await finished('quarantine')
  await waitFor('its job has ended', async () => (await queue('separations').getCompletedCount()) === 1)

  expect(await replay(env, '--', 'quarantine')).toEqual({ code: 0, output: 'quarantine is being worked on again\n' })
  await finished('quarantine', ({ finished_at }) => finished_at > first.finished_at)
  for (const args of [[], ['--']]) {
    expect(await replay(env, ...args)).toMatchObject({ code: 1, output: expect.stringContaining('-- -- quarantine') })
  }
})

test('a full quarantine answers 503 to what is new and 200 to what it holds, and has room again after a release', async () => {
  const { ingress, env } = await startSystem({ workers: 0, ingress: { QUARANTINE_MAX: '5' } })
  const url = `${ingress.url}/callbacks/separation/${TOKEN}`
  const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => postJson(url, strangePayload(`task-${n}`))))
  const refused = answers.filter(({ status }) => status === 503)
  expect([answers.filter(({ status }) => status === 200).length, refused.length]).toEqual([5, 25])
  expect(refused.every(({ headers }) => Number(headers.get('retry-after')) > 0)).toBe(true)

  const quarantine = await openQuarantine(env)
  const [held] = (await quarantine.list(0, 1)).entries
  expect(await postJson(url, strangePayload(held?.taskId ?? ''))).toMatchObject({ body: { status: 'quarantined' } })

  const released = quarantine.release({
    taskIds: [held?.taskId ?? ''],
    // The parser of a version to come.
    parse: (_payload, receivedAt) => ({
      taskId: held?.taskId ?? '',
      type: 'unknown',
      code: 200,
      msg: '',
      receivedAt,
      stems: [],
    }),
    submit: async () => 'accepted',
    compareAgain: async () => {},
  })
  for await (const { answer } of released) expect(answer).toBe('accepted')
  expect(await quarantine.count()).toBe(4)
  expect(await postJson(url, strangePayload('after'))).toMatchObject({ status: 200, body: { status: 'quarantined' } })
})

test('the command says in one line that there is no Redis, and ends with code 1', async () => {
  const { code, output } = await replay({ REDIS_URL: 'redis://127.0.0.1:1' }, 'quarantine')
  expect([code, output]).toEqual([1, 'Redis does not answer: start the system, or set REDIS_URL to its Redis\n'])
})
