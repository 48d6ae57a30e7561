import { ingressHeartbeatSchema, spoolSchema, workerHeartbeatSchema } from '@stems/domain/heartbeat'
import { z } from 'zod'

const count = () => z.number().int()
const seconds = () => z.number()

const states = {
  waiting: count().describe('For a worker that takes them'),
  running: count(),
}

const separationStatesSchema = z.object({
  ...states,
  delayed: count().describe('Expected, or a step of them is tried again later'),
  failed: count().describe('Failed as a whole, without a manifest; a worker drives them again'),
})

const stemStatesSchema = z.object({
  ...states,
  delayed: count().describe('Until their next try'),
  failed: count().describe('Given up within the last week'),
})

const byQueue = () => z.object({ separations: seconds(), stems: seconds() })

const heartbeatOnly = { id: true, at: true, app: true } as const
const workerSchema = workerHeartbeatSchema.omit(heartbeatOnly)
const ingressSchema = ingressHeartbeatSchema.omit(heartbeatOnly)

/** How the whole system stands: what the page, the API and the metrics show. */
export const overviewSchema = z.object({
  at: z.iso.datetime(),
  separations: separationStatesSchema,
  stems: stemStatesSchema,
  quarantined: count(),
  notifications: z.object({ waiting: count(), failed: count() }),
  last_hour: z
    .object({ saved: count(), failed: count() })
    .describe('Stems that were stored, and stems that were given up, in the last hour'),
  oldest_waiting_seconds: byQueue().describe('For how long the next job in turn has been waiting; 0 where none waits'),
  waiting_seconds: byQueue().describe('For how long there is work, at the recent rate'),
  spool: spoolSchema.describe('Over all of ingress'),
  workers: z.array(workerSchema),
  ingresses: z.array(ingressSchema),
})

export type Overview = z.infer<typeof overviewSchema>
export type OverviewWorker = z.infer<typeof workerSchema>
export type OverviewIngress = z.infer<typeof ingressSchema>
export type States = z.infer<typeof stemStatesSchema>
