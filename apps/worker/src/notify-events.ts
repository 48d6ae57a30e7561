import { createHash } from 'node:crypto'
import type { Manifest, SavedStem } from '@stems/domain/manifest'
import type { Notification } from '@stems/queue/notifications'

/**
 * A separation has come to its end, whatever that is; `data` is its manifest. What is written again after a crash is the same
 * event: only the time at which it was written may differ. Another run is another event.
 *
 * @param run of the separation's job
 */
export const separationFinished = (manifest: Manifest, run: number): Notification => {
  const { finished_at, ...account } = manifest
  return {
    id: idOf('separation.finished', manifest.task_id, run, account),
    type: 'separation.finished',
    taskId: manifest.task_id,
    body: bodyOf('separation.finished', finished_at, manifest),
  }
}

/**
 * A stem is home; `data` names it and holds the manifest's entry of it. The same bytes of the same stem are the same event,
 * however often they are looked at.
 */
export const stemSaved = (taskId: string, stem: string, saved: SavedStem): Notification => ({
  id: idOf('stem.saved', taskId, stem, saved.sha256),
  type: 'stem.saved',
  taskId,
  stem,
  body: bodyOf('stem.saved', saved.saved_at, { task_id: taskId, stem, ...saved }),
})

// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, «Payload structure».
const bodyOf = (type: string, timestamp: string, data: object): string => JSON.stringify({ type, timestamp, data })

// No dot may stand in an id: what is signed is `id.timestamp.body`.
const idOf = (...parts: unknown[]): string =>
  `msg_${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40)}`
