import { expect, test } from 'vitest'
import { type GatewaySystem, MINUTE, SECOND, startGatewaySystem } from '../support/gateway-system.ts'
import { waitFor } from '../support/wait-for.ts'

/** A task whose callback gets lost, and which is done. */
const lost = async (
  { gateway, callBackUrl }: GatewaySystem,
  ...[order]: Parameters<GatewaySystem['gateway']['begin']>
) => {
  gateway.plan({ callback: 'drop' })
  const task = gateway.begin({ callBackUrl, ...order })
  await gateway.clock.advance(2 * MINUTE)
  return task
}

const savedStems = async ({ finished, sha256, gateway }: GatewaySystem, taskId: string) => {
  const manifest = await finished(taskId)
  const { files } = gateway.task(taskId)
  for (const { path } of files) expect(gateway.files.hits(path)).toBe(1)
  for (const [stem, outcome] of Object.entries(manifest.stems)) {
    if (outcome.status === 'empty') continue
    if (outcome.status !== 'saved') throw new Error(`${stem}: ${outcome.error.message}`)
    expect(outcome.sha256).toBe(gateway.files.served(outcome.source_url).sha256)
    expect(await sha256(taskId, outcome.file)).toBe(outcome.sha256)
  }
  const saved = Object.entries(manifest.stems).filter(([, { status }]) => status === 'saved')
  return { manifest, saved: saved.map(([stem]) => stem).sort() }
}

/** What the board says keeps a separation from its end. */
const problemOf = ({ body }: Awaited<ReturnType<GatewaySystem['shown']>>): string => {
  expect(body).toMatchObject({ status: 'expected' })
  return body.problem ?? ''
}

const SPLIT = [
  ...['backing_vocals', 'bass', 'brass', 'drums', 'fx', 'guitar', 'keyboard', 'percussion'],
  ...['strings', 'synth', 'vocal', 'woodwinds'],
]

test.each([
  ['kie', 'same'],
  ['kie', 'other'],
  ['sunoapi', 'same'],
] as const)(
  'a callback of %s that gets lost is made up for by asking (links in its list: %s): each stem is home once, by the name that a callback has for it',
  async (provider, listedLinks) => {
    const system = await startGatewaySystem({ gateway: { provider, listedLinks } })
    const { gateway, callBackUrl, expectTask, asked } = system
    gateway.plan({ callback: 'drop', unknownStems: ['bass_kazoo'] })
    const { taskId } = gateway.begin({ type: 'split_stem', callBackUrl })
    await expectTask(taskId)
    await asked(taskId, 2)
    expect(gateway.task(taskId).successFlag).toBe('PENDING')

    await gateway.clock.advance(83 * SECOND)

    const { manifest, saved } = await savedStems(system, taskId)
    expect(manifest).toMatchObject({ status: 'complete', type: 'split_stem', code: 200 })
    expect(saved).toEqual([...SPLIT, 'bass_kazoo'].sort())
    expect(gateway.task(taskId).deliveries).toMatchObject([{ result: 'dropped' }])
    expect(gateway.asked.every(({ authorization }) => authorization === `Bearer ${gateway.apiKey}`)).toBe(true)
  },
)

test('the list form comes home by asking, both halves of it', async () => {
  const system = await startGatewaySystem()
  const { taskId } = await lost(system, { type: 'split_stem_advanced' })
  await system.expectTask(taskId)
  const { manifest, saved } = await savedStems(system, taskId)
  expect(manifest.status).toBe('complete')
  expect(saved).toEqual(['lead_vocal', 'lead_vocal_removed'])
})

test.each(['date-time', 'numeric-string'] as const)(
  'a record with its times as %s, and errors as HTTP codes, is read as well',
  async (times) => {
    const system = await startGatewaySystem({ gateway: { times, errorsAs: 'status' } })
    const { taskId } = await lost(system)
    system.gateway.behave('record-info', 'rate_limited')
    await system.expectTask(taskId)
    expect((await savedStems(system, taskId)).saved).toEqual(['instrumental', 'vocal'])
  },
)

