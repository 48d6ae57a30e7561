import { PROBLEM_KINDS } from '@stems/domain/heartbeat'
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

const workerSchema = z.object({
  host: z.string(),
  pid: count(),
  version: z.string(),
  started_at: z.iso.datetime(),
  leaving: z.boolean().describe('It is shutting down: it takes no new jobs and finishes those that run'),
  concurrency: count().describe('Stems that it takes at once'),
  stems_running: count(),
  stems: z
    .array(
      z.object({
        task_id: z.string(),
        stem: z.string(),
        bytes: z.number(),
        total: z.number().nullable(),
        since: z.iso.datetime(),
      }),
    )
    .describe('Those that have run for longest; at most fifty'),
  separations_running: count(),
  separations: z.array(z.string()).describe('Task ids of those that it plans, asks about or finishes; at most fifty'),
  troubles: z
    .array(z.object({ kind: z.enum(PROBLEM_KINDS), message: z.string() }))
    .describe(
      'Problems that keep it from its work. `stuck`: jobs wait and it takes none. `intake`: it takes no new downloads. ' +
        "`provider`: it sends no requests to the provider's API",
    ),
})

const spoolFigures = {
  callbacks: count(),
  bytes: z.number(),
  oldest_seconds: seconds().describe('For how long the oldest has been waiting; 0 where there is none'),
}

const ingressSchema = z.object({
  host: z.string(),
  pid: count(),
  version: z.string(),
  started_at: z.iso.datetime(),
  spool: z.object({ ...spoolFigures, max_bytes: z.number() }),
})

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
  spool: z.object(spoolFigures).describe('Over all of ingress'),
  workers: z.array(workerSchema),
  ingresses: z.array(ingressSchema),
})

export type Overview = z.infer<typeof overviewSchema>
export type OverviewWorker = z.infer<typeof workerSchema>
export type OverviewIngress = z.infer<typeof ingressSchema>
export type States = z.infer<typeof stemStatesSchema>
