import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Order, PurchaseOutcome } from '@stems/domain/purchase'
import { withDeadline } from './deadline.ts'
import { RETENTION_S } from './jobs.ts'
import type { RedisConnection } from './redis.ts'
import { createReplicas } from './replicas.ts'

/**
 * - `bought`: now; its task is expected, or will be as soon as Redis is back (`isRegistered: false`).
 * - `already`: an earlier order for the same track and type; nothing was bought now.
 * - `buying`: another is buying the same right now.
 * - `maybe`: the provider was asked and did not answer, now or earlier. If it was bought, its callback will say so.
 */
export type PurchaseAnswer =
  | { status: 'bought'; taskId: string; isRegistered: boolean }
  | { status: 'already'; taskId: string }
  | { status: 'buying' }
  | { status: 'maybe'; why: string; since: string }

export type PurchasesOptions = {
  /** A connection that fails fast; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  deadlineMs: number
  /** Registers the task that was bought. */
  expect: (taskId: string) => Promise<unknown>
  /** Buys. `mark` must come back with the callback. Throws when it is certain that nothing was bought. */
  buy: (order: Order, mark: string) => Promise<PurchaseOutcome>
}

const BUYING_MS = 60_000 // longer than any request lasts: whoever began has died
const REMEMBER_EVERY_MS = 1000
const UNANSWERED = 'the provider was asked to sell it, and no answer was ever noted'

/**
 * Buys separations, each track and type once. A purchase cannot be taken back and is not idempotent, so it is noted before
 * the provider is asked, and never repeated unless somebody says so.
 */
export const createPurchases = ({ redis, prefix, deadlineMs, expect, buy }: PurchasesOptions) => {
  const book = createPurchaseBook(redis, prefix)
  let isClosed = false
  const replicated = createReplicas(redis, prefix)
  // A purchase that was noted nowhere but on a master that is lost would be made twice.
  const withRedis = <T>(work: () => Promise<T>): Promise<T> => withDeadline('Redis', deadlineMs, () => replicated(work))

  /** @returns whether it is remembered already; if not, that is tried until Redis is back */
  const remember = async (note: Note, taskId: string): Promise<boolean> => {
    const attempt = async () => {
      await withRedis(() => book.keep({ ...note, state: 'bought', taskId }))
      await expect(taskId)
      return true
    }
    const isDone = await attempt().catch(() => false)
    if (!isDone) void rememberLater(attempt)
    return isDone
  }

  const rememberLater = async (attempt: () => Promise<boolean>): Promise<void> => {
    while (!isClosed) {
      await sleep(REMEMBER_EVERY_MS, undefined, { ref: false })
      if (await attempt().catch(() => false)) return
    }
  }

  return {
    /**
     * @param options.again buys although the same was bought, or may have been bought, before
     * @throws what `buy` throws; then nothing was bought
     * @throws {DeadlineError} or an error of Redis; then the provider was not asked
     */
    purchase: async (order: Order, { again = false } = {}): Promise<PurchaseAnswer> => {
      const note = newNote(order)
      const earlier = await withRedis(() => book.begin(note, again))
      if (earlier?.taskId !== undefined) await expect(earlier.taskId).catch(() => {}) // its buyer may have died before
      if (earlier) return answerEarlier(earlier)

      const outcome = await buy(order, note.mark).catch(async (error: unknown) => {
        await withRedis(() => book.cancel(note)).catch(() => {}) // it then counts as one that may have been bought
        throw error
      })
      if (outcome.kind === 'maybe') {
        const maybe: Note = { ...note, state: 'maybe', why: outcome.why }
        const settled = await withRedis(() => book.change(note, maybe)).catch(() => undefined)
        if (settled?.taskId !== undefined) return { status: 'bought', taskId: settled.taskId, isRegistered: true }
        return { status: 'maybe', why: outcome.why, since: note.at }
      }
      // It is bought: whatever Redis does now, the task id must reach whoever has paid for it.
      return { status: 'bought', taskId: outcome.taskId, isRegistered: await remember(note, outcome.taskId) }
    },
    /** Ends what still tries to reach Redis. */
    close: (): void => {
      isClosed = true
    },
  }
}

/** Where purchases are noted. */
export const createPurchaseBook = (redis: RedisConnection, prefix: string) => {
  const keyOf = (mark: string) => `${prefix}:purchase:${mark.split('.')[0]}`

  const read = async (mark: string): Promise<Note | undefined> => {
    const text = await redis.get(keyOf(mark))
    return text === null ? undefined : (JSON.parse(text) as Note)
  }
  const keep = async (note: Note): Promise<void> => {
    await redis.set(keyOf(note.mark), JSON.stringify(note), 'EX', RETENTION_S)
  }
  const replace = async (note: Note | undefined, next: Note): Promise<boolean> => {
    const [before, after] = [note ? JSON.stringify(note) : '', JSON.stringify(next)]
    return (await redis.eval(REPLACE, 1, keyOf(next.mark), before, after, RETENTION_S)) === 1
  }

  return {
    keep,
    /** @returns the note that stands in the way, if one does */
    begin: async (note: Note, again: boolean): Promise<Note | undefined> => {
      const isNoted = await redis.set(keyOf(note.mark), JSON.stringify(note), 'EX', RETENTION_S, 'NX')
      if (isNoted) return undefined
      const earlier = await read(note.mark)
      if (earlier && (!again || isBeingBought(earlier))) return earlier
      const isTaken = await replace(earlier, note)
      return isTaken ? undefined : { ...note, state: 'buying' } // another was quicker
    },
    /** @returns the note that has taken its place meanwhile, where one has; then nothing is changed */
    change: async (note: Note, next: Note): Promise<Note | undefined> => {
      return (await replace(note, next)) ? undefined : read(note.mark)
    },
    cancel: async (note: Note): Promise<void> => {
      await redis.eval(REPLACE, 1, keyOf(note.mark), JSON.stringify(note), '', 0)
    },
    /** A callback has come that bears the mark of a purchase: so it was bought. */
    settle: async (mark: string, taskId: string): Promise<void> => {
      const note = MARK.test(mark) ? await read(mark) : undefined
      if (!note || note.mark !== mark || note.state === 'bought') return
      await keep({ ...note, state: 'bought', taskId })
    },
  }
}

export type PurchaseBook = ReturnType<typeof createPurchaseBook>

// Replaces a note, or takes it away, provided that it is still the one that was read.
const REPLACE = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 1
`

/** What a callback bears that was bought here: a hash of the order, and which of its purchases it was. */
export const MARK = /^[0-9a-f]{32}\.[0-9a-f-]{36}$/

type Note = { mark: string; at: string; state: 'buying' | 'bought' | 'maybe'; taskId?: string; why?: string }

const newNote = ({ sourceTaskId, audioId, type, stemName = '' }: Order): Note => {
  const said = JSON.stringify([sourceTaskId, audioId, type, stemName])
  const hash = createHash('sha256').update(said).digest('hex').slice(0, 32)
  return { mark: `${hash}.${randomUUID()}`, at: new Date().toISOString(), state: 'buying' }
}

const isBeingBought = ({ state, at }: Note): boolean => state === 'buying' && Date.now() - Date.parse(at) < BUYING_MS

const answerEarlier = (note: Note): PurchaseAnswer => {
  if (note.taskId !== undefined) return { status: 'already', taskId: note.taskId }
  if (isBeingBought(note)) return { status: 'buying' }
  return { status: 'maybe', why: note.why ?? UNANSWERED, since: note.at }
}
