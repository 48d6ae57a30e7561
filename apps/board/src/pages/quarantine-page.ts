import type { QuarantineEntry, Released } from '@stems/queue/quarantine'
import { html } from 'ghtml'
import { jobHref } from '../job-href.ts'
import { layout } from './layout.ts'
import { type Pages, pager } from './pager.ts'
import { payloadText } from './payload-text.ts'
import { time } from './time.ts'

const SHOWN_CHARACTERS = 50_000

export type QuarantinePage = Pages & { entries: QuarantineEntry[] }

/** How many entries ended in which way; `unreadable` and `unconfirmed` ones stay. */
export type ReleaseCounts = Record<Released['answer'], number>

export type QuarantineView = {
  mayAct: boolean
  /** What a release that somebody has asked for has come to. */
  released: ReleaseCounts | undefined
}

/** The list of payloads that could not be read, or were not borne out. */
export const quarantinePage = (held: QuarantinePage, { mayAct, released }: QuarantineView): string =>
  layout({
    title: 'Quarantine',
    refresh: false,
    quarantined: held.total,
    body: html`<h1>Quarantine</h1>
<p>Verified callbacks that this version cannot read, kept whole: after an upgrade they can be tried again. And callbacks
that the provider's own record does not bear out: trying one of those again compares it once more.</p>
!${released ? releaseText(released) : ''}
!${held.total === 0 ? '<p>Nothing is in quarantine.</p>' : ''}
!${held.total > 0 && mayAct ? releaseButton('/quarantine/release', 'Try all again') : ''}
!${held.entries.map((entry) => article(entry, mayAct))}
!${pager(held, '/quarantine', 'payloads')}`,
  })

const releaseText = ({ accepted, duplicate, unreadable, unconfirmed }: ReleaseCounts): string =>
  html`<p role="status">Tried again: ${accepted} accepted, ${duplicate} known already, ${unreadable} still not readable, ${unconfirmed} left that are not borne out.</p>`

const article = (entry: QuarantineEntry, mayAct: boolean): string => {
  const { text, isWhole } = payloadText(entry.payload, SHOWN_CHARACTERS)
  const job = jobHref('quarantine', entry.id)
  return html`<article class="separation">
<header><h2>${entry.taskId}</h2></header>
<p class="about">received !${time(entry.receivedAt)} · <a href="${job}">job</a></p>
<p class="reason">${entry.reason}</p>
<details><summary>Payload</summary><pre>${text}</pre>!${isWhole ? '' : '<p>It goes on; the job shows the whole of it.</p>'}</details>
!${mayAct ? releaseButton(`/quarantine/${entry.taskId}/release`, 'Try again') : ''}</article>
`
}

const releaseButton = (action: string, text: string): string =>
  html`<form method="post" action="${action}"><button>${text}</button></form>`
