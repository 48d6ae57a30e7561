import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type PresenceNote, presenceNoteSchema } from '@stems/domain/presence'
import type { Log, RedisConnection } from './redis.ts'

/** Who was not heard of for so long is not alive. */
export const ALIVE_MS = 15_000

const NOTE_EVERY_MS = 3000
const FORGET_MS = 60_000
const NOTES_PER_SWEEP = 100

const PROCESS_FIELDS = ['id', 'host', 'pid', 'version', 'startedAt'] as const

type Without<Note, Field extends PropertyKey> = Note extends unknown ? Omit<Note, Field> : never

/** What an app adds to what is said of every process. */
export type AppNote = Without<PresenceNote, (typeof PROCESS_FIELDS)[number]>

export type PresenceOptions = {
  /** A connection that fails fast; it stays the caller's to close. */
  redis: RedisConnection
  prefix: string
  version: string
  /** Asked at each note; it must cost nothing. */
  describe: () => AppNote
  everyMs?: number
  log: Pick<Log, 'debug'>
}

/**
 * Notes in Redis every few seconds that this process is alive, and what it does: one command each time. The times are those of
 * Redis' clock, so that machines whose clocks differ are alive all the same. While a Redis is away there is nobody to tell.
 */
export const startPresence = ({ redis, prefix, version, describe, everyMs = NOTE_EVERY_MS, log }: PresenceOptions) => {
  const id = randomUUID()
  const about = { id, host: hostname(), pid: process.pid, version, startedAt: new Date().toISOString() }
  let notes = 0
  let running: Promise<unknown> = Promise.resolve()

  const note = () => {
    const text = JSON.stringify({ ...about, ...describe() })
    const sweeps = notes++ % NOTES_PER_SWEEP === 0 ? 1 : 0
    running = redis
      .eval(NOTE, 1, presenceKey(prefix), id, text, FORGET_MS, sweeps)
      .catch((error: Error) => log.debug({ error: error.message }, 'presence.not_noted'))
  }
  note()
  const timer = setInterval(note, everyMs)
  timer.unref()

  return {
    id,
    /** Notes it now. */
    note,
    /** Takes the note away. Safe to call twice. */
    close: async (): Promise<void> => {
      clearInterval(timer)
      await running
      await redis.hdel(presenceKey(prefix), id).catch(() => {})
    },
  }
}

/** Somebody who is alive, and how old his word is. */
export type Alive = { note: PresenceNote; ageMs: number }

/**
 * Tells who is alive in a Redis.
 *
 * @param redis a connection that fails fast; it stays the caller's to close
 * @returns a function that throws when Redis is away
 */
export const createPresenceReader = (redis: RedisConnection, prefix: string) => async (): Promise<Alive[]> => {
  const answers = await redis.pipeline().hgetall(presenceKey(prefix)).time().exec()
  for (const [error] of answers ?? []) if (error) throw error
  const [[, fields] = [], [, time] = []] = answers ?? []
  const [seconds, micros] = (time as [string, string]).map(Number) as [number, number]
  const now = seconds * 1000 + micros / 1000
  return Object.values(fields as Record<string, string>).flatMap((text) => {
    const [, at, json] = /^(\d+) (.*)$/s.exec(text) ?? []
    const ageMs = now - Number(at)
    const note = ageMs < ALIVE_MS ? readNote(json ?? '') : undefined
    return note ? [{ note, ageMs }] : []
  })
}

const presenceKey = (prefix: string): string => `${prefix}:presence`

// Another version may say it in other words.
const readNote = (json: string): PresenceNote | undefined => {
  try {
    return presenceNoteSchema.safeParse(JSON.parse(json)).data
  } catch {
    return undefined
  }
}

// A hash: by id when the note was made, and the note. Those of processes that were killed are taken away by the others.
const NOTE = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('hset', KEYS[1], ARGV[1], string.format('%.0f %s', now, ARGV[2]))
if ARGV[4] == '1' then
  local fields = redis.call('hgetall', KEYS[1])
  for i = 1, #fields, 2 do
    local at = tonumber(string.match(fields[i + 1], '^%d+'))
    if not at or now - at > tonumber(ARGV[3]) then redis.call('hdel', KEYS[1], fields[i]) end
  end
end
redis.call('pexpire', KEYS[1], ARGV[3])
`
