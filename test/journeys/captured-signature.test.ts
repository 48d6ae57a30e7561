import { expect, test } from 'vitest'
import { documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import { postJson, signed } from '../support/post.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const KEY = 'a-key-of-the-provider'
const TOLERANCE_S = 300
const ONLY_SIGNED = { ingress: { CALLBACK_TOKENS: '', CALLBACK_HMAC_KEYS: KEY } }
const now = () => Math.floor(Date.now() / 1000)

test('a signed callback that is too old, or too far ahead, is refused in the words of any other refusal', async () => {
  const { ingress, queue } = await startSystem({ ...ONLY_SIGNED, workers: 0 })
  const body = documentedPayload('separate-vocal', { taskId: 'timely' })
  const send = (headers: Record<string, string>) => postJson(`${ingress.url}/callbacks/separation`, body, headers)

  const unsigned = await send({})
  const falselySigned = await send(signed('timely', 'another key'))
  const refused = [
    await send(signed('timely', KEY, now() - TOLERANCE_S - 5)),
    await send(signed('timely', KEY, now() + TOLERANCE_S + 5)),
    await send(signed('timely', KEY, 0)),
    await send({ ...signed('timely', KEY, now() - TOLERANCE_S - 5), 'x-webhook-timestamp': `${now()}` }), // moved forward
  ]
  for (const answer of [falselySigned, ...refused]) {
    expect(answer.status).toBe(401)
    expect(answer.body).toEqual(unsigned.body)
  }
  expect(await queue('separations').getJobCountByTypes()).toBe(0)

  expect(await send(signed('timely', KEY, now() - TOLERANCE_S + 30))).toMatchObject({ status: 200 })
})

test('a captured signature, sent again with the same body, is a duplicate and downloads nothing again', async () => {
  const { post, provider, finished, manifest } = await startSystem(ONLY_SIGNED)
  const body = documentedPayload('separate-vocal', { files: provider.url, taskId: 'captured' })
  const captured = { path: '/callbacks/separation', headers: signed('captured', KEY) }
  expect(await post(body, captured)).toMatchObject({ status: 200, body: { status: 'accepted' } })
  const saved = await finished('captured')

  for (let repeat = 0; repeat < 10; repeat++) {
    expect(await post(body, captured)).toMatchObject({ status: 200, body: { status: 'duplicate' } })
  }
  expect(await manifest('captured')).toEqual(saved)
  for (const link of Object.values(stemLinks(body))) expect(provider.hits(new URL(link).pathname)).toBe(1)
})

test('a captured signature, sent again with other links and another verdict, replaces no stem that is saved', async () => {
  const { post, provider, finished, manifest, sha256, files, queue } = await startSystem(ONLY_SIGNED)
  const body = documentedPayload('separate-vocal', { files: provider.url, taskId: 'captured' })
  const captured = { path: '/callbacks/separation', headers: signed('captured', KEY) }
  await post(body, captured)
  const saved = await finished('captured')
  // Between the manifest and the end of its job a callback with other links is looked at once more.
  await waitFor('its job has ended', async () => (await queue('separations').getJobCounts()).completed === 1)
  const sums = () => Promise.all(['vocal.mp3', 'instrumental.mp3'].map((file) => sha256('captured', file)))
  const before = { files: await files(), sums: await sums() }

  const forged = { vocal_url: `${provider.url}/forged/1.mp3`, instrumental_url: `${provider.url}/forged/2.mp3` }
  for (const info of [forged, { vocal_url: forged.vocal_url }, null]) {
    const code = info === null ? 501 : 200
    const answer = await post(
      { code, msg: 'forged', data: { task_id: 'captured', vocal_separation_info: info } },
      captured,
    )
    expect(answer).toMatchObject({ status: 200, body: { status: 'duplicate' } })
  }
  await waitFor('nothing is being done any more', async () => {
    const counts = await Promise.all(
      (['separations', 'stems'] as const).map((name) =>
        queue(name).getJobCountByTypes('active', 'waiting', 'prioritized', 'delayed'),
      ),
    )
    return counts.every((count) => count === 0)
  })
  expect(provider.hits('/forged/1.mp3') + provider.hits('/forged/2.mp3')).toBe(0)
  expect(await manifest('captured')).toEqual(saved)
  expect({ files: await files(), sums: await sums() }).toEqual(before)
})

test('a captured signature may add a stem that was never named; what is saved stays as it was', async () => {
  const { post, provider, finished, sha256 } = await startSystem(ONLY_SIGNED)
  const body = documentedPayload('separate-vocal', { files: provider.url, taskId: 'captured' })
  const captured = { path: '/callbacks/separation', headers: signed('captured', KEY) }
  await post(body, captured)
  const saved = await finished('captured')
  const before = await sha256('captured', 'vocal.mp3')

  const more = { vocal_url: `${provider.url}/forged/1.mp3`, drums_url: `${provider.url}/s/drums.mp3` }
  const answer = await post(
    { code: 200, msg: 'ok', data: { task_id: 'captured', vocal_separation_info: more } },
    captured,
  )
  expect(answer).toMatchObject({ status: 200, body: { status: 'accepted' } })

  const { stems } = await finished('captured', (manifest) => 'drums' in manifest.stems)
  expect(stems).toMatchObject(saved.stems)
  expect(await sha256('captured', 'vocal.mp3')).toBe(before)
  expect(provider.hits('/forged/1.mp3')).toBe(0)
})

test('a signature that was captured for one task opens no other', async () => {
  const { post, queue } = await startSystem({ ...ONLY_SIGNED, workers: 0 })
  const captured = signed('captured', KEY)
  for (const taskId of ['other', 'captured2', 'Captured', 'capture']) {
    const answer = await post(documentedPayload('separate-vocal', { taskId }), {
      path: '/callbacks/separation',
      headers: captured,
    })
    expect(answer.status, taskId).toBe(401)
  }
  expect(await queue('separations').getJobCountByTypes()).toBe(0)
})
