import { redactLinks } from '@stems/domain/link'
import type { Trouble, WorkerNote } from '@stems/domain/presence'
import type { AppNote } from '@stems/queue/presence'
import type { Consumers } from './consumers.ts'
import type { DiskReserve } from './disk-reserve.ts'
import type { ProviderGate } from './provider-gate.ts'

// A note goes to Redis every few seconds: what is beyond this many is only counted.
const MOST_NAMED = 50

export type WorkerNoteOptions = {
  consumers: Pick<Consumers, 'stuck' | 'atWork'>
  concurrency: number
  disk: Pick<DiskReserve, 'problem'>
  gate: Pick<ProviderGate, 'trouble'>
}

/** What a worker says of itself: what it does, and what keeps it from more. */
export const createWorkerNote = ({ consumers, concurrency, disk, gate }: WorkerNoteOptions) => {
  let isLeaving = false

  const describe = (): AppNote & { app: WorkerNote['app'] } => {
    const { stems, separations } = consumers.atWork()
    return {
      app: 'worker',
      isLeaving,
      concurrency,
      stemsRunning: stems.length,
      stems: stems.slice(0, MOST_NAMED),
      separationsRunning: separations.length,
      separations: separations.slice(0, MOST_NAMED),
      troubles: [
        ...troubleOf('stuck', consumers.stuck()),
        ...troubleOf('intake', disk.problem()),
        ...troubleOf('provider', gate.trouble()),
      ],
    }
  }

  return {
    describe,
    /** From now on it is on its way out. */
    leave: (): void => {
      isLeaving = true
    },
  }
}

const troubleOf = (kind: Trouble['kind'], message: string | undefined): Trouble[] =>
  message === undefined ? [] : [{ kind, message: redactLinks(message) }]
