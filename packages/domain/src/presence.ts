import { z } from 'zod'

const processSchema = z.object({
  id: z.string(),
  host: z.string(),
  pid: z.number().int(),
  version: z.string(),
  startedAt: z.iso.datetime(),
})

/** A stem that a worker is bringing home; `total` is null where the far side does not say. */
const stemAtWorkSchema = z.object({
  taskId: z.string(),
  stem: z.string(),
  bytes: z.number(),
  total: z.number().nullable(),
  since: z.iso.datetime(),
})

/**
 * What keeps a worker from its work. `stuck`: it does nothing although jobs wait. `intake`: it takes no new downloads.
 * `provider`: it asks the provider's API nothing.
 */
export const TROUBLES = ['stuck', 'intake', 'provider'] as const

const troubleSchema = z.object({ kind: z.enum(TROUBLES), message: z.string() })

const workerNoteSchema = processSchema.extend({
  app: z.literal('worker'),
  /** It has been told to end, and lets what runs come to its end. */
  isLeaving: z.boolean(),
  /** Stems that it takes at once. */
  concurrency: z.number().int(),
  stemsRunning: z.number().int(),
  /** Those that have run for longest; not all where they are many. */
  stems: z.array(stemAtWorkSchema),
  separationsRunning: z.number().int(),
  /** Task ids of those that it plans, asks about or finishes; not all where they are many. */
  separations: z.array(z.string()),
  troubles: z.array(troubleSchema),
})

const ingressNoteSchema = processSchema.extend({
  app: z.literal('ingress'),
  spool: z.object({
    callbacks: z.number().int(),
    bytes: z.number(),
    maxBytes: z.number(),
    /** 0 where there is none. */
    oldestAgeSeconds: z.number(),
  }),
})

/** What a process says of itself while it is alive. */
export const presenceNoteSchema = z.discriminatedUnion('app', [workerNoteSchema, ingressNoteSchema])

export type Trouble = z.infer<typeof troubleSchema>
export type StemAtWork = z.infer<typeof stemAtWorkSchema>
export type WorkerNote = z.infer<typeof workerNoteSchema>
export type IngressNote = z.infer<typeof ingressNoteSchema>
export type PresenceNote = z.infer<typeof presenceNoteSchema>
