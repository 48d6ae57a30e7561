import { readdir, stat } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const LINK = '/s/vocal.mp3?bytes=3000000'
const callbackFor = (taskId: string, files: string) => ({
  code: 200,
  msg: 'ok',
  data: { task_id: taskId, vocal_separation_info: { vocal_url: files + LINK } },
})

const bytesInParts = async (folder: string): Promise<number> => {
  const names = await readdir(`${folder}/.parts`).catch(() => [])
  const sizes = await Promise.all(
    names.filter((name) => name.endsWith('.part')).map(async (name) => (await stat(`${folder}/.parts/${name}`)).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

test('the stem of a worker that is killed in the middle of a download is taken up by another, from where it stopped', async () => {
  const { post, provider, workers, addWorker, finished, sha256, folder } = await startSystem({
    worker: { DOWNLOAD_STALL_MS: '60000' },
  })
  provider.behave(LINK, { kind: 'stall', afterBytes: 2_500_000 })
  await post(callbackFor('killed', provider.url))
  await waitFor('its bytes are on the disk', async () => (await bytesInParts(folder)) === 2_500_000)

  await workers[0]?.stop('SIGKILL')
  const killedAt = performance.now()
  await addWorker()

  const manifest = await finished('killed')
  expect(performance.now() - killedAt).toBeLessThan(30_000) // the promise made to users, not a speed
  const { bytes, sha256: served } = provider.file(LINK)
  expect(manifest).toMatchObject({ status: 'complete', stems: { vocal: { bytes, sha256: served } } })
  expect(await sha256('killed', 'vocal.mp3')).toBe(served)
  expect(provider.requests(LINK)[1]).toMatchObject({ range: 'bytes=2500000-', 'if-range': expect.any(String) })
})

test('a worker that was paused for longer than its lock cannot harm the file that another has saved meanwhile', async () => {
  const { post, provider, workers, addWorker, finished, sha256, manifest } = await startSystem({
    worker: { DOWNLOAD_STALL_MS: '60000' },
  })
  provider.behave(LINK, { kind: 'slow', bytesPerSecond: 1_000_000 })
  await post(callbackFor('paused', provider.url))
  const [paused] = workers
  await waitFor('the stem is being fetched', () => provider.hits(LINK) === 1)
  paused?.process.kill('SIGSTOP')
  await addWorker()
  const saved = await finished('paused')

  paused?.process.kill('SIGCONT')
  await paused?.logged('its attempt has ended', ({ msg }) => msg === 'stem.attempted')

  expect(saved).toMatchObject({ status: 'complete', stems: { vocal: { sha256: provider.file(LINK).sha256 } } })
  expect(await manifest('paused')).toEqual(saved)
  expect(await sha256('paused', 'vocal.mp3')).toBe(provider.file(LINK).sha256)
})
