import { StemError } from '@stems/domain/errors'
import { redactLinks } from '@stems/domain/link'
import { UnrecoverableError } from 'bullmq'

/** An error that the queue retries, with the patience that the far side asked for. */
export class RetryableError extends Error {
  readonly retryAfterMs: number | undefined
  constructor(message: string, retryAfterMs: number | undefined, cause: unknown) {
    super(message, { cause })
    this.name = 'RetryableError'
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * The one place that turns a verdict into a queue state. The message, all that a parent learns of a failed child, is
 * `code: words for people`, so that it can be read on the board and by {@link readFailure}; links in it lose their secrets.
 */
export const toQueueError = (error: unknown): Error => {
  const failure =
    error instanceof StemError
      ? error
      : new StemError('interrupted', 'later', `unexpected: ${(error as Error).message}`, { cause: error })
  const message = `${failure.code}: ${redactLinks(failure.message)}`
  if (failure.verdict === 'later') return new RetryableError(message, failure.retryAfterMs, failure)
  return new UnrecoverableError(message)
}

/**
 * The reason of a failed child, as the manifest wants it.
 *
 * @param reason a message by {@link toQueueError}, or one of BullMQ's own
 */
export const readFailure = (reason: string): { code: string; message: string } => {
  const [, code, message] = /^([a-z_]+): (.*)$/s.exec(reason) ?? []
  return code && message ? { code, message } : { code: 'interrupted', message: reason }
}
