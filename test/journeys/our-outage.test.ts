import { expect, test } from 'vitest'
import { freePort } from '../../scripts/ports.ts'
import { HOUR, MINUTE, startGatewaySystem } from '../support/gateway-system.ts'

const OUTAGE_MS = 2 * HOUR

test('what ended while we were away for two hours comes home once it is registered: the provider says CALLBACK_EXCEPTION', async () => {
  const { gateway, callBackUrl, ingress, expectTask, finished, sha256 } = await startGatewaySystem()
  await ingress.stop()
  const { taskId } = gateway.begin({ type: 'split_stem', callBackUrl })
  await gateway.clock.advance(OUTAGE_MS)
  const { deliveries, successFlag } = gateway.task(taskId)
  expect([deliveries.length, successFlag]).toEqual([4, 'CALLBACK_EXCEPTION'])

  await expectTask(taskId)

  const { status, stems } = await finished(taskId)
  expect(status).toBe('complete')
  const saved = Object.values(stems).filter((stem) => stem.status === 'saved')
  expect(saved).toHaveLength(12)
  for (const { file, source_url } of saved) {
    expect(await sha256(taskId, file)).toBe(gateway.files.served(source_url).sha256)
  }
})

test('a task that was registered before an outage of everything but Redis is asked for when the workers are back', async () => {
  const { gateway, callBackUrl, ingress, workers, board, addWorker, expectTask, finished } = await startGatewaySystem()
  const { taskId } = gateway.begin({ callBackUrl })
  await expectTask(taskId)
  await Promise.all([ingress, board, ...workers].map((app) => app.stop('SIGKILL')))
  await gateway.clock.advance(OUTAGE_MS)
  expect(gateway.task(taskId).successFlag).toBe('CALLBACK_EXCEPTION')

  await addWorker()

  expect((await finished(taskId)).status).toBe('complete')
})

test('an outage that ends before the last retry needs nobody to ask', async () => {
  const PORT = `${await freePort()}`
  const { gateway, callBackUrl, ingress, addIngress, finished } = await startGatewaySystem({ ingress: { PORT } })
  await ingress.stop()
  const { taskId } = gateway.begin({ callBackUrl })
  await gateway.clock.advance(10 * MINUTE)
  expect(gateway.task(taskId).deliveries).toHaveLength(3)

  await addIngress()
  await gateway.clock.advance(OUTAGE_MS)

  expect((await finished(taskId)).status).toBe('complete')
  expect(gateway.task(taskId)).toMatchObject({ successFlag: 'SUCCESS', deliveries: [{}, {}, {}, { result: 200 }] })
  expect(gateway.asked).toEqual([])
})

test('a failure that nobody could be told of ends with its reason all the same', async () => {
  const { gateway, callBackUrl, ingress, expectTask, finished } = await startGatewaySystem()
  await ingress.stop()
  gateway.plan({ outcome: 'GENERATE_AUDIO_FAILED', error: { code: 500, message: 'no voice in this song' } })
  const { taskId } = gateway.begin({ callBackUrl })
  await gateway.clock.advance(OUTAGE_MS)
  expect(gateway.task(taskId).successFlag).toBe('CALLBACK_EXCEPTION')
  await expectTask(taskId)
  expect(await finished(taskId)).toMatchObject({ status: 'failed', code: 500, msg: 'no voice in this song' })
})
