import { expect, test } from 'vitest'
import { type GatewaySystem, HOUR, startGatewaySystem } from '../support/gateway-system.ts'

/** A task whose callback arrives when its links have expired. */
const late = async ({ gateway, callBackUrl }: GatewaySystem, afterMs = 25 * HOUR) => {
  gateway.plan({ callback: 'drop' })
  const { taskId } = gateway.begin({ callBackUrl })
  await gateway.clock.advance(afterMs)
  expect(await gateway.sendAgain(taskId)).toBe(200)
  return taskId
}

const EXPIRED = [
  { status: 403 },
  { status: 403, html: true },
  { status: 401 },
  { status: 404 },
  { status: 410 },
  { status: 200, html: true },
]

test.each(EXPIRED)(
  'a link that has expired (%j) is refreshed by download-url, and the download goes on',
  async (how) => {
    const system = await startGatewaySystem()
    const { gateway, finished, sha256 } = system
    gateway.files.expireAs(how)
    const taskId = await late(system)

    const { status, stems } = await finished(taskId)

    expect(status).toBe('complete')
    for (const stem of ['vocal', 'instrumental']) {
      const saved = stems[stem]
      if (saved?.status !== 'saved') throw new Error(`${stem} is ${saved?.status}`)
      expect(await sha256(taskId, saved.file)).toBe(gateway.files.served(saved.source_url).sha256)
      expect(gateway.files.hits(saved.source_url)).toBe(2)
      expect(saved.source_url).not.toContain('?')
    }
    expect(gateway.asked.map(({ endpoint, code }) => [endpoint, code])).toEqual(Array(2).fill(['download-url', 200]))
  },
)

test('sunoapi has no download-url: its record is asked for the fresh links', async () => {
  const system = await startGatewaySystem({ gateway: { provider: 'sunoapi' } })
  const { gateway, finished } = system
  const taskId = await late(system)
  expect((await finished(taskId)).status).toBe('complete')
  expect(new Set(gateway.asked.map(({ endpoint }) => endpoint))).toEqual(new Set(['record-info']))
})

test('without a key nobody is asked: the stem is gone', async () => {
  const system = await startGatewaySystem({ withKey: false })
  const { gateway, finished } = system
  const taskId = await late(system)
  expect(await finished(taskId)).toMatchObject({
    status: 'failed',
    stems: { vocal: { error: { code: 'gone' } }, instrumental: { error: { code: 'gone' } } },
  })
  expect(gateway.asked).toEqual([])
})

test.each(['kie', 'sunoapi'] as const)(
  'a file that %s has deleted after 14 days is gone, and nothing is asked for ever',
  async (provider) => {
    const system = await startGatewaySystem({ gateway: { provider } })
    const { gateway, finished } = system
    const taskId = await late(system, 15 * 24 * HOUR)
    expect(await finished(taskId)).toMatchObject({
      status: 'failed',
      stems: { vocal: { error: { code: 'gone' } }, instrumental: { error: { code: 'gone' } } },
    })
    expect(gateway.asked.length).toBeGreaterThan(0)
  },
)

test('an API that is down when a fresh link is wanted costs an attempt, not the stem', async () => {
  const system = await startGatewaySystem({ worker: { DOWNLOAD_ATTEMPTS: '20' } })
  const { gateway, finished } = system
  gateway.behave('download-url', 'unavailable', 'html', 'truncated', 'rate_limited')
  gateway.behave('record-info', 'unavailable', 'unavailable', 'unavailable', 'unavailable')
  const taskId = await late(system)
  expect((await finished(taskId)).status).toBe('complete')
})
