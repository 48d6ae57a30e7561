import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const holdAll = (provider: Awaited<ReturnType<typeof startSystem>>['provider'], links: string[]) => {
  const gate = Promise.withResolvers<void>()
  for (const link of links) provider.behave(new URL(link).pathname, { kind: 'wait', until: gate.promise })
  return gate
}

const splitStem = (files: string, taskId: string) => documentedPayload('split-stem', { files, taskId })
const linksOf = (body: ReturnType<typeof splitStem>) =>
  Object.values(body.data.vocal_separation_info ?? {}).filter((link): link is string => Boolean(link))

test('one process fetches as many stems at once as it may, and no more', async () => {
  const { post, provider, finished } = await startSystem({ worker: { DOWNLOAD_CONCURRENCY: '3' } })
  const callback = splitStem(provider.url, 'per-process')
  const gate = holdAll(provider, linksOf(callback))

  await post(callback)
  await waitFor('three are being fetched', () => provider.concurrency().now === 3)
  gate.resolve()

  await finished('per-process')
  expect(provider.concurrency().most).toBe(3)
})

test('all workers together fetch as many stems at once as they may, and no more', async () => {
  const { post, provider, finished } = await startSystem({
    workers: 2,
    worker: { DOWNLOAD_CONCURRENCY: '8', DOWNLOAD_GLOBAL_CONCURRENCY: '4' },
  })
  const callback = splitStem(provider.url, 'global')
  const gate = holdAll(provider, linksOf(callback))

  await post(callback)
  await waitFor('four are being fetched', () => provider.concurrency().now === 4)
  gate.resolve()

  await finished('global')
  expect(provider.concurrency().most).toBe(4)
})

test('the progress of a download stands on its job', async () => {
  const { post, provider, queue, finished } = await startSystem()
  provider.behave('/s/vocal.mp3', { kind: 'slow', bytesPerSecond: 20_000 })
  const total = provider.file('/s/vocal.mp3').bytes

  const links = { vocal_url: `${provider.url}/s/vocal.mp3` }
  await post({ code: 200, msg: 'ok', data: { task_id: 'progress', vocal_separation_info: links } })

  const partly = await waitFor('some bytes are shown', async () => {
    const [job] = await queue('stems').getActive()
    const progress = job?.progress as { bytes?: number; total?: number } | undefined
    return progress?.bytes ? progress : undefined
  })
  expect(partly).toMatchObject({ bytes: expect.any(Number), total })
  await finished('progress')
})
