import { Client } from 'undici'

/** A request that is ready to be sent. */
export type Shot = { body: string; headers: Record<string, string> }

/** Milliseconds that answers took, sorted, and how many came a second. */
export type Load = { perSecond: number; p50: number; p99: number; max: number }

const percentile = (sorted: number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

const loadOf = (times: number[], seconds: number): Load => {
  times.sort((a, b) => a - b)
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(times, share)) as [number, number, number]
  return { perSecond: times.length / seconds, p50, p99, max }
}

/**
 * Connections to one server, which send what they are given.
 *
 * @param connections how many requests may be under way at once
 */
export const createGun = (url: URL, connections: number) => {
  const clients = Array.from({ length: connections }, () => new Client(url.origin, { pipelining: 1 }))

  const fire = async (client: Client, { body, headers }: Shot): Promise<void> => {
    const path = `${url.pathname}${url.search}`
    const answer = await client.request({ method: 'POST', path, headers, body })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}: ${text}`)
  }

  return {
    /**
     * As fast as they can: each connection sends the next when it has its answer.
     *
     * @throws when one is not answered 200
     */
    asFastAsTheyCan: async (shots: readonly Shot[]): Promise<Load> => {
      const times: number[] = []
      let next = 0
      const startedAt = performance.now()
      const work = async (client: Client): Promise<void> => {
        for (let shot = shots[next++]; shot; shot = shots[next++]) {
          const sentAt = performance.now()
          await fire(client, shot)
          times.push(performance.now() - sentAt)
        }
      }
      await Promise.all(clients.map(work))
      return loadOf(times, (performance.now() - startedAt) / 1000)
    },
    /**
     * So many a second, however long the answers take: the time of an answer counts from when its request was due, so that
     * a server that is slow for a moment cannot hide how many had to wait.
     *
     * @throws when one is not answered 200
     */
    atRate: async (shots: readonly Shot[], perSecond: number): Promise<Load> => {
      const times: number[] = []
      let next = 0
      const startedAt = performance.now()
      const work = async (client: Client): Promise<void> => {
        for (let index = next++; index < shots.length; index = next++) {
          const dueAt = startedAt + (index * 1000) / perSecond
          const early = dueAt - performance.now()
          if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
          await fire(client, shots[index] as Shot)
          times.push(performance.now() - dueAt)
        }
      }
      await Promise.all(clients.map(work))
      return loadOf(times, (performance.now() - startedAt) / 1000)
    },
    close: async (): Promise<void> => {
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}

export type Gun = ReturnType<typeof createGun>
