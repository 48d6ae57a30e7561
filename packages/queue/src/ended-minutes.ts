export const MINUTE_MS = 60_000

/** The jobs that ended, as BullMQ notes them: `data` is the minutes before the one of `prevTS`, the newest first. */
export type Ended = { meta: { count: number; prevTS: number; prevCount: number }; data: number[] }

/** How many jobs ended in which minute since 1970. */
export const endedPerMinute = ({ meta, data }: Ended): Map<number, number> => {
  const last = Math.floor(meta.prevTS / MINUTE_MS)
  const before = data.map((jobs, index): [number, number] => [last - 1 - index, jobs])
  return new Map([[last, meta.count - meta.prevCount], ...before])
}
