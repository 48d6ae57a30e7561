import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { publicLink } from '@stems/domain/link'
import type { Manifest } from '@stems/domain/manifest'
import { type CallbackBody, documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import type { Checks } from './checks.ts'
import { FILES, type Stage, sha256Of } from './stage.ts'

const MANY = 24

/** The documented callbacks, sent from outside. */
export const checkJourneys = async (stage: Stage, { check }: Checks, workers: number): Promise<void> => {
  const { project, post, finished, hits, savedFiles } = stage

  await check('split_stem: twelve files whose sha256 are the far side’s, and a manifest that says so', async () => {
    const callback = documentedPayload('split-stem', { files: FILES })
    assert.deepEqual(await post(callback), { status: 200, body: { status: 'accepted' } })
    const manifest = await finished(callback.data.task_id)
    assert.equal(manifest.type, 'split_stem')
    assert.equal(manifest.code, 200)
    assert.deepEqual(manifest.stems.origin, { status: 'empty' })
    assert.equal(Object.keys(stemLinks(callback)).length, 12)
    await assertAllSaved(stage, callback, manifest)
  })

  await check('separate_vocal: two files and a manifest', async () => {
    const callback = documentedPayload('separate-vocal', { files: FILES, taskId: randomUUID() })
    assert.deepEqual(await post(callback), { status: 200, body: { status: 'accepted' } })
    const manifest = await finished(callback.data.task_id)
    assert.equal(manifest.type, 'separate_vocal')
    assert.deepEqual(Object.keys(stemLinks(callback)).sort(), ['instrumental', 'vocal'])
    await assertAllSaved(stage, callback, manifest)
  })

  await check('a failure callback ends as a manifest that says failed, with the provider’s words', async () => {
    const callback = documentedPayload('separate-vocal-failed', { taskId: randomUUID() })
    assert.deepEqual(await post(callback), { status: 200, body: { status: 'accepted' } })
    const { status, code, msg, stems } = await finished(callback.data.task_id)
    assert.deepEqual({ status, code, msg, stems }, { status: 'failed', code: 500, msg: callback.msg, stems: {} })
    assert.deepEqual(Object.keys(await savedFiles(callback.data.task_id)), ['manifest.json'])
  })

  await check('a hundred identical callbacks at once download each stem once', async () => {
    const callback = ownLinks(documentedPayload('split-stem', { files: FILES, taskId: randomUUID() }))
    const answers = await Promise.all(Array.from({ length: 100 }, () => post(callback)))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.equal(answers.filter(({ body }) => body.status === 'accepted').length, 1)
    await assertAllSaved(stage, callback, await finished(callback.data.task_id))
    assert.deepEqual(await hits(Object.values(stemLinks(callback))), Array(12).fill(1))
  })

  await check(
    `${MANY} separations are shared by all ${workers} workers, and each stem is downloaded once`,
    async () => {
      const callbacks = Array.from({ length: MANY }, () =>
        ownLinks(documentedPayload('separate-vocal', { files: FILES, taskId: randomUUID() })),
      )
      await Promise.all(callbacks.map((callback) => post(callback)))
      const manifests = await Promise.all(callbacks.map(({ data }) => finished(data.task_id)))
      assert.deepEqual([...new Set(manifests.map(({ status }) => status))], ['complete'])
      assert.deepEqual(
        await hits(callbacks.flatMap((callback) => Object.values(stemLinks(callback)))),
        Array(2 * MANY).fill(1),
      )

      const containers = await project.containers('worker')
      const logs = await Promise.all(containers.map((container) => project.docker('logs', container)))
      const tasks = callbacks.map(({ data }) => data.task_id)
      const shares = logs.map((log) => log.split('\n').filter((line) => isSaved(line, tasks)).length)
      console.log(`      stems per worker: ${shares.join(', ')}`)
      assert.equal(shares.length, workers)
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        2 * MANY,
      )
      assert.ok(Math.min(...shares) > 0, 'a worker had nothing to do')
    },
  )
}

const isSaved = (line: string, tasks: string[]): boolean => {
  if (!line.includes('"stem.attempted"')) return false
  const { taskId, outcome } = JSON.parse(line)
  return outcome === 'saved' && tasks.includes(taskId)
}

/** Links that no other check asks for, to count on. */
export const ownLinks = (callback: CallbackBody, parameters: Record<string, string> = {}): CallbackBody => {
  const query = new URLSearchParams({ ...parameters, task: callback.data.task_id })
  const text = JSON.stringify(callback).replaceAll('.mp3"', `.mp3?${query}"`)
  return JSON.parse(text)
}

/** Every stem of the callback is there, whole, and the manifest vouches for it. */
export const assertAllSaved = async (
  { savedFiles }: Stage,
  callback: CallbackBody,
  manifest: Manifest,
): Promise<void> => {
  assert.equal(manifest.status, 'complete')
  const files = await savedFiles(callback.data.task_id)
  const links = Object.entries(stemLinks(callback))
  for (const [stem, link] of links) {
    const saved = manifest.stems[stem]
    assert.ok(saved?.status === 'saved', stem)
    assert.equal(saved.file, `${stem}.mp3`)
    assert.equal(saved.content_type, 'audio/mpeg')
    assert.equal(saved.source_url, publicLink(link))
    assert.equal(saved.sha256, sha256Of(link), `${stem}: what the manifest says`)
    assert.equal(files[saved.file], sha256Of(link), `${stem}: what the file is`)
  }
  const published = Object.keys(files)
  const names = ['manifest.json', 'analysis.json', ...links.flatMap(([stem]) => [`${stem}.mp3`, `${stem}.peaks.json`])]
  const others = published.filter((name) => !names.includes(name))
  assert.deepEqual(others, [], 'no name but those of the stems, their peaks, the manifest and the analysis')
}
