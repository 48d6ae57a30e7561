import { html } from 'ghtml'
import type { LibraryStem, StemProgress } from '../separation-schemas.ts'
import { bytesText } from './amounts.ts'

/** A line of text about a stem: its file, how far it is, or why there is none. */
export const stemLine = (name: string, stem: LibraryStem, progress: StemProgress | undefined): string => {
  if (stem.status === 'saved')
    return html`<a href="${stem.href}">${stem.file}</a> <small>${bytesText(stem.bytes)}</small>`
  if (stem.status === 'empty') return html`${name} <small>empty: the provider gave no link</small>`
  if (stem.status === 'pending') return progress ? progressLine(name, progress) : html`${name} <small>pending</small>`
  return html`${name} <span class="reason">failed: ${stem.error.code}: ${stem.error.message}</span>`
}

/** How far the download of a stem is. */
export const progressLine = (name: string, { state, bytes, total, attempts, last_error }: StemProgress): string => {
  if (state === 'downloading')
    return html`<span class="on-its-way"><span>${name}</span> !${bar(name, bytes, total)} <small>${ofTotal(bytes, total)}</small></span>`
  if (state === 'saved') return html`${name} <small>saved${bytes === null ? '' : `, ${bytesText(bytes)}`}</small>`
  const why = last_error ? `${last_error.code}: ${last_error.message}` : ''
  if (state === 'failed') return html`${name} <span class="reason">failed: ${why}</span>`
  if (state === 'retrying')
    return html`${name} <small>tries again after ${attempts} failed ${attempts === 1 ? 'attempt' : 'attempts'}. ${why}</small>`
  return html`${name} <small>waiting</small>`
}

const bar = (name: string, bytes: number | null, total: number | null): string =>
  bytes === null || total === null
    ? html`<progress aria-label="${name}"></progress>`
    : html`<progress aria-label="${name}" value="${bytes}" max="${total}"></progress>`

const ofTotal = (bytes: number | null, total: number | null): string => {
  if (bytes === null) return 'begins'
  return total === null ? bytesText(bytes) : `${bytesText(bytes)} of ${bytesText(total)}`
}
