import { html } from 'ghtml'

export type Plot = {
  title: string
  /** What each figure counts, for words: «3 callbacks». */
  unit: [one: string, several: string]
  /** A figure for each minute, the running one last; null where nobody knows. */
  series: readonly (number | null)[]
  /** When the first minute began, in milliseconds. */
  fromMs: number
  /** `flow`: so many within each minute. `level`: so many at that time. */
  kind: 'flow' | 'level'
  isBad?: boolean
}

const MINUTE_MS = 60_000
const HEIGHT = 100
const MARKS = 4 // times below the plot, at even distances

/**
 * A plot with its axes: the shape is SVG without any text, stretched to the width that there is, and the words around it are
 * HTML, so that they can be read on any screen.
 */
export const plot = (given: Plot): string => {
  const { title, series, isBad } = given
  const top = topOf(series)
  const words = wordsOf(given)
  return html`<figure class="plot${isBad ? ' bad' : ''}">
<figcaption><strong>${title}</strong> <span class="plot-words">${words.short}</span></figcaption>
<div class="plot-area"><span class="plot-top">${top}</span>
<svg viewBox="0 0 ${series.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${title}: ${words.long}">
<path class="grid" d="M0 0H${series.length}M0 ${HEIGHT / 2}H${series.length}M0 ${HEIGHT}H${series.length}" fill="none" vector-effect="non-scaling-stroke"/>
<path class="unknown" d="${unknownOf(series)}"/>
<path class="area" d="${areaOf(series, top)}"/>
</svg>
<span class="plot-zero">0</span>
<p class="plot-times" aria-hidden="true">!${timesOf(given).map((text) => html`<span>${text}</span>`)}</p></div>
</figure>`
}

// A full number of people's liking, so that the axis does not jump with every change.
const topOf = (series: readonly (number | null)[]): number => {
  const most = mostOf(series).count
  if (most <= 1) return Math.max(1, most)
  const scale = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * scale).find((step) => step >= most) ?? most
}

const mostOf = (series: readonly (number | null)[]): { count: number; index: number } =>
  series.reduce<{ count: number; index: number }>(
    (most, count, index) => (count !== null && count > most.count ? { count, index } : most),
    { count: 0, index: -1 },
  )

// One step per minute; minutes of which nobody knows are left open.
const areaOf = (series: readonly (number | null)[], top: number): string => {
  let path = ''
  let drawn: number | null = null
  for (const [index, count] of series.entries()) {
    if (count === drawn) continue
    const y = count === null ? HEIGHT : round(HEIGHT - (count / top) * HEIGHT)
    if (drawn === null) path += `M${index} ${HEIGHT}V${y}`
    else path += `H${index}V${y}${count === null ? 'Z' : ''}`
    drawn = count
  }
  return drawn === null ? path : `${path}H${series.length}V${HEIGHT}Z`
}

// A band from top to bottom for each such minute: that nothing is known must not look like a nought.
const unknownOf = (series: readonly (number | null)[]): string => {
  let path = ''
  for (const [index, count] of series.entries()) {
    if (count !== null) continue
    if (series[index - 1] !== null) path += `M${index} 0V${HEIGHT}`
    if (series[index + 1] !== null) path += `H${index + 1}V0Z`
  }
  return path
}

const round = (value: number): number => Math.round(value * 100) / 100

const wordsOf = ({ series, unit, fromMs, kind }: Plot): { short: string; long: string } => {
  const countOf = (count: number): string => `${count} ${count === 1 ? unit[0] : unit[1]}`
  const known = series.filter((count) => count !== null)
  const now = series.at(-1) ?? 0
  const most = mostOf(series)
  const total = known.reduce((sum, count) => sum + count, 0)
  const at = `at ${clock(fromMs + most.index * MINUTE_MS)}`
  const hours = `${clock(fromMs)} to ${clock(fromMs + series.length * MINUTE_MS)} UTC`
  const unknown = series.length - known.length
  const gaps = unknown === 0 ? '' : ` Of ${unknown} of ${series.length} minutes nothing is known.`
  const peak =
    most.count === 0
      ? ''
      : kind === 'flow'
        ? `, at most ${most.count} a minute (${at})`
        : `, at most ${most.count} (${at})`
  const short = kind === 'flow' ? `${countOf(total)}${peak}` : `now ${now}${peak}`
  const long =
    kind === 'flow' ? `${countOf(total)} from ${hours}${peak}.` : `now ${countOf(now)}${peak}, from ${hours}.${gaps}`
  return { short, long }
}

const timesOf = ({ series, fromMs }: Plot): string[] =>
  Array.from({ length: MARKS }, (_, index) => clock(fromMs + (index * series.length * MINUTE_MS) / (MARKS - 1)))

const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 16)
