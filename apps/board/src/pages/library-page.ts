import { separationJobId } from '@stems/queue/jobs'
import { html } from 'ghtml'
import { jobHref } from '../job-href.ts'
import { isRunning, type LibraryPage } from '../library.ts'
import type { LibraryEntry, LibraryStem } from '../separation-schemas.ts'
import { awayNotice } from './away-notice.ts'
import { type Frame, layout } from './layout.ts'
import { pager } from './pager.ts'
import { time } from './time.ts'

/** The list of separations. */
export const libraryPage = (library: LibraryPage, { mayAct, quarantined }: Frame): string =>
  layout({
    title: 'Separations',
    quarantined,
    refresh: library.away.length > 0 || library.separations.some(isRunning),
    body: html`<h1>Separations</h1>
!${mayAct ? EXPECT_FORM : ''}
!${awayNotice(library.away)}
!${library.separations.length === 0 ? emptyList(library) : library.separations.map((entry) => separation(entry, mayAct))}
!${pager(library, '/', 'separations')}`,
  })

const EXPECT_FORM = `<form class="expect" method="post" action="/separations">
<label>Expect the callback of task <input name="task_id" required maxlength="128" pattern="[A-Za-z0-9_\\-]+" autocomplete="off" spellcheck="false"></label>
<button title="If it does not come, the provider is asked for the result">Expect</button></form>`

const emptyList = ({ total }: LibraryPage): string =>
  total === 0
    ? '<p>Nothing has come in yet. A separation appears here as soon as its callback is accepted.</p>'
    : '<p>There is nothing on this page. <a href="/">Go to the newest.</a></p>'

const separation = (entry: LibraryEntry, mayAct: boolean): string => html`<article class="separation">
<header><h2>${entry.task_id}</h2><span class="status ${entry.status}">${statusText(entry)}</span></header>
<p class="about">!${aboutText(entry)} !${time(entry.received_at)} · !${links(entry)}</p>
!${entry.code === 200 ? '' : html`<p class="reason">The provider said: ${entry.code} ${entry.msg}</p>`}
!${entry.problem === null ? '' : html`<p class="reason">${entry.problem}</p>`}
<ul class="stems">!${Object.entries(entry.stems).map(([name, stem]) => html`<li>!${stemLine(name, stem)}</li>`)}</ul>
!${isRunning(entry) || !mayAct ? '' : replayButton(entry)}</article>
`

const replayButton = ({
  task_id,
}: LibraryEntry): string => html`<form method="post" action="/separations/${task_id}/replay"><button title="Fetch what is missing, check what is there">Replay</button></form>
`

const statusText = ({ status, counts }: LibraryEntry): string =>
  status === 'downloading' ? `downloading ${counts.ended} of ${counts.total}` : status

const aboutText = ({ status, type }: LibraryEntry): string =>
  status === 'expected' ? 'its callback has not come · registered' : html`${type} · received`

const links = ({ task_id, manifest_url, shard }: LibraryEntry): string =>
  html`!${manifest_url === null ? '' : html`<a href="${manifest_url}">manifest.json</a> · `}<a
href="${jobHref('separations', separationJobId(task_id), shard)}">job</a>`

const stemLine = (name: string, stem: LibraryStem): string => {
  if (stem.status === 'saved')
    return html`<a href="${stem.href}">${stem.file}</a> <small>${sizeText(stem.bytes)}</small>`
  if (stem.status === 'empty') return html`${name} <small>empty: the provider gave no link</small>`
  if (stem.status === 'pending') return html`${name} <small>pending</small>`
  return html`${name} <span class="reason">failed: ${stem.error.code}: ${stem.error.message}</span>`
}

const sizeText = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
