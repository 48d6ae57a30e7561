import type { Telemetry } from 'bullmq'

/** Who is told what the queue does, and carries traces along in its jobs. */
export type { Telemetry }

/** An option of BullMQ's queues and workers; none at all where nobody is told, so that nothing is spent on it. */
export const telling = (telemetry: Telemetry | undefined): { telemetry?: Telemetry } => (telemetry ? { telemetry } : {})
