import type { FreeSpace } from '@stems/store/free-space'
import type { Log } from '@stems/telemetry/log'
import { repeat } from '@stems/telemetry/repeat'

export type DiskReserveOptions = {
  look: () => Promise<FreeSpace>
  /** What is to stay free, in bytes; `undefined` for a share of the disk. */
  reserveBytes: number | undefined
  /** What stops when there is less. It starts with the first look that finds enough. */
  intake: { pause: () => Promise<void>; resume: () => Promise<void> }
  log: Log
}

const INTERVAL_MS = 2000
const MIB = 1024 * 1024
const LARGEST_DEFAULT = 256 * MIB
const DEFAULT_SHARE = 0.05

/** Takes no new downloads while the disk has less free space than a reserve. */
export const createDiskReserve = ({ look, reserveBytes, intake, log }: DiskReserveOptions) => {
  let seen: (FreeSpace & { reserve: number }) | undefined
  let isLow: boolean | undefined
  let looks: ReturnType<typeof repeat> | undefined

  const judge = async (): Promise<void> => {
    const space = await look().catch((error: Error) => {
      log.debug({ error: error.message }, 'disk.unknown')
      return undefined
    })
    seen = space && { ...space, reserve: reserveBytes ?? defaultReserve(space.total) }
    // A disk that cannot be looked at stops nothing: what comes of it, the attempts themselves say best.
    const low = seen !== undefined && seen.free < seen.reserve
    if (low === isLow) return
    const isNews = low || isLow !== undefined
    isLow = low
    await (low ? intake.pause() : intake.resume())
    if (isNews && low) log.warn({ ...seen }, 'intake.paused: less free space than the reserve')
    if (isNews && !low) log.info({ ...seen }, 'intake.resumed')
  }

  return {
    /** Looks for the first time, and starts the intake or leaves it paused. */
    start: async (): Promise<void> => {
      await judge()
      looks = repeat(INTERVAL_MS, judge, (error) => log.debug({ error: error.message }, 'disk.unknown'))
    },
    isLow: (): boolean => isLow ?? false,
    freeBytes: (): number | undefined => seen?.free,
    reserveBytes: (): number | undefined => seen?.reserve,
    /** Why no new downloads are taken; `undefined` when they are. */
    problem: (): string | undefined => {
      if (!isLow || !seen) return undefined
      const [free, reserve] = [seen.free, seen.reserve].map((bytes) => `${(bytes / MIB).toFixed(1)} MiB`)
      return `no new downloads: the disk for downloads has ${free} free, less than the reserve of ${reserve} (STORE_RESERVE_BYTES)`
    },
    close: async (): Promise<void> => looks?.close(),
  }
}

export type DiskReserve = ReturnType<typeof createDiskReserve>

const defaultReserve = (total: number): number => Math.min(LARGEST_DEFAULT, total * DEFAULT_SHARE)

/** A reserve larger than the disk would pause the intake for ever: it ends the process with one clear line and code 1. */
export const reserveOrExit = async (
  look: () => Promise<FreeSpace>,
  reserveBytes: number | undefined,
): Promise<void> => {
  const total = (await look().catch(() => undefined))?.total
  if (reserveBytes === undefined || total === undefined || reserveBytes <= total) return
  const problem = `${reserveBytes} is larger than the disk for downloads, which has ${total} bytes`
  process.stderr.write(`configuration: STORE_RESERVE_BYTES: ${problem}\n`)
  process.exit(1)
}
