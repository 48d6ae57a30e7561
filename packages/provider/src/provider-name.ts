/** The gateways that are known. They share one back end and differ in what their codes mean. */
export const PROVIDERS = ['kie', 'sunoapi'] as const

export type ProviderName = (typeof PROVIDERS)[number]

/**
 * Whose API an address belongs to.
 *
 * @param apiUrl an absolute URL such as `https://api.kie.ai`; every host that is not sunoapi.org's counts as kie's
 */
export const providerOf = (apiUrl: string): ProviderName => {
  const host = URL.parse(apiUrl)?.hostname.replace(/\.$/, '') ?? ''
  return host === 'sunoapi.org' || host.endsWith('.sunoapi.org') ? 'sunoapi' : 'kie'
}
