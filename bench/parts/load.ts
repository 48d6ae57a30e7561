import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'

/** A request that is ready to be sent. */
export type Shot = { body: string; headers: Record<string, string> }

/** Milliseconds that answers took, and how many came a second. */
export type Load = { perSecond: number; p50: number; p99: number; max: number }

const percentile = (sorted: number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

/** What came of one request. */
export type Answer = {
  /** The status, or the code of the error where there was no answer. */
  outcome: number | string
  text: string
  /** Since it was sent; where a rate was wanted, since it was due. */
  ms: number
}

/** Of one's own server every answer is to be 200. */
const demandAccepted = ({ outcome, text }: Answer): void => {
  if (outcome !== 200) throw new Error(`answered ${outcome}: ${text}`)
}

/** @param times of answers, in any order */
export const loadOf = (times: number[], seconds: number): Load => {
  const sorted = times.toSorted((a, b) => a - b)
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(sorted, share)) as [number, number, number]
  return { perSecond: times.length / seconds, p50, p99, max }
}

/**
 * Connections to one server, which send what they are given.
 *
 * @param connections how many requests may be under way at once
 * @param onAnswer is told of each answer; what it throws ends all
 * @param restMs for how long a connection rests when it had no answer at all
 */
export const createGun = (
  url: URL,
  connections: number,
  onAnswer: (answer: Answer) => void = demandAccepted,
  restMs = 0,
) => {
  const clients = Array.from(
    { length: connections },
    () => new Client(url.origin, { pipelining: 1, headersTimeout: 30_000 }),
  )
  const path = `${url.pathname}${url.search}`

  const fire = async (client: Client, { body, headers }: Shot): Promise<Omit<Answer, 'ms'>> => {
    try {
      const answer = await client.request({ method: 'POST', path, headers, body })
      return { outcome: answer.statusCode, text: await answer.body.text() }
    } catch (error) {
      const { code, name, message } = error as NodeJS.ErrnoException
      return { outcome: code ?? name, text: message }
    }
  }

  const fireAll = async (shots: Iterable<Shot>, dueAt: (index: number) => number | undefined): Promise<Load> => {
    const times: number[] = []
    const magazine = shots[Symbol.iterator]()
    let count = 0
    const startedAt = performance.now()
    const work = async (client: Client): Promise<void> => {
      for (let shot = magazine.next(); !shot.done; shot = magazine.next()) {
        const due = dueAt(count++)
        const early = due === undefined ? 0 : startedAt + due - performance.now()
        if (early > 0) await sleep(early)
        const since = due === undefined ? performance.now() : startedAt + due
        const answer = { ...(await fire(client, shot.value)), ms: performance.now() - since }
        times.push(answer.ms)
        onAnswer(answer)
        if (typeof answer.outcome === 'string') await sleep(restMs)
      }
    }
    await Promise.all(clients.map(work))
    return loadOf(times, (performance.now() - startedAt) / 1000)
  }

  return {
    /** As fast as they can: each connection sends the next when it has its answer. */
    asFastAsTheyCan: (shots: Iterable<Shot>): Promise<Load> => fireAll(shots, () => undefined),
    /**
     * So many a second, however long the answers take: the time of an answer counts from when its request was due, so that
     * a server that is slow for a moment cannot hide how many had to wait.
     */
    atRate: (shots: Iterable<Shot>, perSecond: number): Promise<Load> =>
      fireAll(shots, (index) => (index * 1000) / perSecond),
    close: async (): Promise<void> => {
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}

export type Gun = ReturnType<typeof createGun>
