import { expect, inject, test } from 'vitest'
import { peaksOf, writeAnalyses } from './analyses.ts'
import { authorizationOf, LOGIN, startBoard, type TestBoard, VIEWER } from './start-board.ts'
import { separationOf, startSubmitter, startWorker, stemBytes } from './start-worker.ts'

const redisUrl = inject('redisUrl')

const start = async () => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  startWorker(board, redisUrl)
  const finished = (taskId: string) => expect.poll(() => board.store.readManifest(taskId)).toBeDefined()
  return { board, submit, finished }
}

const pageOf = async (board: TestBoard, taskId: string): Promise<string> =>
  (await board.get(`/separations/${taskId}`)).text()

const FACTS = {
  duration_seconds: 225.4,
  bit_rate: 192_000,
  sample_rate: 44_100,
  channels: 2,
  peak_db: -0.34,
  loudness_lufs: -14.06,
}

test('the page of a separation shows every stem in the order of a mixer, and what is empty or failed as such', async () => {
  const { board, submit, finished } = await start()
  await submit(
    separationOf('task-1', { origin: 'ok:', drums: 'ok:', bass: 'gone:the file is deleted', fx: null, vocal: 'ok:' }),
  )
  await finished('task-1')
  const page = await pageOf(board, 'task-1')
  expect([...page.matchAll(/data-stem="(\w+)" data-src="([^"]+)"/g)].map(([, ...found]) => found)).toEqual([
    ['vocal', '/files/task-1/vocal.mp3'],
    ['drums', '/files/task-1/drums.mp3'],
    ['origin', '/files/task-1/origin.mp3'],
  ])
  expect([...page.matchAll(/id="stem-(\w+)"/g)].map(([, name]) => name)).toEqual([
    'vocal',
    'drums',
    'bass',
    'fx',
    'origin',
  ])
  expect(page).toContain('failed: gone: the file is deleted')
  expect(page).toContain('fx <small>empty: the provider gave no link</small>')
  expect(page).toContain('href="/files/task-1/stems.zip"')
  expect(page).toContain('data-from="/files/task-1/manifest.json"')
  expect(page).toContain('action="/separations/task-1/replay?back=separation"')
  expect(page.match(/data-muted/g)).toHaveLength(1) // the original, which is all the others together
  expect(page).toContain('Its waveform is not drawn yet')
})

test('waveforms and facts are drawn from what lies beside the stems, without their bytes', async () => {
  const { board, submit, finished } = await start()
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'ok:', bass: 'ok:', synth: 'ok:' }))
  await finished('task-1')
  await writeAnalyses(board.store, 'task-1', {
    vocal: peaksOf(stemBytes('vocal'), FACTS),
    drums: peaksOf(stemBytes('drums'), { duration_seconds: 112.7, silent: true }),
    bass: peaksOf(stemBytes('other bytes'), FACTS),
    synth: peaksOf(stemBytes('synth'), undefined, 'the mp3 ends <b>early</b>'),
  })

  const page = await pageOf(board, 'task-1')
  const blockOf = (stem: string) =>
    page.split('class="block"').find((block) => block.includes(`id="stem-${stem}"`)) ?? ''
  for (const fact of ['3:45', '192 kbit/s', '44.1 kHz', 'stereo', 'peak −0.3 dB', '−14.1 LUFS']) {
    expect(blockOf('vocal')).toContain(`<span class="fact">${fact}</span>`)
  }
  const points = (stem: string) => /viewBox="0 0 (\d+) 256".*<path d="M0 \d+L1 \d+L/.exec(blockOf(stem))?.[1]
  expect(Number(points('vocal'))).toBe(750)
  expect(Number(points('drums'))).toBe(1500) // half as long as the longest, and drawn so
  expect(blockOf('vocal')).not.toContain('class="badge')
  expect(blockOf('drums')).toContain('<span class="badge">silent</span>')
  expect(blockOf('drums')).toContain('<span class="badge warning">shorter</span>')
  expect(blockOf('bass')).toContain('not drawn yet') // it was found in other bytes
  expect(blockOf('bass')).not.toContain('class="fact"')
  expect(blockOf('synth')).toContain('No waveform: the mp3 ends &#60;b&#62;early')
  expect(page.length).toBeLessThan(100_000)
})

test('stems whose lengths differ are said to', async () => {
  const { board, submit, finished } = await start()
  await submit(separationOf('task-1', { vocal: 'ok:', drums: 'ok:' }))
  await finished('task-1')
  expect(await pageOf(board, 'task-1')).not.toContain('lengths of the stems differ')
  await writeAnalyses(board.store, 'task-1', {
    vocal: peaksOf(stemBytes('vocal'), { duration_seconds: 225 }),
    drums: peaksOf(stemBytes('drums'), { duration_seconds: 190 }),
  })
  expect(await pageOf(board, 'task-1')).toContain('drums lasts 3:10, vocal 3:45')
})

test('a separation that runs shows how far each stem is', async () => {
  const { board, submit } = await start()
  await submit(separationOf('task-1', { vocal: 'held:', drums: 'gone:dead' }))
  await expect.poll(() => pageOf(board, 'task-1')).toContain('downloading 1 of 2')
  await expect.poll(() => pageOf(board, 'task-1')).toContain('<progress aria-label="vocal"')
  expect(await pageOf(board, 'task-1')).not.toContain('stems.zip')
})

test('nobody has a page of a task that nobody knows', async () => {
  const { board } = await start()
  for (const path of ['/separations/nobody', '/separations/..%2f..']) {
    const answer = await board.get(path)
    expect([answer.status, await answer.text()]).toEqual([
      404,
      expect.stringContaining('Neither the queue nor the store'),
    ])
  }
})

test('a viewer may look at it and change nothing', async () => {
  const { board, submit, finished } = await start()
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await finished('task-1')
  const answer = await fetch(`${board.origin}/separations/task-1`, {
    headers: { authorization: authorizationOf(VIEWER) },
  })
  const page = await answer.text()
  expect(page).toContain('data-stem="vocal"')
  expect(page).not.toContain('<form')
})

test('who replays a separation on its page comes back to it', async () => {
  const { board, submit, finished } = await start()
  await submit(separationOf('task-1', { vocal: 'gone:dead' }))
  await finished('task-1')
  const replay = (query: string) =>
    fetch(`${board.origin}/separations/task-1/replay${query}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { authorization: authorizationOf(LOGIN), 'sec-fetch-site': 'same-origin' },
    })
  await expect.poll(async () => (await replay('?back=separation')).headers.get('location')).toBe('/separations/task-1')
  await expect.poll(async () => (await replay('?back=//evil.example')).headers.get('location')).toBe('/')
})

test('a page that plays may take sound from its own script, and no page may take it from anywhere else', async () => {
  const { board, submit, finished } = await start()
  await submit(separationOf('task-1', { vocal: 'ok:' }))
  await finished('task-1')
  const policy = (await board.get('/separations/task-1')).headers.get('content-security-policy')
  expect(policy).toContain('media-src blob:')
  expect(policy).toMatch(/script-src 'self'(;|$)/)
  expect((await board.get('/')).headers.get('content-security-policy')).not.toContain('media-src')
})
