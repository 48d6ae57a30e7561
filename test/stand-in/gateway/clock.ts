import { setTimeout as sleep } from 'node:timers/promises'

/** The time as the gateway sees it: what it plans follows this, in a test without any waiting. */
export type Clock = {
  /** Epoch milliseconds. */
  now: () => number
  /** Does something later, unless it is called off. */
  after: (ms: number, run: () => void) => { callOff: () => void }
  /** Says that something is being done that takes no time of this clock, such as a request and its answer. */
  during: (work: Promise<unknown>) => void
  /** Lets time pass, and with it everything that was planned for it, in order. Only where time is simulated. */
  advance: (ms: number) => Promise<void>
  close: () => void
}

/** The time of the wall. */
export const createRealClock = (): Clock => {
  const planned = new Set<NodeJS.Timeout>()
  return {
    now: Date.now,
    after: (ms, run) => {
      const timer = setTimeout(() => {
        planned.delete(timer)
        run()
      }, ms)
      planned.add(timer)
      return {
        callOff: () => {
          planned.delete(timer)
          clearTimeout(timer)
        },
      }
    },
    during: () => {},
    advance: () => Promise.reject(new Error('this gateway lives in real time, which nobody can advance')),
    close: () => {
      for (const timer of planned) clearTimeout(timer)
    },
  }
}

/** Time that stands still until a test advances it. It starts now, so that signed timestamps are fresh. */
export const createSimulatedClock = (startAt = Date.now()): Clock => {
  let now = startAt
  let planned: { at: number; run: () => void }[] = []
  const busy = new Set<Promise<unknown>>()
  const slow = new Set<Promise<unknown>>()

  // Whoever has not answered within this much real time answers when simulated time has passed, or never.
  const quiet = async (): Promise<void> => {
    const given = new AbortController()
    const patience = sleep(PATIENCE_MS, 'impatient', { signal: given.signal }).catch(() => 'done')
    for (;;) {
      const waited = [...busy].filter((work) => !slow.has(work))
      if (waited.length === 0) break
      if ((await Promise.race([Promise.allSettled(waited), patience])) === 'impatient') {
        for (const work of waited) slow.add(work)
      }
    }
    given.abort()
  }

  return {
    now: () => now,
    after: (ms, run) => {
      const entry = { at: now + ms, run }
      planned.push(entry)
      return { callOff: () => (planned = planned.filter((each) => each !== entry)) }
    },
    during: (work) => {
      busy.add(work)
      const over = () => {
        busy.delete(work)
        slow.delete(work)
      }
      work.then(over, over)
    },
    advance: async (ms) => {
      const end = now + ms
      await quiet()
      for (;;) {
        const next = planned.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
        if (!next) break
        planned = planned.filter((each) => each !== next)
        now = Math.max(now, next.at)
        slow.clear() // what was slow may come to its end now
        next.run()
        await quiet()
      }
      now = end
    },
    close: () => {
      planned = []
    },
  }
}

const PATIENCE_MS = 1000
