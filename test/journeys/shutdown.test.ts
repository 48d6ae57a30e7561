import { expect, test } from 'vitest'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

test('a worker that is told to stop takes no new work, finishes what runs, and leaves', async () => {
  const { post, provider, workers, queue } = await startSystem({ worker: { DOWNLOAD_CONCURRENCY: '1' } })
  const gate = Promise.withResolvers<void>()
  provider.behave('/s/vocal.mp3', { kind: 'wait', until: gate.promise })
  provider.behave('/s/drums.mp3', { kind: 'wait', until: gate.promise })
  const links = { vocal_url: `${provider.url}/s/vocal.mp3`, drums_url: `${provider.url}/s/drums.mp3` }
  await post({ code: 200, msg: 'ok', data: { task_id: 'stop', vocal_separation_info: links } })
  await waitFor('the first stem is being fetched', () => provider.concurrency().now === 1)

  const stopped = workers[0]?.stop('SIGTERM')
  await workers[0]?.logged('closing', ({ msg }) => msg === 'app.closing')
  gate.resolve()

  expect(await stopped).toEqual({ code: 0, signal: null })
  const counts = await queue('stems').getJobCounts('completed', 'prioritized', 'active', 'failed')
  expect(counts).toEqual({ completed: 1, prioritized: 1, active: 0, failed: 0 })
})

test('what has not ended by the end of the drain is handed back, spends no attempt, and the next worker brings it home', async () => {
  const { post, provider, workers, queue, addWorker, finished } = await startSystem({
    worker: { DOWNLOAD_STALL_MS: '60000' },
  })
  provider.behave('/s/vocal.mp3', { kind: 'stall', afterBytes: 4000 })
  const links = { vocal_url: `${provider.url}/s/vocal.mp3` }
  await post({ code: 200, msg: 'ok', data: { task_id: 'hand-back', vocal_separation_info: links } })
  await waitFor('the stem is being fetched', () => provider.hits('/s/vocal.mp3') === 1)

  const startedAt = performance.now()
  expect(await workers[0]?.stop('SIGTERM')).toEqual({ code: 0, signal: null })

  expect(performance.now() - startedAt).toBeLessThan(25_000) // the promise made to orchestrators, not a speed
  const [job] = await queue('stems').getPrioritized()
  expect(job).toMatchObject({ attemptsMade: 0 })
  await addWorker()
  expect(await finished('hand-back')).toMatchObject({ status: 'complete' })
})
