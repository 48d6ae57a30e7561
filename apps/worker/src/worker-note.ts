import { redactLinks } from '@stems/domain/link'
import type { Trouble, WorkerNote } from '@stems/domain/presence'
import type { AppNote } from '@stems/queue/presence'
import type { DiskReserve } from './disk-reserve.ts'
import type { ProviderGate } from './provider-gate.ts'
import type { Shard } from './shard.ts'

// A note goes to Redis every few seconds: what is beyond this many is only counted.
const MOST_NAMED = 50

export type WorkerNoteOptions = {
  shards: readonly Pick<Shard, 'name' | 'stuck' | 'atWork'>[]
  concurrency: number
  disk: Pick<DiskReserve, 'problem'>
  gate: Pick<ProviderGate, 'trouble'>
}

/** What a worker says of itself: what it does, and what keeps it from more. */
export const createWorkerNote = ({ shards, concurrency, disk, gate }: WorkerNoteOptions) => {
  let isLeaving = false

  const describe = (): AppNote & { app: WorkerNote['app'] } => {
    const atWork = shards.map((shard) => shard.atWork())
    const stems = atWork.flatMap((each) => each.stems)
    const separations = atWork.flatMap((each) => each.separations)
    return {
      app: 'worker',
      shards: shards.map(({ name }) => name),
      isLeaving,
      concurrency,
      stemsRunning: stems.length,
      stems: stems.slice(0, MOST_NAMED),
      separationsRunning: separations.length,
      separations: separations.slice(0, MOST_NAMED),
      troubles: [
        ...shards.flatMap(({ stuck }) => troubleOf('stuck', stuck())),
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
