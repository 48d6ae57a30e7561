import type { Readable } from 'node:stream'
import { BlockedUrlError } from '@stems/domain/errors'
import { parseRetryAfter } from '@stems/domain/retry-after'
import { createClient } from '@stems/outgoing/client'
import { RequestFailure } from '@stems/outgoing/request-failure'
import { createUrlGuard, hostRules, type Resolving } from '@stems/outgoing/url-guard'
import type { Notification, NotificationResult } from '@stems/queue/notifications'
import { UndeliveredError } from '@stems/queue/notifications-worker'
import type { Tracer } from '@stems/telemetry/tracer'
import { Webhook } from 'standardwebhooks'
import type { NoticeBlocked } from './notice-blocked.ts'
import { traceClient } from './traces.ts'

const TIMEOUT_MS = 20_000 // «somewhere between 15 and 30s»
const READ_BYTES = 64 * 1024
const GONE = 410

export type DeliverOptions = {
  url: string
  /** Each signs, so that a receiver may change from one to the other at any time. */
  secrets: readonly string[]
  allowPrivate: boolean
  noticeBlocked: NoticeBlocked
  timeoutMs?: number
  resolving?: Resolving
  tracer?: Tracer | undefined
}

/**
 * Sends notifications as the Standard Webhooks specification, version 1.0.0, says. The status decides, and nothing that comes after
 * it: who has answered 2xx has it, even if his words never end.
 *
 * @returns a function that throws UndeliveredError; its words name the host and nothing else of the URL
 */
export const createDeliver = ({
  url,
  secrets,
  allowPrivate,
  noticeBlocked,
  timeoutMs = TIMEOUT_MS,
  resolving,
  tracer,
}: DeliverOptions) => {
  const target = new URL(url)
  const guard = createUrlGuard(hostRules(url, allowPrivate, 'NOTIFY_URL'), resolving)
  const client = traceClient(createClient(guard, { connectMs: timeoutMs }), tracer, { isOurs: true })
  const webhooks = secrets.map((secret) => new Webhook(secret))
  const timeouts = { idleMs: timeoutMs, totalMs: timeoutMs }

  const headersOf = ({ id, body }: Notification) => {
    const now = new Date()
    return {
      'content-type': 'application/json',
      'user-agent': 'Stemkeeper/1.0',
      'webhook-id': id,
      'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`,
      'webhook-signature': webhooks.map((webhook) => webhook.sign(id, now, body)).join(' '),
    }
  }

  const post = (notification: Notification, signal: AbortSignal) =>
    client
      .request(target, {
        method: 'POST',
        headers: headersOf(notification),
        body: notification.body,
        signal,
        timeouts,
      })
      .catch((error: unknown) => {
        if (error instanceof BlockedUrlError) {
          noticeBlocked(error, { notification: notification.id })
          throw new UndeliveredError(explainBlocked(error))
        }
        throw error instanceof RequestFailure ? new UndeliveredError(error.message) : error
      })

  return async (notification: Notification, signal: AbortSignal): Promise<NotificationResult> => {
    const { status, headers, body } = await post(notification, signal)
    await readOut(body)
    if (status >= 200 && status < 300) return { status }
    throw new UndeliveredError(`${target.host} answered ${status}${hintOf(status)}.`, {
      isFinal: status === GONE,
      retryAfterMs: parseRetryAfter(headers['retry-after']),
    })
  }
}

export type Deliver = ReturnType<typeof createDeliver>

// A connection that is cut in the middle of an answer looks like a failure to who gives it, so a little of it is heard out.
const readOut = async (body: Readable): Promise<void> => {
  let left = READ_BYTES
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      left -= chunk.length
      if (left < 0) break
    }
  } catch {
    // its status has said what matters
  } finally {
    body.destroy()
  }
}

const explainBlocked = (error: BlockedUrlError): string =>
  error.reason === 'address'
    ? `${error.message} NOTIFY_ALLOW_PRIVATE=true permits it, for an app in the same network.`
    : error.message

const hintOf = (status: number): string => {
  if (status === GONE) return ', so it is not sent again by itself'
  if (status >= 300 && status < 400) return '; redirects are not followed: NOTIFY_URL must be where they lead'
  return ''
}
