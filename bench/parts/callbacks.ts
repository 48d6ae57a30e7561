import { createHmac } from 'node:crypto'
import { documentedPayload } from '../../test/stand-in/payloads.ts'
import type { Shot } from './load.ts'

/** The key with which the benchmarks sign. */
export const KEY = 'a-key-for-benchmarks'

/** Signed callbacks of 12 stems, each of another task. */
export const signedCallbacks = (count: number, tag: string): Shot[] => {
  const payload = documentedPayload('split-stem')
  return Array.from({ length: count }, (_, index) => {
    const taskId = `${tag}-${index}`
    payload.data.task_id = taskId
    return { body: JSON.stringify(payload), headers: signed(taskId) }
  })
}

/** The headers of a callback as the provider signs it, now. */
export const signed = (taskId: string, key = KEY): Record<string, string> => {
  const timestamp = `${Math.floor(Date.now() / 1000)}`
  const signature = createHmac('sha256', key).update(`${taskId}.${timestamp}`).digest('base64')
  return {
    'content-type': 'application/json',
    'x-webhook-timestamp': timestamp,
    'x-webhook-signature': signature,
  }
}
