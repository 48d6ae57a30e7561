import { type AudioFacts, LENGTHS_MAY_DIFFER_BY_SECONDS } from '@stems/domain/audio-facts'
import type { StemAnalysis } from '@stems/domain/stem-analysis'
import { inMixOrder } from '@stems/domain/stem-order'
import { separationJobId } from '@stems/queue/jobs'
import { html } from 'ghtml'
import { jobHref } from '../job-href.ts'
import { isRunning } from '../library.ts'
import type { LibraryStem, WholeSeparation } from '../separation-schemas.ts'
import { lengthText } from './audio-facts-text.ts'
import type { Block, Frame, Layout } from './layout.ts'
import { kindText, statusText, summaryText } from './separation-text.ts'
import { type StemRow, stemRow } from './stem-row.ts'
import { age } from './time.ts'
import { liftOf } from './waveform.ts'

/** What is known of a separation, and the peaks of its stems. */
export type SeparationView = { separation: WholeSeparation; peaks: ReadonlyMap<string, StemAnalysis> }

/** A separation: its stems, to look at, to hear and to take away. */
export const separationPage = (view: SeparationView, { mayAct, quarantined }: Frame): Layout => {
  const { separation } = view
  return {
    title: separation.task_id,
    isLive: true,
    scripts: ['separation.js'],
    quarantined,
    refresh: isRunning(separation),
    body: html`<h1 class="task">${separation.task_id}</h1>!${TRANSPORT}`,
    blocks: [
      { id: 'about', html: about(separation, mayAct) },
      { id: 'notices', html: notices(view) },
      ...rowsOf(view).map((row): Block => ({ id: `stem-${row.name}`, html: stemRow(row) })),
      { id: 'keys', html: KEYS },
    ],
  }
}

// Without a script there is nothing to press.
const TRANSPORT = `<section id="transport" class="transport" aria-label="Player" hidden>
<button id="play" type="button" disabled>Play</button>
<button id="loop" type="button" aria-pressed="false">Loop</button>
<label class="seek"><span class="visually-hidden">Position</span><input id="seek" type="range" min="0" max="0" step="0.1" value="0" disabled></label>
<span id="clock">0:00</span>
<p id="player-state" role="status" class="about"></p>
</section>`

const KEYS = `<details class="about"><summary>Keys</summary><p><kbd>Space</kbd> plays and pauses · <kbd>1</kbd>–<kbd>9</kbd> mute a stem, with <kbd>Shift</kbd> they solo it · <kbd>←</kbd> <kbd>→</kbd> five seconds back and forth, with <kbd>Shift</kbd> thirty · <kbd>Home</kbd> to the begin · <kbd>L</kbd> loops · a click on a waveform goes there, dragging over one marks what is looped, and so do <kbd>[</kbd> and <kbd>]</kbd> where it is</p></details>`

const about = (separation: WholeSeparation, mayAct: boolean): string => {
  const { task_id, status, type, received_at, finished_at, stems } = separation
  const isHome = Object.values(stems).some((stem) => stem.status === 'saved')
  return html`<p class="about"><span class="status ${status}">${statusText(separation)}</span>
· ${kindText(type)} · received !${age(received_at)} !${finished_at === null ? '' : html`· finished !${age(finished_at)}`} !${summaryText(separation)}</p>
<div class="actions">!${isHome ? html`<a class="button" href="/files/${task_id}/stems.zip" download>Download all as ZIP</a>` : ''}
!${separation.manifest_url === null ? '' : html`<button type="button" id="copy-manifest" data-from="${separation.manifest_url}" data-own>Copy the manifest</button> <a href="${separation.manifest_url}">manifest.json</a>`}
!${isRunning(separation) || !mayAct ? '' : html`<form method="post" action="/separations/${task_id}/replay?back=separation" class="act"><button title="Fetch what is missing, check what is there">Replay</button></form>`}
<a href="${jobHref('separations', separationJobId(task_id))}">job</a></div>`
}

const notices = ({ separation }: SeparationView): string => {
  const { code, msg, problem, status, manifest } = separation
  return [
    code === 200 ? '' : html`<p class="reason">The provider said: ${code} ${msg}</p>`,
    problem === null ? '' : html`<p class="reason">${problem}</p>`,
    manifest?.lengths_differ ? html`<p class="warning">${lengthsText(separation)}</p>` : '',
    status === 'expected'
      ? '<p>Its callback has not come. If it does not, the provider is asked for the result, where there is a key for its API.</p>'
      : '',
    status === 'waiting' ? '<p>It waits for a worker.</p>' : '',
  ].join('')
}

const lengthsText = ({ manifest }: WholeSeparation): string => {
  const lengths = Object.entries(manifest?.stems ?? {}).flatMap(([name, stem]) =>
    stem.status === 'saved' && stem.audio ? [{ name, seconds: stem.audio.duration_seconds }] : [],
  )
  const [first, last] = [
    lengths.toSorted((a, b) => a.seconds - b.seconds)[0],
    lengths.toSorted((a, b) => b.seconds - a.seconds)[0],
  ]
  if (!first || !last) return ''
  return `The lengths of the stems differ: ${first.name} lasts ${lengthText(first.seconds)}, ${last.name} ${lengthText(last.seconds)}. They may not fit each other.`
}

const rowsOf = ({ separation, peaks }: SeparationView): StemRow[] => {
  const names = inMixOrder(Object.keys(separation.stems))
  const factsOf = (name: string): AudioFacts | undefined => {
    const stem = separation.stems[name]
    return stem?.status === 'saved' ? stem.audio : undefined
  }
  const lengthOf = (name: string): number => factsOf(name)?.duration_seconds ?? 0
  const longest = Math.max(0, ...names.map(lengthOf))
  const lift = liftOf(peaks.values())
  const playable = names.filter((name) => separation.stems[name]?.status === 'saved')
  return names.map((name) => ({
    name,
    stem: separation.stems[name] as LibraryStem,
    progress: separation.progress[name],
    facts: factsOf(name),
    peaks: peaks.get(name),
    number: playable.indexOf(name) + 1,
    isOneOfMany: playable.length > 1,
    share: longest > 0 && lengthOf(name) > 0 ? lengthOf(name) / longest : 1,
    lift,
    isShorter: lengthOf(name) > 0 && longest - lengthOf(name) > LENGTHS_MAY_DIFFER_BY_SECONDS,
  }))
}
