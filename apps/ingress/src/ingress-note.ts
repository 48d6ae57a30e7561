import type { AppNote } from '@stems/queue/presence'
import type { Spool } from '@stems/store/spool'

/** What an ingress says of itself: what its spool holds. */
export const createIngressNote = (spool: Pick<Spool, 'state'>, spoolMaxBytes: number) => (): AppNote => {
  const { files, bytes, oldestAgeSeconds } = spool.state()
  return { app: 'ingress', spool: { callbacks: files, bytes, maxBytes: spoolMaxBytes, oldestAgeSeconds } }
}
