import { expect, test } from 'vitest'
import { ProviderApiError } from '../src/api-error.ts'
import { MaybeBoughtError, type OrderRequest } from '../src/purchase.ts'
import { createPurchaseClient } from '../src/purchase-client.ts'

const order = { sourceTaskId: 'song-1', audioId: 'audio-1', type: 'split_stem' } as const

const buyAt = (publicUrl: string, token: string | undefined, buy: (order: OrderRequest) => Promise<string>) =>
  createPurchaseClient({ buy, publicUrl, token })(order, 'the-key')

test.each([
  ['https://stems.example', 'to/ken', 'https://stems.example/callbacks/separation/to%2Fken?purchase=the-key'],
  ['https://example.com/stems/', 'token', 'https://example.com/stems/callbacks/separation/token?purchase=the-key'],
  ['https://stems.example', undefined, 'https://stems.example/callbacks/separation?purchase=the-key'],
])('at %s, with the token %s, the callback is wanted at %s', async (publicUrl, token, callBackUrl) => {
  const orders: OrderRequest[] = []
  const buy = async (sent: OrderRequest) => `task-${orders.push(sent)}`
  expect(await buyAt(publicUrl, token, buy)).toEqual({ kind: 'bought', taskId: 'task-1' })
  expect(orders).toEqual([{ ...order, callBackUrl }])
})

test('an order of which nobody knows what became of it may have been bought; a certain refusal is thrown', async () => {
  const maybe = await buyAt('https://stems.example', 'token', async () => {
    throw new MaybeBoughtError('no answer came')
  })
  expect(maybe).toEqual({ kind: 'maybe', why: expect.stringContaining('no answer came') })

  const refused = new ProviderApiError('no_credits', 'no credits')
  await expect(buyAt('https://stems.example', 'token', () => Promise.reject(refused))).rejects.toBe(refused)
})
