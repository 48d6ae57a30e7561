import type { Separation } from '@stems/domain/separation'

/** A separation without a link: nothing is to be fetched, so that no worker for stems is needed. */
export const linklessSeparation = (taskId: string): Separation => ({
  taskId,
  type: 'unknown',
  code: 200,
  msg: '',
  receivedAt: new Date().toISOString(),
  stems: [{ name: 'vocal', url: null }],
})
