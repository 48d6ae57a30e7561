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

/** A separation with a link for each of its stems. */
export const linkedSeparation = (taskId: string, stems = ['vocal', 'drums']): Separation => ({
  taskId,
  type: 'separate_vocal',
  code: 200,
  msg: '',
  receivedAt: new Date().toISOString(),
  stems: stems.map((name) => ({ name, url: `https://file.aiquickdraw.com/${name}.mp3` })),
})