test('a callback that comes while a task is waited for is taken at once, and nobody is asked', async () => {
  const system = await startGatewaySystem({ worker: { EXPECTED_POLL_SECONDS: '3600' } })
  const { gateway, callBackUrl, expectTask } = system
  const { taskId } = gateway.begin({ callBackUrl })
  await expectTask(taskId)
  await gateway.clock.advance(83 * SECOND)
  expect((await savedStems(system, taskId)).manifest.status).toBe('complete')
  expect(gateway.task(taskId).deliveries).toMatchObject([{ result: 200 }])
  expect(gateway.asked).toEqual([])
})

test('a callback that comes after all, when its task is home already, is a duplicate and changes nothing', async () => {
  const system = await startGatewaySystem()
  const { gateway, expectTask, manifest, post, queue } = system
  const { taskId } = await lost(system)
  await expectTask(taskId)
  const before = (await savedStems(system, taskId)).manifest
  await waitFor('the job ends', async () => (await queue('separations').getCompletedCount()) === 1)
  const count = gateway.asked.length

  expect(await post(gateway.callbackOf(taskId))).toEqual({
    status: 200,
    headers: expect.anything(),
    body: { status: 'duplicate' },
  })

  expect(await gateway.sendAgain(taskId)).toBe(200)
  expect(await manifest(taskId)).toEqual(before)
  for (const { path } of gateway.task(taskId).files) expect(gateway.files.hits(path)).toBe(1)
  expect(gateway.asked).toHaveLength(count)
})

test('a task can be registered twice, and after its callback has come', async () => {
  const system = await startGatewaySystem({ worker: { EXPECTED_POLL_SECONDS: '3600' } })
  const { gateway, callBackUrl, expectTask } = system
  const { taskId } = gateway.begin({ callBackUrl })
  await expectTask(taskId)
  await expectTask(taskId)
  await gateway.clock.advance(83 * SECOND)
  const { manifest } = await savedStems(system, taskId)
  await expectTask(taskId)
  expect(await system.manifest(taskId)).toEqual(manifest)
})

test('a separation that has failed at the provider ends with its code and its reason', async () => {
  const { gateway, callBackUrl, expectTask, finished } = await startGatewaySystem()
  gateway.plan({
    callback: 'drop',
    outcome: 'GENERATE_AUDIO_FAILED',
    error: { code: 531, message: 'the song is too long' },
  })
  const { taskId } = gateway.begin({ callBackUrl })
  await expectTask(taskId)
  await gateway.clock.advance(83 * SECOND)
  expect(await finished(taskId)).toMatchObject({ status: 'failed', code: 531, msg: 'the song is too long', stems: {} })
})

test.each(['null', 'not_found', 'invalid'] as const)(
  'a task that the provider never knew (it answers «%s») is given up with that reason, which the board shows',
  async (unknownTask) => {
    const { expectTask, finished, shown, queue } = await startGatewaySystem({
      gateway: { unknownTask },
      worker: { READBACK_PATIENCE_SECONDS: '1' },
    })
    await expectTask('nobody-bought-this')
    const msg = expect.stringMatching(/the provider knows no task of this id/)
    expect(await finished('nobody-bought-this')).toMatchObject({ status: 'failed', code: 404, msg, stems: {} })
    await waitFor('the job ends', async () => (await queue('separations').getCompletedCount()) === 1)
    expect((await shown('nobody-bought-this')).body).toMatchObject({ status: 'failed', manifest: { code: 404, msg } })
  },
)

