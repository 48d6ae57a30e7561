import { EventStream } from './event-stream.ts'
import { isRunning } from './library.ts'
import type { WholeSeparation } from './separation-schemas.ts'

/** The events of one separation for one reader. */
export class SeparationStream extends EventStream {
  /** Sends what has changed since the last time, and ends when the separation has. */
  show(state: WholeSeparation): void {
    if (!this.isOpen()) return
    const hasEnded = !isRunning(state)
    if (this.isCongested() && !hasEnded) return
    const { task_id, status, type, code, msg, received_at, finished_at, problem, counts } = state
    this.sendNews('status', '', { task_id, status, type, code, msg, received_at, finished_at, problem, counts })
    for (const [stem, progress] of Object.entries(state.progress)) {
      this.sendNews('progress', stem, { stem, ...progress })
    }
    if (!hasEnded) return
    this.send('finished', finishedId(state), JSON.stringify(state))
    this.end()
  }
}

/** The id of the last event. A reader that has had it comes back for nothing. */
export const finishedId = ({ finished_at }: WholeSeparation): string => `finished.${finished_at ?? 'unaccounted'}`
