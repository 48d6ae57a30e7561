const percentile = (sorted: number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

/**
 * Sends bodies, so many at once, and measures the answers.
 *
 * @throws when one is not answered 200
 */
export const sendAll = async (url: string, bodies: unknown[], atOnce: number) => {
  const left = bodies.map((body) => JSON.stringify(body))
  const times: number[] = []
  const startedAt = performance.now()
  const send = async (): Promise<void> => {
    for (let body = left.pop(); body !== undefined; body = left.pop()) {
      const sentAt = performance.now()
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(url, { method: 'POST', headers, body })
      const { status } = (await answer.json()) as { status: string }
      if (status !== 'accepted') throw new Error(`ingress answered ${answer.status} ${status}`)
      times.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, send))
  const seconds = (performance.now() - startedAt) / 1000
  times.sort((a, b) => a - b)
  return {
    perSecond: bodies.length / seconds,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    max: percentile(times, 1),
  }
}
