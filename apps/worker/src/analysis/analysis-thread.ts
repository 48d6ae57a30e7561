import type { StemAnalysis } from '@stems/domain/stem-analysis'
import type { Log } from '@stems/telemetry/log'
import type { Piscina } from 'piscina'
import type { StemPlace, ThreadData } from './thread.ts'

const IDLE_MS = 30_000
const NICE = 10 // on Linux the thread yields to those who download
const MOST_HEAP_MB = 256 // far more than it takes; what wants more is given up, and the process lives on

export type AnalysisThreadOptions = ThreadData & { log: Log }

/**
 * One thread that looks at stems, one after the other. It is started when there is something to look at, and ends when there
 * has been nothing for a while.
 */
export const createAnalysisThread = ({ storeUrl, storeOptions, log }: AnalysisThreadOptions) => {
  let pool: Promise<Piscina<StemPlace, StemAnalysis | undefined>> | undefined

  const open = async () => {
    const { Piscina } = await import('piscina') // who never looks at a stem does not pay for it
    const opened = new Piscina<StemPlace, StemAnalysis | undefined>({
      filename: new URL('./thread.ts', import.meta.url).href,
      workerData: { storeUrl, storeOptions } satisfies ThreadData,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
      niceIncrement: NICE,
      resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MB },
      atomics: 'disabled', // a thread that waits for work must not keep its connections from being looked after
    })
    opened.on('error', (error: Error) => log.warn({ error: error.message }, 'analysis.thread_error'))
    return opened
  }

  return {
    /**
     * Looks at the bytes of a stem.
     *
     * @param signal ends the thread in the middle of it
     * @returns `undefined` when the store has no such file any more
     * @throws when the store does not give the bytes, or the thread ends
     */
    analyse: async (place: StemPlace, signal: AbortSignal): Promise<StemAnalysis | undefined> => {
      pool ??= open()
      return (await pool).run(place, { signal })
    },
    /** Ends what runs. Safe to call twice. */
    close: async (): Promise<void> => {
      await (await pool)?.destroy()
      pool = undefined
    },
  }
}

export type AnalysisThread = ReturnType<typeof createAnalysisThread>
