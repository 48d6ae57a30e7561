/**
 * A link as it may be shown to anybody: without what could open the file or tell who asks for it, its query string,
 * fragment and credentials.
 *
 * @param link an absolute URL; anything else is returned as it is
 */
export const publicLink = (link: string): string => {
  if (!hasSecrets(link)) return link
  const url = new URL(link)
  url.username = url.password = url.search = url.hash = ''
  return url.href
}

/** Does a link carry more than a place: a query string, a fragment or credentials? */
export const hasSecrets = (link: string): boolean => {
  const url = URL.parse(link)
  return url !== null && [url.username, url.password, url.search, url.hash].some((part) => part !== '')
}

const LINK_IN_TEXT = /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>\\]+/gi

/**
 * Text with every link in it in its public form, for logs and messages that may quote one.
 *
 * @param text any text, JSON included
 */
export const redactLinks = (text: string): string =>
  replaceLinks(text, (link) => (URL.canParse(link) ? publicLink(link) : cutSecrets(link)))

// What only looks like a link may still carry the secrets of one.
const cutSecrets = (link: string): string => link.replace(/[?#].*$/, '').replace(/\/\/[^/]*@/, '//')

/**
 * Replaces every link that stands in a text.
 *
 * @param text any text
 * @param replace gets the link as it stands there
 */
export const replaceLinks = (text: string, replace: (link: string) => string): string =>
  text.includes('://') ? text.replaceAll(LINK_IN_TEXT, replace) : text
