import { createHmac } from 'node:crypto'
import type { CallbackBody } from '../payloads.ts'
import type { Settings } from './options.ts'
import type { Task } from './tasks.ts'

const ANSWER_WITHIN_MS = 15_000

export type CallbacksOptions = {
  settings: Pick<Settings, 'clock' | 'provider' | 'webhookHmacKey' | 'restampsRetries' | 'retryAfterMs'>
  bodyOf: (task: Task) => CallbackBody
}

/**
 * Sends word of what has ended, as the provider documents it: it waits 15 s for exactly HTTP 200, tries three times more,
 * and is silent for ever. The task's record then says `CALLBACK_EXCEPTION`.
 */
export const createCallbacks = ({ settings, bodyOf }: CallbacksOptions) => {
  const { clock, provider, webhookHmacKey, restampsRetries, retryAfterMs } = settings
  const closed = new AbortController()

  const deliver = (task: Task, retry = 0, firstAt = clock.now()): void => {
    const { callBackUrl, plan } = task
    if (callBackUrl === undefined) return
    if (plan.callback === 'drop') {
      task.deliveries.push({ at: clock.now(), result: 'dropped' })
      return
    }
    const sending = send(callBackUrl, task, restampsRetries ? clock.now() : firstAt).then((result) => {
      task.deliveries.push({ at: clock.now(), result })
      const pause = retryAfterMs[retry]
      if (result === 200) return
      if (pause === undefined) task.successFlag = 'CALLBACK_EXCEPTION'
      else clock.after(pause, () => deliver(task, retry + 1, firstAt))
    })
    clock.during(sending)
  }

  const send = async (url: string, task: Task, stamp: number): Promise<number | string> => {
    const late = new AbortController()
    const deadline = clock.after(ANSWER_WITHIN_MS, () => late.abort())
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signatureOf(task.taskId, stamp) },
        body: JSON.stringify(bodyOf(task)),
        redirect: 'manual',
        signal: AbortSignal.any([late.signal, closed.signal]),
      })
      await response.text()
      return response.status
    } catch (error) {
      if (late.signal.aborted) return 'no answer within 15 s'
      return `no answer: ${(error as Error & { cause?: Error }).cause?.message ?? (error as Error).message}`
    } finally {
      deadline.callOff()
    }
  }

  // The body is not signed: the signature covers the task's id and the time in seconds, and nothing else.
  const signatureOf = (taskId: string, at: number): Record<string, string> => {
    if (provider !== 'kie' || webhookHmacKey === undefined) return {}
    const timestamp = `${Math.floor(at / 1000)}`
    const signature = createHmac('sha256', webhookHmacKey).update(`${taskId}.${timestamp}`).digest('base64')
    return { 'x-webhook-timestamp': timestamp, 'x-webhook-signature': signature }
  }

  return {
    deliver: (task: Task) => deliver(task),
    /** Sends it once more, whatever was before: the same task may be told of several times. */
    sendOnce: (task: Task): Promise<number | string> => send(task.callBackUrl ?? '', task, clock.now()),
    close: () => closed.abort(),
  }
}
