import { expect, test } from 'vitest'
import type { Behaviour, StandInProvider } from '../stand-in/provider.ts'
import { startSystem } from '../support/system.ts'

const callbackFor = (taskId: string, provider: StandInProvider, stems: string[]) => ({
  code: 200,
  msg: 'ok',
  data: {
    task_id: taskId,
    vocal_separation_info: Object.fromEntries(stems.map((stem) => [`${stem}_url`, `${provider.url}/s/${stem}.mp3`])),
  },
})

test('a trouble that passes is tried again, and the stem comes home whole', async () => {
  const { post, provider, finished } = await startSystem()
  const passing: Record<string, Behaviour> = {
    timeout408: { kind: 'answer', status: 408 },
    early425: { kind: 'answer', status: 425 },
    crowded429: { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
    away503: { kind: 'answer', status: 503, headers: { 'retry-after': '0' } },
    broken500: { kind: 'answer', status: 500, body: 'oops' },
    gateway502: { kind: 'answer', status: 502 },
    cut: { kind: 'cut', afterBytes: 5000 },
    cutchunked: { kind: 'cut', afterBytes: 5000, chunked: true },
    stalled: { kind: 'stall', afterBytes: 5000 },
    empty: { kind: 'answer', status: 200, body: '' },
    hungup: { kind: 'cut', afterBytes: 0 },
  }
  for (const [stem, behaviour] of Object.entries(passing)) provider.behave(`/s/${stem}.mp3`, behaviour)

  await post(callbackFor('passing', provider, Object.keys(passing)))

  const manifest = await finished('passing')
  expect(manifest.status).toBe('complete')
  for (const stem of Object.keys(passing)) {
    expect(manifest.stems[stem]).toMatchObject({ status: 'saved', sha256: provider.file(`/s/${stem}.mp3`).sha256 })
    expect(provider.hits(`/s/${stem}.mp3`)).toBe(2)
  }
})

test('a stem that is given up does not lose the others: the manifest is partial and names each reason', async () => {
  const { post, provider, finished, files } = await startSystem({ worker: { DOWNLOAD_MAX_BYTES: '200000' } })
  const hopeless: Record<string, [Behaviour, string, number]> = {
    bad400: [{ kind: 'answer', status: 400 }, 'refused', 1],
    locked401: [{ kind: 'answer', status: 401 }, 'gone', 1],
    forbidden403: [{ kind: 'answer', status: 403, body: '<html>Cloudflare</html>' }, 'gone', 1],
    missing404: [{ kind: 'answer', status: 404 }, 'gone', 1],
    gone410: [{ kind: 'answer', status: 410 }, 'gone', 1],
    page: [{ kind: 'answer', status: 200, headers: { 'content-type': 'text/html' }, body: PAGE }, 'not_audio', 1],
    huge: [{ kind: 'answer', status: 200, body: Buffer.alloc(300_000, 1) }, 'too_large', 1],
    broken: [{ kind: 'answer', status: 500 }, 'unavailable', 3],
  }
  for (const [stem, [behaviour]] of Object.entries(hopeless)) provider.alwaysBehave(`/s/${stem}.mp3`, behaviour)

  await post(callbackFor('partial', provider, ['drums', ...Object.keys(hopeless)]))

  const manifest = await finished('partial')
  expect(manifest.status).toBe('partial')
  expect(manifest.stems.drums).toMatchObject({ status: 'saved', sha256: provider.file('/s/drums.mp3').sha256 })
  for (const [stem, [, code, hits]] of Object.entries(hopeless)) {
    const source_url = `${provider.url}/s/${stem}.mp3`
    expect(manifest.stems[stem], stem).toMatchObject({ status: 'failed', source_url, error: { code } })
    expect(provider.hits(`/s/${stem}.mp3`), stem).toBe(hits)
  }
  expect((await files()).sort()).toEqual(['partial/drums.mp3', 'partial/manifest.json'])
})

test('a separation of which nothing could be saved is failed', async () => {
  const { post, provider, finished } = await startSystem()
  provider.alwaysBehave('/s/vocal.mp3', { kind: 'answer', status: 404 })

  await post(callbackFor('nothing', provider, ['vocal']))

  expect(await finished('nothing')).toMatchObject({ status: 'failed', stems: { vocal: { error: { code: 'gone' } } } })
})

test('a redirect is followed to where requests may go, and nowhere else', async () => {
  const { post, provider, finished } = await startSystem()
  provider.behave('/s/moved.mp3', { kind: 'redirect', to: '/s/drums.mp3' })
  provider.behave('/s/elsewhere.mp3', {
    kind: 'redirect',
    to: `http://localhost:${new URL(provider.url).port}/s/trap.mp3`,
  })
  provider.behave('/s/file.mp3', { kind: 'redirect', to: 'file:///etc/passwd' })

  await post(callbackFor('redirects', provider, ['moved', 'elsewhere', 'file']))

  const { status, stems } = await finished('redirects')
  expect(status).toBe('partial')
  expect(stems.moved).toMatchObject({ status: 'saved', sha256: provider.file('/s/drums.mp3').sha256 })
  expect(stems.elsewhere).toMatchObject({ error: { code: 'blocked', message: expect.stringContaining('localhost') } })
  expect(stems.file).toMatchObject({ error: { code: 'blocked' } })
  expect(provider.hits('/s/trap.mp3')).toBe(0)
})

test('a link to a host that is not allowed fails for good, is named, and is never asked', async () => {
  const { post, provider, finished } = await startSystem({ worker: { DOWNLOAD_ALLOWED_HOSTS: 'example.org' } })

  await post(callbackFor('blocked', provider, ['vocal']))

  const { stems } = await finished('blocked')
  expect(stems.vocal).toMatchObject({ error: { code: 'blocked', message: expect.stringContaining('127.0.0.1') } })
  expect(provider.hits('/s/vocal.mp3')).toBe(0)
})

test('without permission for private addresses nothing on this machine is asked, whatever hosts are allowed', async () => {
  const { post, provider, finished } = await startSystem({
    worker: { DOWNLOAD_ALLOWED_HOSTS: '*', DOWNLOAD_ALLOW_PRIVATE: 'false' },
  })
  const links = { vocal_url: `${provider.url}/s/vocal.mp3`, drums_url: 'https://127.0.0.1/s/drums.mp3' }

  await post({ code: 200, msg: 'ok', data: { task_id: 'private', vocal_separation_info: links } })

  const { stems } = await finished('private')
  expect(stems.vocal).toMatchObject({ error: { code: 'blocked' } })
  expect(stems.drums).toMatchObject({ error: { code: 'blocked' } })
  expect(provider.hits('/s/vocal.mp3')).toBe(0)
})

const PAGE = `<!doctype html><html><body>${'Just a moment. '.repeat(200)}</body></html>`
