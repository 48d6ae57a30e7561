import { html } from 'ghtml'
import type { Overview, OverviewIngress, OverviewWorker, States } from '../overview-schema.ts'
import { bytesText, countText, durationText } from './amounts.ts'
import type { Block, Layout } from './layout.ts'
import { overviewProblems } from './overview-problems.ts'

/** How the whole system stands. */
export const overviewPage = (overview: Overview): Layout => ({
  title: 'Overview',
  isLive: true,
  quarantined: overview.quarantined,
  refresh: true,
  body: '<h1>Overview</h1>',
  blocks: overviewBlocks(overview),
})

const overviewBlocks = (overview: Overview): Block[] => [
  { id: 'problems', html: overviewProblems(overview) },
  { id: 'figures', html: figures(overview) },
  { id: 'workers', html: workers(overview) },
  { id: 'ingresses', html: ingresses(overview) },
]

const figures = (overview: Overview): string => html`<dl class="figures">
!${figure('Separations', statesText(overview.separations, 'put off or expected'))}
!${figure('Stems', `${statesText(overview.stems, 'put off until their next try')}, ${overview.stems.failed} failed this week`)}
!${figure('Last hour', `${countText(overview.last_hour.saved, 'stem')} stored, ${overview.last_hour.failed} failed`)}
!${figure('Next in turn', nextText(overview))}
!${figure('Spool', spoolText(overview))}
!${figure('Quarantine', countText(overview.quarantined, 'payload'), '/quarantine')}
!${figure('Notifications', `${overview.notifications.waiting} waiting, ${overview.notifications.failed} failed`, '/notifications')}
!${figure('Running', `${countText(overview.workers.length, 'worker')}, ${overview.ingresses.length} ingress`)}
</dl>`

const figure = (name: string, text: string, href?: string): string =>
  html`<div><dt>!${href === undefined ? html`${name}` : html`<a href="${href}">${name}</a>`}</dt><dd>${text}</dd></div>`

const statesText = ({ waiting, running, delayed }: States, delayedText: string): string =>
  `${waiting} waiting, ${running} running, ${delayed} ${delayedText}`

const nextText = (overview: Overview): string => {
  const seconds = worst(overview.oldest_waiting_seconds)
  if (seconds === 0) return 'nothing waits'
  const work = durationText(worst(overview.waiting_seconds))
  return `has been waiting for ${durationText(seconds)}; there is work for ${work} at the recent rate`
}

const spoolText = ({ spool }: Overview): string =>
  spool.callbacks === 0
    ? 'empty'
    : `${countText(spool.callbacks, 'callback')}, ${bytesText(spool.bytes)}, the oldest for ${durationText(spool.oldest_seconds)}`

const worst = ({ separations, stems }: { separations: number; stems: number }): number => Math.max(separations, stems)

const workers = (overview: Overview): string => html`<h2 class="part">Running workers</h2>
!${
  overview.workers.length === 0
    ? '<p>None.</p>'
    : html`<table class="processes"><thead><tr><th scope="col">Worker</th><th scope="col">Current work</th></tr></thead>
<tbody>!${overview.workers.map((each) => workerRow(each, overview))}</tbody></table>`
}`

const workerRow = (worker: OverviewWorker, { at }: Overview): string => html`<tr>
<th scope="row">!${processText(worker, at)}</th>
<td>!${worker.leaving ? '<p>Shutting down: it takes no new jobs.</p>' : ''}
!${worker.troubles.map(({ message }) => html`<p class="reason">${message}</p>`)}
!${isIdle(worker) ? '<p>Idle.</p>' : html`<p>${workText(worker)}</p>`}
<ul>!${worker.separations.map((taskId) => html`<li>!${taskLink(taskId)}: planning or finishing</li>`)}
!${worker.stems.map((stem) => html`<li>!${taskLink(stem.task_id)}: ${stem.stem}, ${progressText(stem)}, for ${sinceText(stem.since, at)}</li>`)}</ul></td>
</tr>
`

const isIdle = ({ stems_running, separations_running }: OverviewWorker): boolean =>
  stems_running + separations_running === 0

const workText = ({ stems_running, concurrency, separations_running, stems, separations }: OverviewWorker): string => {
  const more = stems_running - stems.length + separations_running - separations.length
  const driven = separations_running === 0 ? '' : `, ${countText(separations_running, 'separation')}`
  return `${stems_running} of at most ${countText(concurrency, 'stem')}${driven}${more > 0 ? `; ${more} are not shown` : ''}`
}

const taskLink = (taskId: string): string => html`<a href="/separations/${encodeURIComponent(taskId)}">${taskId}</a>`

const progressText = ({ bytes, total }: OverviewWorker['stems'][number]): string => {
  if (total === null) return bytes === 0 ? 'about to come' : bytesText(bytes)
  return `${bytesText(bytes)} of ${bytesText(total)}`
}

const ingresses = (overview: Overview): string => html`<h2 class="part">Running ingress</h2>
!${
  overview.ingresses.length === 0
    ? '<p>None.</p>'
    : html`<table class="processes"><thead><tr><th scope="col">Ingress</th><th scope="col">Its spool</th></tr></thead>
<tbody>!${overview.ingresses.map((each) => ingressRow(each, overview))}</tbody></table>`
}`

const ingressRow = (ingress: OverviewIngress, { at }: Overview): string => {
  const { callbacks, bytes, max_bytes, oldest_seconds } = ingress.spool
  const oldest = callbacks === 0 ? '' : `, the oldest for ${durationText(oldest_seconds)}`
  return html`<tr><th scope="row">!${processText(ingress, at)}</th>
<td>${countText(callbacks, 'callback')}, ${bytesText(bytes)} of at most ${bytesText(max_bytes)}${oldest}</td></tr>
`
}

const processText = ({ host, pid, version, started_at }: OverviewIngress | OverviewWorker, at: string): string =>
  html`${host} <small>process ${pid}<br>version ${version}, up for ${sinceText(started_at, at)}</small>`

const sinceText = (since: string, at: string): string => durationText((Date.parse(at) - Date.parse(since)) / 1000)
