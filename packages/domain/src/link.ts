/**
 * A link as it may be shown to anybody: without what could open the file or tell who asks for it, its query string,
 * fragment and credentials.
 *
 * @param link an absolute URL; anything else is returned as it is
 */
export const publicLink = (link: string): string => {
  if (!hasSecrets(link)) return link
  const url = URL.parse(link)
  if (!url) return cutCredentials(cutQuery(link))
  url.username = url.password = url.search = url.hash = ''
  return cutCredentials(url.href) // a blob: link carries another link, with its credentials
}

/** Does a link carry more than a place: a query string, a fragment or credentials? */
export const hasSecrets = (link: string): boolean => {
  if (!/[?#@]/.test(link)) return false // none of them begins with another sign; most links end here, unparsed
  const url = URL.parse(link)
  if (!url) return link.includes('://') && cutCredentials(cutQuery(link)) !== link // it may be a link to others
  const parts = [url.username, url.password, url.search, url.hash]
  return parts.some((part) => part !== '') || cutCredentials(url.href) !== url.href
}

// An apostrophe does not end a link: songs have them in their names. A run of what schemes are made of is tried from its
// beginning only, or a text of many dots would take hours.
const LINK_IN_TEXT = /(?<![a-z0-9+.-])([0-9+.-]*)([a-z][a-z0-9+.-]*:\/\/[^\s"<>\\]+)/gi

/**
 * Text with every link in it in its public form, and without the tokens of our callback URLs, for logs and messages that may quote one.
 *
 * @param text any text, JSON included
 */
export const redactLinks = (text: string): string =>
  maskTokens(replaceLinks(text, (link) => cutCredentials(publicLink(cutCredentials(link)))))

// Whoever quotes our own callback URL, whole or in part, quotes the token in its path.
const maskTokens = (text: string): string =>
  text.includes('callbacks')
    ? text.replaceAll(/(callbacks(?:\/|%2f)separation(?:\/|%2f))[^\s?#"'<>\\,;)]+/gi, '$1…')
    : text

// Those of links too that stand in the path of another, as in a list without spaces.
const cutCredentials = (link: string): string => link.replace(/:\/\/[^/?#]*@/g, '://')

// What only looks like a link may still carry the secrets of one.
const cutQuery = (link: string): string => link.replace(/[?#].*$/, '')

/**
 * Replaces every link that stands in a text.
 *
 * @param text any text
 * @param replace gets the link as it stands there
 */
export const replaceLinks = (text: string, replace: (link: string) => string): string =>
  text.includes('://')
    ? text.replaceAll(LINK_IN_TEXT, (_all, before: string, link: string) => before + replace(link))
    : text
