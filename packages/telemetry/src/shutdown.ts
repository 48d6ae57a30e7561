import type { Log } from './log.ts'

/**
 * Closes in order on SIGTERM or SIGINT, then ends the process; after `limitMs` it ends all the same.
 *
 * @param close stops taking work, waits, leaves
 * @param limitMs milliseconds
 */
export const closeOnSignal = (log: Log, limitMs: number, close: () => Promise<void>): void => {
  let closing = false
  const shutDown = (signal: NodeJS.Signals) => {
    if (closing) return
    closing = true
    log.info({ signal }, 'app.closing')
    setTimeout(() => {
      log.warn({ limitMs }, 'app.closed_by_limit')
      process.exit(0)
    }, limitMs).unref()
    close().then(
      () => {
        log.info({}, 'app.closed')
        process.exit(0)
      },
      (error: Error) => {
        log.error({ error: error.message }, 'app.close_failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', shutDown)
  process.on('SIGINT', shutDown)
}
