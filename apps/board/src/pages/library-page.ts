import { inMixOrder } from '@stems/domain/stem-order'
import { separationJobId } from '@stems/queue/jobs'
import { LISTED_STATUSES, type ListedStatus } from '@stems/queue/library-index'
import { html } from 'ghtml'
import { jobHref } from '../job-href.ts'
import { isRunning, type LibraryPage, type LibraryView, type ShownEntry } from '../library.ts'
import { viewHref } from '../library-view.ts'
import type { LibraryStem } from '../separation-schemas.ts'
import type { Block, Frame, Layout } from './layout.ts'
import { kindText, statusText, summaryText } from './separation-text.ts'
import { stemLine } from './stem-line.ts'
import { age } from './time.ts'

/** The list of separations. */
export const libraryPage = (library: LibraryPage, view: LibraryView, { mayAct, quarantined }: Frame): Layout => ({
  title: 'Library',
  isLive: view.search === undefined, // each look would search anew, through every id
  quarantined,
  refresh: view.search === undefined,
  body: html`<h1>Library</h1>
<div class="tools">!${searchForm(view)}!${mayAct ? EXPECT_FORM : ''}</div>`,
  blocks: [
    { id: 'notices', html: notices(library) },
    { id: 'views', html: views(library, view) },
    ...(library.separations.length === 0 ? [{ id: 'none', html: emptyList(library, view) }] : []),
    ...library.separations.map((entry): Block => ({ id: `s-${entry.task_id}`, html: separation(entry, mayAct) })),
    { id: 'pager', html: pager(library, view) },
  ],
})

const searchForm = ({ of, search = '' }: LibraryView): string => html`<form role="search" action="/">
!${of === undefined ? '' : html`<input type="hidden" name="status" value="${of}">`}
<label class="visually-hidden" for="search">Search task ids</label><input id="search" placeholder="part of a task id" type="search" name="q" value="${search}" maxlength="128" autocomplete="off" spellcheck="false">
<button>Search</button></form>`

const EXPECT_FORM = `<details><summary>Expect a task</summary><form class="expect" method="post" action="/separations">
<label>Task id <input name="task_id" required maxlength="128" pattern="[A-Za-z0-9_\\-]+" autocomplete="off" spellcheck="false"></label>
<button title="If its callback does not come, the provider is asked for the result">Expect</button></form></details>`

const notices = ({ isComplete }: LibraryPage): string =>
  isComplete
    ? ''
    : '<p role="status" class="about">The index is being completed from the store; more separations appear as they are found.</p>'

const views = ({ counts }: LibraryPage, view: LibraryView): string => {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const link = (of: ListedStatus | undefined, text: string, count: number): string =>
    html`<a href="${viewHref({ of, search: view.search })}" !${of === view.of ? 'aria-current="page"' : ''}>${text} <small>${count.toLocaleString('en')}</small></a>`
  return html`<nav class="views" aria-label="By status">!${link(undefined, 'all', all)} !${LISTED_STATUSES.map((of) => `${link(of, of, counts[of])} `)}</nav>`
}

const emptyList = ({ counts, newer, older }: LibraryPage, { of, search }: LibraryView): string => {
  if (search && (newer || older))
    return html`<p>None of the tasks that were looked at holds «${search}». There are others to be looked at.</p>`
  if (search)
    return html`<p>No task id holds «${search}»${of === undefined ? '' : `, among those that are ${of}`}. <a href="${viewHref({})}">Show all.</a></p>`
  if (Object.values(counts).every((count) => count === 0))
    return '<p>Nothing has come in yet. A separation appears here as soon as its callback is accepted.</p>'
  if (of !== undefined && counts[of] === 0)
    return html`<p>No separation is ${of} right now. <a href="/">Show all.</a></p>`
  return '<p>There is nothing on this page. <a href="/">Go to the newest.</a></p>'
}

const separation = (entry: ShownEntry, mayAct: boolean): string => html`<article class="separation">
<header><h2><a href="/separations/${entry.task_id}">${entry.task_id}</a></h2><span class="status ${entry.status}">${statusText(entry)}</span></header>
<p class="about">!${aboutText(entry)} !${age(entry.received_at)} !${summaryText(entry)}· !${links(entry)}</p>
!${entry.code === 200 ? '' : html`<p class="reason">The provider said: ${entry.code} ${entry.msg}</p>`}
!${entry.problem === null ? '' : html`<p class="reason">${entry.problem}</p>`}
!${stemLines(entry, false)}
<div class="foot">!${files(entry)}!${isRunning(entry) || !mayAct ? '' : replayButton(entry)}</div></article>
`

// What is home needs a look only when somebody wants it; what is not, at once.
const files = (entry: ShownEntry): string => {
  const lines = stemLines(entry, true)
  return lines === '' ? '' : html`<details><summary>Files</summary>!${lines}</details>`
}

const stemLines = ({ stems, progress }: ShownEntry, areHome: boolean): string => {
  const lines = inMixOrder(Object.keys(stems)).flatMap((name) => {
    const stem = stems[name] as LibraryStem
    if ((stem.status === 'saved') !== areHome) return []
    return [html`<li>!${stemLine(name, stem, progress[name])}</li>`]
  })
  return lines.length === 0 ? '' : html`<ul class="stems">!${lines}</ul>`
}

const replayButton = ({
  task_id,
}: ShownEntry): string => html`<form method="post" action="/separations/${task_id}/replay" class="act"><button title="Fetch what is missing, check what is there">Replay</button></form>
`

const aboutText = ({ status, type }: ShownEntry): string =>
  status === 'expected' ? 'its callback has not come · registered' : html`${kindText(type)} · received`

const links = ({ task_id, manifest_url }: ShownEntry): string =>
  html`!${manifest_url === null ? '' : html`<a href="${manifest_url}">manifest.json</a> · `}<a
href="${jobHref('separations', separationJobId(task_id))}">job</a>`

const pager = ({ newer, older }: LibraryPage, view: LibraryView): string => {
  const { of, search } = view
  return newer || older
    ? html`<nav class="pager" aria-label="Pages">
!${newer ? html`<a href="${viewHref({ of, search })}">⇤ Newest</a> <a rel="prev" href="${viewHref({ of, search, newer })}">← Newer</a>` : ''}
!${older ? html`<a rel="next" href="${viewHref({ of, search, older })}">Older →</a>` : ''}
</nav>`
    : ''
}
