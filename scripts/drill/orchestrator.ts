import type { KillableProcess } from './killable-process.ts'

const LOOK_EVERY_MS = 2000

export type Watched = { process: KillableProcess; url: () => string | undefined }

/** Does what every orchestrator does: restarts a process that says of itself that it lives no more. */
export const startOrchestrator = (watched: Watched[], onRestart: (name: string, reason: string) => void) => {
  const restarts: string[] = []
  let isClosed = false

  const look = async ({ process, url }: Watched): Promise<void> => {
    const response = await fetch(`${url()}/livez`, { signal: AbortSignal.timeout(LOOK_EVERY_MS) }).catch(
      () => undefined,
    )
    const reason = response?.status === 503 ? await response.text().catch(() => '') : undefined
    if (reason === undefined || isClosed) return // whoever does not answer is paused or being started
    restarts.push(`${process.name}: ${reason}`)
    onRestart(process.name, reason)
    await process.kill()
    if (!isClosed) await process.start()
  }
  const timer = setInterval(() => {
    for (const one of watched) look(one).catch(() => {}) // it is looked at again
  }, LOOK_EVERY_MS)

  return {
    /** Whom it restarted, and what they said. */
    restarts: (): readonly string[] => restarts,
    close: () => {
      isClosed = true
      clearInterval(timer)
    },
  }
}
