import { expect, test } from 'vitest'
import { MINUTE, startGatewaySystem } from '../support/gateway-system.ts'
import { runScript } from '../support/script.ts'
import { TOKEN } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const order = { source_task_id: 'song-1', audio_id: 'audio-1', type: 'separate_vocal' }

const start = async () => {
  const system = await startGatewaySystem()
  const { gateway, ingress } = system
  const shop = {
    PUBLIC_URL: ingress.url,
    CALLBACK_TOKENS: TOKEN,
    PROVIDER_API_URL: gateway.url,
    PROVIDER_API_KEY: gateway.apiKey,
    DOWNLOAD_ALLOW_PRIVATE: 'true',
  }
  const board = await system.addBoard(shop)
  const buy = (more: object = {}) => board.ask('/api/separations', { method: 'POST', body: { ...order, ...more } })
  return { ...system, shop, buy }
}

test('a separation that is bought calls back here, and comes home; the same is not bought twice unless told so', async () => {
  const { gateway, buy, finished } = await start()
  const { status, body } = await buy()
  expect([status, body]).toEqual([202, { task_id: expect.any(String), status: 'bought' }])
  await gateway.clock.advance(2 * MINUTE)
  expect((await finished(body.task_id)).status).toBe('complete')
  expect(gateway.task(body.task_id).deliveries).toMatchObject([{ result: 200 }])

  expect(await buy()).toMatchObject({
    status: 409,
    body: { task_id: body.task_id, detail: expect.stringContaining('again') },
  })
  expect(gateway.charges).toHaveLength(1)

  const again = await buy({ again: true })
  expect(again).toMatchObject({ status: 202, body: { status: 'bought' } })
  expect(again.body.task_id).not.toBe(body.task_id)
  expect(gateway.charges).toHaveLength(2)
})

test('what is bought is expected: it comes home though its callback gets lost', async () => {
  const { gateway, buy, finished } = await start()
  gateway.plan({ callback: 'drop' })
  const { body } = await buy()
  await gateway.clock.advance(2 * MINUTE)
  expect((await finished(body.task_id)).status).toBe('complete')
})

test('an order whose answer is lost may have been bought: it is not repeated, and its callback settles it', async () => {
  const { gateway, buy, finished } = await start()
  gateway.behave('generate', 'work_then_cut')
  expect(await buy()).toMatchObject({ status: 504, body: { detail: expect.stringContaining('may have been bought') } })
  expect(await buy()).toMatchObject({ status: 504 })
  expect(gateway.charges).toHaveLength(1)

  await gateway.clock.advance(2 * MINUTE)
  const [task] = gateway.tasks()
  const taskId = task?.taskId ?? ''
  expect((await finished(taskId)).status).toBe('complete')
  await waitFor('the purchase is settled', async () => {
    const { status, body } = await buy()
    return status === 409 && body.task_id === taskId
  })
  expect(gateway.charges).toHaveLength(1)
})

test.each([
  ['no_credits', 402],
  ['bad_key', 502],
  ['maintenance', 503],
] as const)(
  'a provider that says %s has sold nothing: the answer is %s, and the next order is sent',
  async (mood, status) => {
    const { gateway, buy } = await start()
    gateway.behave('generate', mood)
    expect(await buy()).toMatchObject({ status, body: { detail: expect.stringMatching(/^Nothing was bought: /) } })
    expect(await buy()).toMatchObject({ status: 202 })
  },
)

test('a trouble of the provider may have come after the money was taken: the order is not sent again', async () => {
  const { gateway, buy } = await start()
  gateway.behave('generate', 'server_error')
  expect(await buy()).toMatchObject({ status: 504 })
  expect(await buy()).toMatchObject({ status: 504 })
  expect(gateway.asked.filter(({ endpoint }) => endpoint === 'generate')).toHaveLength(1)
})

test('without a key the board buys nothing and says what is missing', async () => {
  const { addBoard, gateway } = await startGatewaySystem({ withKey: false })
  const board = await addBoard()
  expect(await board.ask('/api/separations', { method: 'POST', body: order })).toMatchObject({
    status: 501,
    body: { detail: expect.stringContaining('PUBLIC_URL') },
  })
  expect(gateway.charges).toEqual([])
})

test('npm run separate buys once, and npm run expect registers what was bought elsewhere', async () => {
  const { gateway, shop, env, finished, callBackUrl } = await start()
  const run = async (script: string, ...args: string[]) => {
    const { ended, output } = runScript(script, '/', { ...env, ...shop }, ...args)
    return { code: await ended, output: output() }
  }
  const first = await run('separate', 'song-1', 'audio-1', 'separate_vocal')
  const [, taskId = ''] = /^bought: task (\S+),/.exec(first.output) ?? []
  expect(first).toMatchObject({ code: 0, output: expect.stringMatching(/^bought: task \S+, which is expected now/) })
  expect(await run('separate', 'song-1', 'audio-1', 'separate_vocal')).toMatchObject({
    code: 0,
    output: expect.stringContaining(`nothing was bought now: task ${taskId}`),
  })
  expect(await run('separate', 'song-1', 'audio-1', 'everything')).toMatchObject({
    code: 1,
    output: expect.stringContaining('usage: npm run separate'),
  })

  gateway.plan({ callback: 'drop' })
  const elsewhere = gateway.begin({ callBackUrl })
  const registered = { code: 0, output: expect.stringContaining(`${elsewhere.taskId} is expected`) }
  expect(await run('expect', elsewhere.taskId)).toMatchObject(registered)
  expect(await run('expect', 'no/task')).toMatchObject({
    code: 1,
    output: expect.stringContaining('"no/task" is no task id'),
  })

  await gateway.clock.advance(2 * MINUTE)
  expect((await finished(taskId)).status).toBe('complete')
  expect((await finished(elsewhere.taskId)).status).toBe('complete')
  expect(await run('expect', elsewhere.taskId)).toMatchObject({ output: expect.stringContaining('is known') })
  expect(gateway.charges).toHaveLength(1)
}, 60_000)
