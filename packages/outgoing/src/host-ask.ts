import { BlockedUrlError } from '@stems/domain/errors'
import { type Ask, type AskLimits, createAsk } from './ask.ts'
import { createClient } from './client.ts'
import { createUrlGuard, type Resolving } from './url-guard.ts'

const LIMITS: AskLimits = { maxBytes: 1024 * 1024, timeoutMs: 15_000 }

export type HostAskOptions = {
  /** Its host and port are the only ones that are asked. */
  url: string
  /** Permits http, other ports, and private or loopback addresses: for development and tests only. */
  allowPrivate: boolean
  /** The setting that holds the URL, for the words of a refusal. */
  setting: string
  limits?: Partial<AskLimits>
  /** Told of every request that was not allowed. */
  onBlocked?: (error: BlockedUrlError) => void
  resolving?: Resolving
}

/**
 * Asks one configured host, under the same guard as every other request.
 *
 * @returns an Ask; it throws as `createAsk` says
 */
export const createHostAsk = ({
  url,
  allowPrivate,
  setting,
  limits = {},
  onBlocked,
  resolving = {},
}: HostAskOptions): Ask => {
  const { hostname, port } = new URL(url)
  const guard = createUrlGuard(
    {
      allowedHosts: [hostname.replace(/\.$/, '')], // the guard knows names without the dot of the root
      allowedPorts: [Number(port || 443)],
      allowPrivate,
      settingNames: { hosts: setting, ports: setting },
    },
    resolving,
  )
  const all = { ...LIMITS, ...limits }
  const ask = createAsk(createClient(guard, { connectMs: all.timeoutMs }), all)
  return async (question) => {
    try {
      return await ask(question)
    } catch (error) {
      if (error instanceof BlockedUrlError) onBlocked?.(error)
      throw error
    }
  }
}
