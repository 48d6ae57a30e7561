import { writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

test('a re-sent callback drives a partial separation again and fetches only what is missing', async () => {
  const { post, provider, finished } = await startSystem()
  const callback = documentedPayload('separate-vocal', { files: provider.url, taskId: 'again' })
  const vocal = '/s/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3'
  const instrumental = '/s/d92a13bf-c6f4-4ade-bb47-f69738435528_Instrumental.mp3'
  provider.behave(vocal, { kind: 'answer', status: 404 })
  await post(callback)
  expect(await finished('again')).toMatchObject({ status: 'partial' })

  expect(await post(callback)).toMatchObject({ status: 200, body: { status: 'accepted' } })

  const manifest = await finished('again', ({ status }) => status === 'complete')
  expect(manifest.stems.vocal).toMatchObject({ status: 'saved', sha256: provider.file(vocal).sha256 })
  expect(provider.hits(vocal)).toBe(2)
  expect(provider.hits(instrumental)).toBe(1)
  expect(await post(callback)).toMatchObject({ body: { status: 'duplicate' } })
})

test('a stem may fail and the callback be re-sent time and again until it is home', async () => {
  const { post, provider, finished } = await startSystem()
  const callback = documentedPayload('separate-vocal', { files: provider.url, taskId: 'stubborn' })
  const vocal = '/s/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3'
  provider.behave(vocal, ...Array(3).fill({ kind: 'answer', status: 410 }))

  let finishedAt = ''
  // A job ends shortly after its manifest is written; until then a repeat is a duplicate.
  const accepted = () =>
    waitFor('the callback is accepted', async () => (await post(callback)).body.status === 'accepted')
  for (const hits of [1, 2, 3]) {
    await accepted()
    const manifest = await finished('stubborn', ({ finished_at }) => finished_at > finishedAt)
    expect(manifest.status).toBe('partial')
    expect(provider.hits(vocal)).toBe(hits)
    finishedAt = manifest.finished_at
  }
  await accepted()

  await finished('stubborn', ({ status }) => status === 'complete')
})

test('success after failure is driven, failure after success erases nothing', async () => {
  const { post, provider, finished, manifest } = await startSystem()
  const success = documentedPayload('separate-vocal', { files: provider.url, taskId: 'both' })
  const failure = documentedPayload('separate-vocal-failed', { taskId: 'both' })

  await post(failure)
  await finished('both', ({ status }) => status === 'failed')
  expect(await post(success)).toMatchObject({ body: { status: 'accepted' } })
  const complete = await finished('both', ({ status }) => status === 'complete')
  expect(complete).toMatchObject({ code: 200 })

  expect(await post(failure)).toMatchObject({ status: 200, body: { status: 'duplicate' } })
  expect(await manifest('both')).toEqual(complete)
})

test('a success that comes while the failure before it still waits for a worker is not lost', async () => {
  const { post, provider, finished, addWorker } = await startSystem({ workers: 0 })
  const success = documentedPayload('separate-vocal', { files: provider.url, taskId: 'overtaken' })

  await post(documentedPayload('separate-vocal-failed', { taskId: 'overtaken' }))
  expect(await post(success)).toMatchObject({ body: { status: 'accepted' } })
  expect(await post(success)).toMatchObject({ status: 200 })
  await addWorker()

  expect(await finished('overtaken')).toMatchObject({ status: 'complete', code: 200 })
  expect(provider.hits('/s/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3')).toBe(1)
})

test('a second callback that names more stems while the first is being fetched adds them', async () => {
  const { post, provider, finished } = await startSystem()
  const gate = Promise.withResolvers<void>()
  provider.behave('/s/vocal.mp3', { kind: 'wait', until: gate.promise })
  const vocal = { vocal_url: `${provider.url}/s/vocal.mp3` }
  const both = { ...vocal, drums_url: `${provider.url}/s/drums.mp3` }
  await post({ code: 200, msg: 'ok', data: { task_id: 'more', vocal_separation_info: vocal } })
  await waitFor('the vocal is being fetched', () => provider.hits('/s/vocal.mp3') === 1)

  const answer = await post({ code: 200, msg: 'ok', data: { task_id: 'more', vocal_separation_info: both } })
  gate.resolve()

  expect(answer).toMatchObject({ status: 200, body: { status: 'accepted' } })
  const { stems } = await finished('more', (manifest) => 'drums' in manifest.stems)
  expect(stems).toMatchObject({ vocal: { status: 'saved' }, drums: { status: 'saved' } })
  expect(provider.hits('/s/vocal.mp3')).toBe(1)
})

test('a stem whose bytes have rotted in the store is fetched again when its separation is driven again', async () => {
  const { post, provider, finished, folder, sha256, queue } = await startSystem()
  const callback = documentedPayload('separate-vocal', { files: provider.url, taskId: 'rotten' })
  const vocal = '/s/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3'
  const instrumental = '/s/d92a13bf-c6f4-4ade-bb47-f69738435528_Instrumental.mp3'
  provider.behave(vocal, { kind: 'answer', status: 404 })
  await post(callback)
  await finished('rotten')
  await waitFor('its job has ended', async () => (await queue('separations').getCompletedCount()) === 1)
  await writeFile(`${folder}/rotten/instrumental.mp3`, 'rot')

  await post(callback)

  await finished('rotten', ({ status }) => status === 'complete')
  expect(await sha256('rotten', 'instrumental.mp3')).toBe(provider.file(instrumental).sha256)
})

test('of several callbacks with news that come while the first is being fetched none is lost', async () => {
  const { post, provider, finished } = await startSystem()
  const gate = Promise.withResolvers<void>()
  provider.behave('/s/vocal.mp3', { kind: 'wait', until: gate.promise })
  const naming = (stem: string) => ({
    code: 200,
    msg: 'ok',
    data: { task_id: 'several', vocal_separation_info: { [`${stem}_url`]: `${provider.url}/s/${stem}.mp3` } },
  })
  await post(naming('vocal'))
  await waitFor('the vocal is being fetched', () => provider.hits('/s/vocal.mp3') === 1)

  const answers = await Promise.all(['drums', 'bass', 'fx'].map((stem) => post(naming(stem))))
  gate.resolve()

  for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { status: 'accepted' } })
  const { stems } = await finished('several', (manifest) => Object.keys(manifest.stems).length === 4)
  expect(Object.values(stems).map(({ status }) => status)).toEqual(Array(4).fill('saved'))
  expect(provider.hits('/s/vocal.mp3')).toBe(1)
})

