import type { Manifest } from '@stems/domain/manifest'
import type { FinishedSeparation } from './stem-store.ts'

/** What a manifest says of the whole that it vouches for. */
export const finishedOf = ({ task_id, status, received_at, finished_at, stems }: Manifest): FinishedSeparation => {
  const saved = Object.values(stems).filter((stem) => stem.status === 'saved')
  return {
    taskId: task_id,
    status,
    receivedAt: received_at,
    finishedAt: finished_at,
    bytes: saved.reduce((sum, { bytes }) => sum + bytes, 0),
    files: saved.length,
  }
}
