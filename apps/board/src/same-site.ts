import type { FastifyRequest } from 'fastify'

const OTHER_SITE = 'Actions are taken from pages of this board only.'
const OTHER_HOST = `${OTHER_SITE} Where a proxy in front of it changes the Host header, TRUSTED_PROXIES must name the proxy.`
const UNKNOWN_SITE = 'This browser does not say which page asks for the action. Use a newer one, or the API.'

/**
 * What speaks against a request for an action, in words for people; `undefined` when it comes from a page of this board, or
 * from a program. A browser sends the login along with whatever any page posts here, but it also says which page that was:
 *
 * - by `Sec-Fetch-Site`, which pages cannot set (https://www.w3.org/TR/fetch-metadata/); then nothing else needs to fit, so
 *   that a proxy may change the host;
 * - else by `Origin`, which is sent where the former is not: over plain http. It must name the host that was asked;
 * - else by `Referer`, in the same way.
 *
 * A browser that sends none of the three is refused. A program has no login of somebody else to misuse.
 */
export const objectionTo = ({ headers, host }: Pick<FastifyRequest, 'headers' | 'host'>): string | undefined => {
  const { 'sec-fetch-site': site, origin, referer, 'user-agent': agent = '' } = headers
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? undefined : OTHER_SITE
  const page = origin ?? referer
  if (page !== undefined) return isOn(host, page) ? undefined : OTHER_HOST
  return /^(Mozilla|Opera)\//.test(agent) ? UNKNOWN_SITE : undefined
}

// The default port may be written out on one side. `null`, as hidden origins are called, is no URL.
const isOn = (host: string, page: string): boolean => {
  const url = URL.parse(page)
  return url !== null && url.host !== '' && url.host === URL.parse(`${url.protocol}//${host}`)?.host
}
