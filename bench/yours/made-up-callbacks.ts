import { documentedPayload } from '../../test/stand-in/payloads.ts'
import { signed } from '../parts/callbacks.ts'
import type { Shot } from '../parts/load.ts'

type Until = { until: number } | { count: number }

/**
 * Callbacks of tasks that there never were, which the provider is said to have failed: the least that ingress keeps as it keeps
 * any other, and nothing to download.
 *
 * @param run what their task ids begin with
 */
export const madeUpCallbacks = (run: string, proof: { key: string } | { token: string } | undefined) => {
  const payload = documentedPayload('split-stem-failed')
  let made = 0
  const next = (): Shot => {
    const taskId = `${run}-${made++}`
    payload.data.task_id = taskId
    const headers = proof && 'key' in proof ? signed(taskId, proof.key) : { 'content-type': 'application/json' }
    return { body: JSON.stringify(payload), headers }
  }
  return {
    first: next(),
    /** Each is made and signed when it is sent: a signature does not stay fresh for long. */
    *callbacks(limit: Until): Generator<Shot> {
      for (let sent = 0; 'until' in limit ? performance.now() < limit.until : sent < limit.count; sent++) yield next()
    },
  }
}
