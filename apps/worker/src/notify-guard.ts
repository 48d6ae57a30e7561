import { createUrlGuard, type Resolving } from '@stems/outgoing/url-guard'

/**
 * Decides whether notifications may go where `NOTIFY_URL` leads: to that host and port only, and to a public address over https
 * unless `NOTIFY_ALLOW_PRIVATE` says otherwise.
 */
export const createNotifyGuard = (url: string, allowPrivate: boolean, resolving: Resolving = {}) => {
  const { hostname, port } = new URL(url)
  return createUrlGuard(
    {
      allowedHosts: [hostname.replace(/\.$/, '')], // the dot at the end of a whole name is no part of it
      allowedPorts: [Number(port || 443)],
      allowPrivate,
      settingNames: { hosts: 'NOTIFY_URL', ports: 'NOTIFY_URL' },
    },
    resolving,
  )
}