test('a success and a repeat of the failure that come at once, after the failure, end in the success', async () => {
  const { post, provider, finished, queue } = await startSystem()
  const failure = documentedPayload('separate-vocal-failed', { taskId: 'at-once' })
  await post(failure)
  await waitFor('it has failed', async () => (await queue('separations').getCompletedCount()) === 1)

  const success = documentedPayload('separate-vocal', { files: provider.url, taskId: 'at-once' })
  await Promise.all([post(success), post(failure), post(success), post(failure)])

  expect(await finished('at-once', ({ status }) => status === 'complete')).toMatchObject({ code: 200 })
})

test('a repeat of an old callback, after one with fresh links, does not put dead links in their place', async () => {
  const { post, provider, finished, addWorker } = await startSystem({ workers: 0 })
  const naming = (path: string) => ({
    code: 200,
    msg: 'ok',
    data: { task_id: 'relinked', vocal_separation_info: { vocal_url: provider.url + path } },
  })
  provider.alwaysBehave('/dead.mp3', { kind: 'answer', status: 410 })

  for (const path of ['/dead.mp3', '/fresh.mp3', '/dead.mp3']) {
    expect(await post(naming(path))).toMatchObject({ status: 200 })
  }
  await addWorker()

  const { stems } = await finished('relinked')
  expect(stems.vocal).toMatchObject({ status: 'saved', source_url: `${provider.url}/fresh.mp3` })
})

test('a stem is given up only when every link that it was ever given is dead', async () => {
  const { post, provider, finished } = await startSystem()
  const naming = (path: string) => ({
    code: 200,
    msg: 'ok',
    data: { task_id: 'any-link', vocal_separation_info: { vocal_url: provider.url + path } },
  })
  provider.behave('/one.mp3', { kind: 'answer', status: 404 })
  provider.alwaysBehave('/other.mp3', { kind: 'answer', status: 200, body: '<html>gone</html>'.repeat(100) })
  await post(naming('/one.mp3'))
  const first = await finished('any-link', ({ status }) => status === 'failed')

  expect(await post(naming('/other.mp3'))).toMatchObject({ body: { status: 'accepted' } })

  const { stems } = await finished('any-link', ({ finished_at }) => finished_at > first.finished_at)
  expect(stems.vocal).toMatchObject({ status: 'saved', source_url: `${provider.url}/one.mp3` })
})
