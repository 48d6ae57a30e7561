import { z } from 'zod'

const count = () => z.number().int()

const processSchema = z.object({
  id: z.string(),
  host: z.string(),
  pid: count(),
  version: z.string(),
  started_at: z.iso.datetime(),
  /** When the heartbeat was made, by the process' own clock. */
  at: z.iso.datetime(),
})

/** A stem that a worker downloads; `total` is null where the remote host does not say. */
const currentStemSchema = z.object({
  task_id: z.string(),
  stem: z.string(),
  bytes: z.number(),
  total: z.number().nullable(),
  since: z.iso.datetime(),
})

export const PROBLEM_KINDS = ['stuck', 'intake', 'provider'] as const

const problemSchema = z.object({ kind: z.enum(PROBLEM_KINDS), message: z.string() })

export const workerHeartbeatSchema = processSchema.extend({
  app: z.literal('worker'),
  leaving: z.boolean().describe('It is shutting down: it takes no new jobs and finishes those that run'),
  concurrency: count().describe('Stems that it takes at once'),
  stems_running: count(),
  stems: z.array(currentStemSchema).describe('Those that have run for longest; at most fifty'),
  separations_running: count(),
  separations: z.array(z.string()).describe('Task ids of those that it plans, asks about or finishes; at most fifty'),
  troubles: z
    .array(problemSchema)
    .describe(
      'Problems that keep it from its work. `stuck`: jobs wait and it takes none. `intake`: it takes no new downloads. ' +
        "`provider`: it sends no requests to the provider's API",
    ),
})

export const spoolSchema = z.object({
  callbacks: count(),
  bytes: z.number(),
  oldest_seconds: z.number().describe('For how long the oldest has been waiting; 0 where there is none'),
})

export const ingressHeartbeatSchema = processSchema.extend({
  app: z.literal('ingress'),
  spool: spoolSchema.extend({ max_bytes: z.number() }),
})

/** What a running process tells about itself every few seconds, in the words of the API. */
export const heartbeatSchema = z.discriminatedUnion('app', [workerHeartbeatSchema, ingressHeartbeatSchema])

export type WorkerProblem = z.infer<typeof problemSchema>
export type CurrentStem = z.infer<typeof currentStemSchema>
export type WorkerHeartbeat = z.infer<typeof workerHeartbeatSchema>
export type IngressHeartbeat = z.infer<typeof ingressHeartbeatSchema>
export type Heartbeat = z.infer<typeof heartbeatSchema>
