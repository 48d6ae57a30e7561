import type { WorkerHeartbeat, WorkerProblem } from '@stems/domain/heartbeat'
import { redactLinks } from '@stems/domain/link'
import type { AppHeartbeat } from '@stems/queue/heartbeat'
import type { Consumers } from './consumers.ts'
import type { DiskReserve } from './disk-reserve.ts'
import type { ProviderGate } from './provider-gate.ts'

// A heartbeat goes to Redis every few seconds: of a long list it carries the beginning and the length.
const MOST_NAMED = 50

export type WorkerParts = {
  consumers: Pick<Consumers, 'stuck' | 'atWork'>
  concurrency: number
  disk: Pick<DiskReserve, 'problem'>
  gate: Pick<ProviderGate, 'trouble'>
  isLeaving: boolean
}

/** What the heartbeat of a worker tells: its current work, and what keeps it from more. */
export const describeWorker = ({
  consumers,
  concurrency,
  disk,
  gate,
  isLeaving,
}: WorkerParts): AppHeartbeat & { app: WorkerHeartbeat['app'] } => {
  const { stems, separations } = consumers.atWork()
  return {
    app: 'worker',
    leaving: isLeaving,
    concurrency,
    stems_running: stems.length,
    stems: stems.slice(0, MOST_NAMED),
    separations_running: separations.length,
    separations: separations.slice(0, MOST_NAMED),
    troubles: [
      ...problemOf('stuck', consumers.stuck()),
      ...problemOf('intake', disk.problem()),
      ...problemOf('provider', gate.trouble()),
    ],
  }
}

const problemOf = (kind: WorkerProblem['kind'], message: string | undefined): WorkerProblem[] =>
  message === undefined ? [] : [{ kind, message: redactLinks(message) }]
