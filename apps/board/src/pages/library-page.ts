import { separationJobId } from '@stems/queue/jobs'
import { html } from 'ghtml'
import { isRunning, type LibraryEntry, type LibraryPage, type LibraryStem } from '../library.ts'
import { layout } from './layout.ts'

/** The list of separations. */
export const libraryPage = (library: LibraryPage): string =>
  layout({
    title: 'Separations',
    refresh: library.separations.some(isRunning),
    body: html`<h1>Separations</h1>
!${library.separations.length === 0 ? emptyList(library) : library.separations.map(separation)}
!${library.pages > 1 ? pager(library) : ''}`,
  })

const emptyList = ({ total }: LibraryPage): string =>
  total === 0
    ? '<p>Nothing has come in yet. A separation appears here as soon as its callback is accepted.</p>'
    : '<p>There is nothing on this page. <a href="/">Go to the newest.</a></p>'

const separation = (entry: LibraryEntry): string => html`<article class="separation">
<header><h2>${entry.task_id}</h2><span class="status ${entry.status}">${statusText(entry)}</span></header>
<p class="about">${entry.type} · received !${time(entry.received_at)} · !${links(entry)}</p>
!${entry.code === 200 ? '' : html`<p class="reason">The provider said: ${entry.code} ${entry.msg}</p>`}
!${entry.problem === null ? '' : html`<p class="reason">${entry.problem}</p>`}
<ul class="stems">!${Object.entries(entry.stems).map(([name, stem]) => html`<li>!${stemLine(name, stem)}</li>`)}</ul>
!${isRunning(entry) ? '' : replayButton(entry)}</article>
`

const replayButton = ({
  task_id,
}: LibraryEntry): string => html`<form method="post" action="/separations/${task_id}/replay"><button title="Fetch what is missing, check what is there">Replay</button></form>
`

const statusText = ({ status, progress }: LibraryEntry): string =>
  status === 'downloading' && progress ? `downloading ${progress.ended} of ${progress.total}` : status

const links = ({ task_id, manifest }: LibraryEntry): string =>
  html`!${manifest === null ? '' : html`<a href="${manifest}">manifest.json</a> · `}<a
href="/queues/queue/separations/${encodeURIComponent(separationJobId(task_id))}">job</a>`

const stemLine = (name: string, stem: LibraryStem): string => {
  if (stem.status === 'saved')
    return html`<a href="${stem.href}">${stem.file}</a> <small>${sizeText(stem.bytes)}</small>`
  if (stem.status === 'empty') return html`${name} <small>empty: the provider gave no link</small>`
  if (stem.status === 'pending') return html`${name} <small>pending</small>`
  return html`${name} <span class="reason">failed: ${stem.error.code}: ${stem.error.message}</span>`
}

const time = (iso: string): string => html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`

const sizeText = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

const pager = ({ page, pages, total }: LibraryPage): string => html`<nav class="pager">
!${page > 1 ? html`<a rel="prev" href="/?page=${Math.min(page - 1, pages)}">← Newer</a>` : ''}
<span>page ${page} of ${pages}, ${total} separations</span>
!${page < pages ? html`<a rel="next" href="/?page=${page + 1}">Older →</a>` : ''}
</nav>`
