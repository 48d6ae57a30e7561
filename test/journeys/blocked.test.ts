import { expect, test } from 'vitest'
import { startSystem } from '../support/system.ts'

const callbackFor = (taskId: string, links: Record<string, string>) => ({
  code: 200,
  msg: 'ok',
  data: { task_id: taskId, vocal_separation_info: links },
})

const figure = async (metricsUrl: string, reason: string): Promise<number> => {
  const text = await (await fetch(metricsUrl)).text()
  return Number(new RegExp(`^stemkeeper_blocked_urls_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1])
}

test('a provider that moves to a new host is noticed: failed for good, named, counted, and warned of', async () => {
  const { post, provider, finished, workers } = await startSystem()
  const [worker] = workers as [(typeof workers)[0]]
  expect(await figure(`${worker.url}/metrics`, 'host')).toBe(0)

  const links = {
    vocal_url: `${provider.url}/s/vocal.mp3`,
    drums_url: 'https://musicfile.example/s/drums.mp3?token=hunter2',
  }
  await post(callbackFor('moved', links))

  const { status, stems } = await finished('moved')
  expect(status).toBe('partial')
  expect(stems.vocal).toMatchObject({ status: 'saved' })
  expect(stems.drums).toMatchObject({
    status: 'failed',
    error: { code: 'blocked', message: expect.stringMatching(/^musicfile\.example .*DOWNLOAD_ALLOWED_HOSTS/) },
  })
  const warning = await worker.logged('blocked', ({ msg }) => msg === 'url.blocked')
  const about = { level: 'warn', taskId: 'moved', stem: 'drums', host: 'musicfile.example', reason: 'host' }
  expect(warning).toMatchObject(about)
  expect(worker.log.filter(({ msg }) => msg === 'url.blocked')).toHaveLength(1) // it is not tried again
  expect(await figure(`${worker.url}/metrics`, 'host')).toBe(1)
})

test('under the rules of production nothing on this machine is asked, however it is written', async () => {
  const { post, provider, finished, workers } = await startSystem({
    worker: { DOWNLOAD_ALLOW_PRIVATE: 'false', DOWNLOAD_ALLOWED_HOSTS: '*', DOWNLOAD_ALLOWED_PORTS: '443,8443' },
  })
  const [worker] = workers as [(typeof workers)[0]]
  const hosts = ['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '0.0.0.0', 'localhost.', '[::1]']
  const embedded = ['[::127.0.0.1]', '[::ffff:7f00:1]', '[64:ff9b::7f00:1]', '169.254.169.254', '１２７.0.0.1']
  const links = [...hosts, ...embedded].map((host, n) => [`s${n}_url`, `https://${host}:8443/s/x.mp3`])
  const others = {
    scheme_url: `${provider.url}/s/x.mp3`,
    credentials_url: 'https://user:hunter2@cdn1.suno.ai/x.mp3',
    port_url: 'https://cdn1.suno.ai:22/x.mp3',
  }
  await post(callbackFor('inside', { ...Object.fromEntries(links), ...others }))

  const { status, stems } = await finished('inside')
  expect(status).toBe('failed')
  for (const [name, stem] of Object.entries(stems)) expect(stem, name).toMatchObject({ error: { code: 'blocked' } })
  const figures = ['address', 'scheme', 'credentials', 'port', 'host'].map((reason) =>
    figure(`${worker.url}/metrics`, reason),
  )
  expect(await Promise.all(figures)).toEqual([links.length, 1, 1, 1, 0])
  expect(provider.concurrency().most).toBe(0)
})