test('a wrong key is named on the board and by the worker, and asking stops; a callback is taken all the same, and the right key brings the rest home', async () => {
  const system = await startGatewaySystem({ worker: { PROVIDER_API_KEY: 'a-wrong-key' } })
  const { gateway, expectTask, shown, workers, addWorker, manifest } = system
  const [called, asked] = [await lost(system), await lost(system)]
  for (const { taskId } of [called, asked]) {
    await expectTask(taskId)
    await waitFor('the board names the key', async () =>
      problemOf(await shown(taskId)).includes('the provider refuses PROVIDER_API_KEY'),
    )
    expect(await manifest(taskId)).toBeUndefined()
    expect(JSON.stringify(await shown(taskId))).not.toContain('a-wrong-key')
  }
  const [worker] = workers
  const readiness = await fetch(`${worker?.url}/readyz`)
  expect([readiness.status, await readiness.text()]).toEqual([503, expect.stringContaining('PROVIDER_API_KEY')])
  await worker?.logged('the key', ({ msg }) => msg.startsWith('provider.bad_key'))
  expect(gateway.asked).toHaveLength(1)

  expect(await gateway.sendAgain(called.taskId)).toBe(200)
  expect((await savedStems(system, called.taskId)).manifest.status).toBe('complete')
  expect(gateway.asked).toHaveLength(1)

  await worker?.stop()
  await addWorker({ PROVIDER_API_KEY: gateway.apiKey })
  expect((await savedStems(system, asked.taskId)).manifest.status).toBe('complete')
})

test('a provider under maintenance is left in peace, the board says why, and a callback is taken all the same', async () => {
  const system = await startGatewaySystem()
  const { gateway, expectTask, shown } = system
  const [one, other] = [await lost(system), await lost(system)]
  gateway.alwaysBehave('maintenance')
  for (const { taskId } of [one, other]) {
    await expectTask(taskId)
    await waitFor('the board says why', async () => /under maintenance/.test(problemOf(await shown(taskId))))
  }
  expect(gateway.asked).toHaveLength(1)
  expect(await gateway.sendAgain(one.taskId)).toBe(200)
  expect((await savedStems(system, one.taskId)).manifest.status).toBe('complete')
})

test('a provider whose API is down is named on the board; when it is back, the task comes home', async () => {
  const system = await startGatewaySystem()
  const { gateway, expectTask, shown } = system
  const { taskId } = await lost(system)
  await gateway.goDown()
  await expectTask(taskId)
  await waitFor('the board says what is wrong', async () => problemOf(await shown(taskId)).includes('ECONNREFUSED'))
  await gateway.comeBack()
  expect((await savedStems(system, taskId)).manifest.status).toBe('complete')
})

test.each([
  ['unavailable', /in trouble|503/],
  ['server_error', /in trouble/],
  ['rate_limited', /asked too often/],
  ['html', /cannot read/],
  ['truncated', /cannot read/],
  ['wrong_types', /cannot read/],
  ['other_task', /another task/],
] as const)(
  'a provider in the mood «%s» keeps a task waiting, the board says why, and sense brings it home',
  async (mood, words) => {
    const system = await startGatewaySystem()
    const { gateway, expectTask, shown, manifest } = system
    const { taskId } = await lost(system)
    gateway.alwaysBehave(mood, ['record-info'])
    await expectTask(taskId)
    await waitFor('the board says why', async () => words.test(problemOf(await shown(taskId))))
    expect(await manifest(taskId)).toBeUndefined()
    gateway.alwaysBehave('well')
    expect((await savedStems(system, taskId)).manifest.status).toBe('complete')
    await waitFor('the board has nothing to complain of', async () => (await shown(taskId)).body.problem === null)
  },
)

test('a worker that is killed while a task is waited for takes nothing with it', async () => {
  const system = await startGatewaySystem()
  const { gateway, workers, addWorker, expectTask, asked, callBackUrl } = system
  gateway.plan({ callback: 'drop' })
  const { taskId } = gateway.begin({ callBackUrl })
  await expectTask(taskId)
  await asked(taskId, 1)
  await workers[0]?.stop('SIGKILL')
  await gateway.clock.advance(83 * SECOND)
  await addWorker()
  expect((await savedStems(system, taskId)).manifest.status).toBe('complete')
})
