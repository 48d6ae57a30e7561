import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { BlockedUrlError, type BlockReason } from '@stems/domain/errors'
import { buildConnector } from 'undici'
import { isLocalhost, isPublicAddress, literalAddress } from './address.ts'

export type UrlRules = {
  /** Exact hosts; a leading dot stands for a domain and all below it; `*` for any public host. */
  allowedHosts: readonly string[]
  allowedPorts: readonly number[]
  /** Permits http, other ports, and private or loopback addresses: for development and tests only. */
  allowPrivate: boolean
  /** The settings that hold the rules, for the words of a refusal. */
  settingNames: { hosts: string; ports: string }
}

/**
 * The rules for one configured host: it may be asked on the port of its URL, and nothing else.
 *
 * @param setting the setting that holds the URL
 */
export const hostRules = (url: string, allowPrivate: boolean, setting: string): UrlRules => {
  const { hostname, port } = new URL(url)
  return {
    allowedHosts: [hostname.replace(/\.$/, '')], // rules hold names without the dot of the root
    allowedPorts: [Number(port || 443)],
    allowPrivate,
    settingNames: { hosts: setting, ports: setting },
  }
}

/** The way from a name to addresses. */
export type Resolving = {
  /** In place of the system's resolver. */
  lookup?: LookupFunction
  /** Addresses that count as public: for tests, which have no public address that they could listen on. */
  alsoPublic?: readonly string[]
}

/**
 * Decides where requests may go. A verified callback does not make its URLs safe: its signature does not cover them.
 * `check` judges a URL before it is asked, a redirect's target too, and every address that is written out in it.
 * `connector` judges the addresses that a name leads to, and connects to those that it has judged: a name cannot change
 * its mind in between.
 */
export const createUrlGuard = (rules: UrlRules, { lookup = systemLookup, alsoPublic = [] }: Resolving = {}) => {
  const isPublic = (address: string) => isPublicAddress(address) || alsoPublic.includes(address)
  return {
    /** @throws {BlockedUrlError} */
    check: (url: URL): void => {
      const found = objection(url, rules, isPublic)
      if (found) throw new BlockedUrlError(url.host || url.protocol, found.what, found)
    },
    /**
     * Opens connections, for undici.
     *
     * @param timeout for finding the address, connecting and greeting together, in milliseconds
     */
    connector: (timeout: number): buildConnector.connector =>
      rules.allowPrivate
        ? buildConnector({ timeout, allowH2: false, lookup })
        : publicOnly(buildConnector({ timeout, allowH2: false, lookup: judged(lookup, isPublic) }), isPublic),
  }
}

export type UrlGuard = ReturnType<typeof createUrlGuard>

const NOT_PUBLIC = 'its address is not a public one'
const HUNG_UP = 'it hung up as soon as it was connected to'

type Objection = { reason: BlockReason; what: string; setting?: string }

const objection = (url: URL, rules: UrlRules, isPublic: (address: string) => boolean): Objection | undefined => {
  const { allowedHosts, allowedPorts, allowPrivate, settingNames } = rules
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) {
    return { reason: 'scheme', what: `${url.protocol} is not https:` }
  }
  if (url.username !== '' || url.password !== '') return { reason: 'credentials', what: 'the URL carries credentials' }
  const literal = literalAddress(url)
  const mayBePublic = literal === undefined ? !isLocalhost(url) : isPublic(literal)
  if (!mayBePublic && !allowPrivate) return { reason: 'address', what: NOT_PUBLIC }
  if (!isListed(url, allowedHosts)) {
    return { reason: 'host', what: `the host is not in ${settingNames.hosts}`, setting: settingNames.hosts }
  }
  const port = Number(url.port || 443)
  if (!allowedPorts.includes(port) && !allowPrivate) {
    return { reason: 'port', what: `port ${port} is not in ${settingNames.ports}`, setting: settingNames.ports }
  }
  return undefined
}

// A second net, which judges by itself what the first let pass: literals, for which Node calls no lookup, before it connects, and
// whoever has answered before a byte of a request is sent to him.
const publicOnly =
  (connect: buildConnector.connector, isPublic: (address: string) => boolean): buildConnector.connector =>
  (options, done) => {
    const { hostname } = options
    const refuse = (address: string) =>
      done(new BlockedUrlError(hostname, `${NOT_PUBLIC} (${address})`, { reason: 'address' }), null)
    const literal = hostname.replace(/^\[(.*)\]$/, '$1')
    if (isIP(literal) !== 0 && !isPublic(literal)) return refuse(literal)
    connect(options, (error, socket) => {
      if (!socket) return done(error as Error, null)
      const { remoteAddress } = socket
      if (remoteAddress !== undefined && isPublic(remoteAddress)) return done(null, socket)
      socket.destroy()
      // The system knows no address of a connection that has been reset, which says nothing of whose it was.
      if (remoteAddress === undefined) return done(Object.assign(new Error(HUNG_UP), { code: 'ECONNRESET' }), null)
      refuse(remoteAddress)
    })
  }

// One bad address among several is enough: Node may try them all.
const judged =
  (lookup: LookupFunction, isPublic: (address: string) => boolean): LookupFunction =>
  (hostname, options, done) =>
    lookup(hostname, options, (error, answer, family) => {
      if (error) return done(error, answer, family)
      const found = typeof answer === 'string' ? [answer] : answer.map(({ address }) => address)
      const bad = found.find((address) => !isPublic(address))
      if (bad === undefined) return done(null, answer, family)
      done(new BlockedUrlError(hostname, `${NOT_PUBLIC} (${bad})`, { reason: 'address' }), answer, family)
    })

const isListed = ({ hostname }: URL, allowedHosts: readonly string[]): boolean => {
  const host = hostname.toLowerCase().replace(/\.$/, '')
  return allowedHosts.some((given) => {
    const rule = given.toLowerCase()
    if (rule === '*') return true
    return rule.startsWith('.') ? host === rule.slice(1) || host.endsWith(rule) : host === rule
  })
}
