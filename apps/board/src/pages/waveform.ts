import type { StemAnalysis } from '@stems/domain/stem-analysis'
import { html } from 'ghtml'

const MOST_POINTS = 800
const HALF = 128
const MOST_LIFT = 12 // what is all but silent is not drawn as if it were loud

/**
 * A waveform as a picture: it needs no script, scales to any width, and takes its colours from the page.
 *
 * @param share of the longest stem that this one lasts, 0 to 1
 * @param lift so many times as high as it is: {@link liftOf} all stems that it is shown with
 */
export const waveform = (stem: string, { data, length }: StemAnalysis, share: number, lift: number): string => {
  const points = reduced(data, length, lift)
  const width = Math.max(1, Math.round(points.length / Math.max(share, 0.001)))
  const upper = points.map(([, highest], x) => `${x} ${HALF - highest}`)
  const lower = points.map(([lowest], x) => `${x} ${HALF - lowest}`).reverse()
  const path = points.length === 0 ? '' : `M${upper.concat(lower).join('L')}Z`
  return html`<svg class="waveform" viewBox="0 0 ${width} ${2 * HALF}" preserveAspectRatio="none" role="img" aria-label="Waveform of ${stem}"><path d="M0 ${HALF}H${width}" class="zero"/><path d="${path}"/></svg>`
}

/** By how much waveforms may be lifted, all alike, until the highest of them fills its height. */
export const liftOf = (analyses: Iterable<StemAnalysis>): number => {
  let highest = 0
  for (const { data } of analyses) for (const sample of data) highest = Math.max(highest, Math.abs(sample))
  return highest === 0 ? 1 : Math.min(MOST_LIFT, (HALF - 1) / highest)
}

// A screen is no wider: of several points the lowest and the highest sample are kept.
const reduced = (data: readonly number[], length: number, lift: number): [lowest: number, highest: number][] => {
  const each = Math.max(1, Math.ceil(length / MOST_POINTS))
  return Array.from({ length: Math.ceil(length / each) }, (_, index) => {
    const part = data.slice(2 * index * each, 2 * (index + 1) * each)
    return [Math.round(lift * Math.min(...part)), Math.round(lift * Math.max(...part))]
  })
}
