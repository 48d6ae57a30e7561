import { expect, test } from 'vitest'
import { documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import { startSystem } from '../support/system.ts'

test('a split_stem callback gives twelve files whose sha256 are the far side’s, and a manifest that says so', async () => {
  const { post, provider, finished, sha256, files } = await startSystem()
  const callback = documentedPayload('split-stem', { files: provider.url })
  const taskId = callback.data.task_id

  const answer = await post(callback)

  expect(answer).toMatchObject({ status: 200, body: { status: 'accepted' } })
  const manifest = await finished(taskId)
  expect(manifest).toMatchObject({ version: 1, task_id: taskId, type: 'split_stem', status: 'complete', code: 200 })
  expect(manifest.stems.origin).toEqual({ status: 'empty' })
  const links = Object.entries(stemLinks(callback))
  expect(links).toHaveLength(12)
  for (const [stem, link] of links) {
    const sent = provider.file(new URL(link).pathname)
    expect(manifest.stems[stem]).toMatchObject({
      status: 'saved',
      file: `${stem}.mp3`,
      bytes: sent.bytes,
      sha256: sent.sha256,
      content_type: 'audio/mpeg',
      source_url: link,
    })
    expect(await sha256(taskId, `${stem}.mp3`)).toBe(sent.sha256)
  }
  expect(await files()).toHaveLength(13)
})

test('the same callback sent a hundred times at once downloads each stem once', async () => {
  const { post, provider, finished } = await startSystem({ workers: 2 })
  const callback = documentedPayload('split-stem', { files: provider.url })

  const answers = await Promise.all(Array.from({ length: 100 }, () => post(callback)))

  expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200))
  expect(answers.filter(({ body }) => body.status === 'accepted')).toHaveLength(1)
  expect(answers.filter(({ body }) => body.status === 'duplicate')).toHaveLength(99)
  await finished(callback.data.task_id)
  expect(await post(callback)).toMatchObject({ status: 200, body: { status: 'duplicate' } })
  for (const link of Object.values(stemLinks(callback))) expect(provider.hits(new URL(link).pathname)).toBe(1)
})
