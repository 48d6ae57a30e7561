import type { AudioFacts } from '@stems/domain/audio-facts'
import type { StemAnalysis } from '@stems/domain/stem-analysis'
import { ORIGIN } from '@stems/domain/stem-order'
import { html } from 'ghtml'
import type { LibraryStem, StemProgress } from '../separation-schemas.ts'
import { bytesText } from './amounts.ts'
import { audioFactsText } from './audio-facts-text.ts'
import { stemLine } from './stem-line.ts'
import { waveform } from './waveform.ts'

export type StemRow = {
  name: string
  stem: LibraryStem
  progress: StemProgress | undefined
  /** Missing until the stem is analyzed. */
  facts: AudioFacts | undefined
  peaks: StemAnalysis | undefined
  /** Its place among those that can be heard, from 1; 0 where it cannot. */
  number: number
  isOneOfMany: boolean
  /** Of the longest stem. */
  share: number
  isShorter: boolean
  /** Of the waveforms of all stems. */
  lift: number
}

type Saved = Extract<LibraryStem, { status: 'saved' }>

/** A stem as a track of the mixer; as a line of text where there is nothing to hear. */
export const stemRow = (row: StemRow): string =>
  row.stem.status === 'saved'
    ? track(row, row.stem)
    : html`<div class="track none">!${stemLine(row.name, row.stem, row.progress)}</div>`

const track = (row: StemRow, stem: Saved): string => {
  const { name, number } = row
  return html`<div class="track" role="group" aria-label="${name}" data-stem="${name}" data-src="${stem.href}" data-length="${row.facts?.duration_seconds ?? 0}" !${isMutedAtFirst(row) ? 'data-muted' : ''}>
<div class="strip"><p class="name">!${number > 0 && number < 10 ? html`<kbd>${number}</kbd> ` : ''}<strong>${name}</strong> !${badges(row)}</p>
<div class="knobs" data-own><button type="button" class="mute" aria-pressed="false" aria-label="Mute ${name}">M</button><button type="button" class="solo" aria-pressed="false" aria-label="Solo ${name}">S</button><input type="range" class="volume" min="0" max="1" step="0.01" value="1" aria-label="Volume of ${name}"></div>
<p class="about">!${factsText(row)}<br><a href="${stem.href}" download>${stem.file}</a> <small>${bytesText(stem.bytes)}</small></p></div>
<div class="wave">!${picture(row)}</div></div>`
}

// It is all the others together.
const isMutedAtFirst = ({ name, isOneOfMany }: StemRow): boolean => name === ORIGIN && isOneOfMany

const badges = ({ facts, isShorter }: StemRow): string =>
  (facts?.silent ? '<span class="badge">silent</span> ' : '') +
  (isShorter ? '<span class="badge warning">shorter</span> ' : '')

const factsText = ({ facts }: StemRow): string =>
  facts
    ? audioFactsText(facts)
        .map((fact) => html`<span class="fact">${fact}</span>`)
        .join(' ')
    : ''

const picture = ({ name, peaks, share, lift }: StemRow): string => {
  if (peaks === undefined) return '<p class="about">Its waveform is not drawn yet.</p>'
  const { problem } = peaks.stemkeeper
  if (problem !== undefined) return html`<p class="reason">No waveform: ${problem}</p>`
  if (peaks.length === 0)
    return '<p class="about">No waveform: this version cannot decode the format. Most browsers play it all the same.</p>'
  return waveform(name, peaks, share, lift)
}
