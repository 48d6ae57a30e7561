import { expect, test } from 'vitest'
import { createPurchaseClient, type OrderRequest } from '../src/purchase.ts'

const order = { sourceTaskId: 'song-1', audioId: 'audio-1', type: 'split_stem' } as const

test.each([
  ['https://stems.example', 'to/ken', 'https://stems.example/callbacks/separation/to%2Fken?purchase=the-key'],
  ['https://example.com/stems/', 'token', 'https://example.com/stems/callbacks/separation/token?purchase=the-key'],
  ['https://stems.example', undefined, 'https://stems.example/callbacks/separation?purchase=the-key'],
])('at %s, with the token %s, the callback is wanted at %s', async (publicUrl, token, callBackUrl) => {
  const orders: OrderRequest[] = []
  const buy = async (sent: OrderRequest) => ({ kind: 'bought' as const, taskId: `task-${orders.push(sent)}` })
  const purchase = createPurchaseClient({ buy, publicUrl, token })
  expect(await purchase(order, 'the-key')).toEqual({ kind: 'bought', taskId: 'task-1' })
  expect(orders).toEqual([{ ...order, callBackUrl }])
})
