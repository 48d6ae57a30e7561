import { z } from 'zod'

const processSchema = z.object({
  id: z.string(),
  host: z.string(),
  pid: z.number().int(),
  version: z.string(),
  startedAt: z.iso.datetime(),
  /** When the heartbeat was made, by the process' own clock. */
  at: z.iso.datetime(),
})

/** A stem that a worker downloads; `total` is null where the remote host does not say. */
const currentStemSchema = z.object({
  taskId: z.string(),
  stem: z.string(),
  bytes: z.number(),
  total: z.number().nullable(),
  since: z.iso.datetime(),
})

/**
 * What can keep a worker from its work. `stuck`: jobs wait and it takes none. `intake`: it takes no new downloads.
 * `provider`: it sends no requests to the provider's API.
 */
export const PROBLEM_KINDS = ['stuck', 'intake', 'provider'] as const

const problemSchema = z.object({ kind: z.enum(PROBLEM_KINDS), message: z.string() })

const workerHeartbeatSchema = processSchema.extend({
  app: z.literal('worker'),
  /** It is shutting down: it takes no new jobs and finishes those that run. */
  isLeaving: z.boolean(),
  /** How many stems it processes at once. */
  concurrency: z.number().int(),
  stemsRunning: z.number().int(),
  /** The longest-running stems; a long list is cut. */
  stems: z.array(currentStemSchema),
  separationsRunning: z.number().int(),
  /** Task IDs that it plans, asks about or finishes; a long list is cut. */
  separations: z.array(z.string()),
  problems: z.array(problemSchema),
})

const ingressHeartbeatSchema = processSchema.extend({
  app: z.literal('ingress'),
  spool: z.object({
    callbacks: z.number().int(),
    bytes: z.number(),
    maxBytes: z.number(),
    /** 0 when the spool is empty. */
    oldestAgeSeconds: z.number(),
  }),
})

/** What a running process tells about itself every few seconds. */
export const heartbeatSchema = z.discriminatedUnion('app', [workerHeartbeatSchema, ingressHeartbeatSchema])

export type WorkerProblem = z.infer<typeof problemSchema>
export type CurrentStem = z.infer<typeof currentStemSchema>
export type WorkerHeartbeat = z.infer<typeof workerHeartbeatSchema>
export type IngressHeartbeat = z.infer<typeof ingressHeartbeatSchema>
export type Heartbeat = z.infer<typeof heartbeatSchema>
