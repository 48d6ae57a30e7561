/** Where the provider keeps files, as its pages show; a leading dot stands for a domain and all below it. */
export const PROVIDER_HOSTS = ['.aiquickdraw.com', 'cdn1.suno.ai'] as const

/** Does a link lead to one of the provider's own hosts? */
export const isProviderLink = (link: string): boolean => {
  const host = URL.parse(link)?.hostname.replace(/\.$/, '')
  return PROVIDER_HOSTS.some((known) =>
    known.startsWith('.') ? host === known.slice(1) || host?.endsWith(known) : host === known,
  )
}
