import { BlockedUrlError } from '@stems/domain/errors'
import { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } from 'request-filtering-agent'

export type UrlRules = {
  /** Exact hosts; a leading dot stands for a domain and all below it; `*` for any host. */
  allowedHosts: readonly string[]
  /** Permits http, other ports, and private or loopback addresses: for development and tests only. */
  allowPrivate: boolean
}

/**
 * Decides where requests may go. A verified callback does not make its URLs safe: its signature does not cover them.
 * `check` judges a URL before it is asked, a redirect's target too; `agents` judge the address that a name leads to, at
 * the moment of connecting, so that a name cannot change its mind in between.
 */
export const createUrlGuard = ({ allowedHosts, allowPrivate }: UrlRules) => {
  const options = { keepAlive: false, maxSockets: Number.POSITIVE_INFINITY }
  return {
    /** @throws {BlockedUrlError} */
    check: (url: URL): void => {
      const reason = objection(url, allowPrivate) ?? (isAllowed(url, allowedHosts) ? undefined : NOT_LISTED)
      if (reason) throw new BlockedUrlError(url.host || url.protocol, reason)
    },
    /** `undefined` where every address may be connected to. */
    agents: allowPrivate
      ? undefined
      : { http: new RequestFilteringHttpAgent(options), https: new RequestFilteringHttpsAgent(options) },
  }
}

export type UrlGuard = ReturnType<typeof createUrlGuard>

/** Did an agent of the guard refuse to connect? Its errors carry no code of their own. */
export const isBlockedAddress = (error: Error): boolean => /\bis not allowed\b/.test(error.message)

const NOT_LISTED = 'the host is not in DOWNLOAD_ALLOWED_HOSTS'

const objection = (url: URL, allowPrivate: boolean): string | undefined => {
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) return `${url.protocol} is not https:`
  if (url.username !== '' || url.password !== '') return 'the URL carries credentials'
  if (url.port !== '' && !allowPrivate) return `port ${url.port} is not the default one`
  return undefined
}

const isAllowed = (url: URL, allowedHosts: readonly string[]): boolean => {
  const host = url.hostname.toLowerCase().replace(/\.$/, '')
  return allowedHosts.some((given) => {
    const rule = given.toLowerCase()
    if (rule === '*') return true
    return rule.startsWith('.') ? host === rule.slice(1) || host.endsWith(rule) : host === rule
  })
}
