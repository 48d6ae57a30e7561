import { compare, type Finding, median } from '../parts/finding.ts'
import { compared, figure, targetOf } from '../parts/findings-table.ts'

const WIDTH = 860
const MARGIN = 16
const BAR = { left: 232, right: 640, height: 16, gap: 6 }
const TITLE_HEIGHT = 26
const PANEL_HEIGHT = TITLE_HEIGHT + 2 * (BAR.height + BAR.gap) + 22

// A ground of its own, so that it can be read on a dark page too.
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .what { font-weight: 600 }
  .end { text-anchor: end }
  .whose { font-size: 12px; text-anchor: end }
  .small { font-size: 11px; fill: #57606a }
  .ours { fill: #1f6feb }
  .theirs { fill: #afb8c1 }
  .spread { stroke: #1f2328; fill: none }
  .target { stroke: #cf222e; stroke-dasharray: 4 3 }
  .aim { font-size: 11px; fill: #cf222e }`

/** A picture of findings, as SVG: for each of them a bar of ours and one of theirs, how far the rounds were apart, and the target. */
export const plot = (findings: Finding[]): string => {
  const height = 2 * MARGIN + findings.length * PANEL_HEIGHT
  const panels = findings.map((finding, index) => panel(finding, MARGIN + index * PANEL_HEIGHT))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${escaped([...new Set(findings.map(inWords))].join('; '))}</title>
<style>${STYLE}
</style>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#ffffff"/>
${panels.join('\n')}
</svg>
`
}

const inWords = (finding: Finding): string =>
  `${finding.id}, ${finding.what}: ours ${figure(median(finding.ours))}, ${finding.rival} ${figure(median(finding.theirs))} ${finding.unit}`

const panel = (finding: Finding, top: number): string => {
  const { ours, theirs, rival } = finding
  const aim = aimOf(finding)
  const most = Math.max(...ours, ...theirs, aim ?? 0) || 1
  const x = (value: number): number => Math.round(BAR.left + (value / most) * (BAR.right - BAR.left))
  const first = top + TITLE_HEIGHT
  const second = first + BAR.height + BAR.gap
  const { median: middle, least, most: greatest } = compare(finding)
  const [ratio, from, to] = [middle, least, greatest].map((value) => compared(finding, value))
  return [
    `<text class="what" x="${MARGIN}" y="${top + 16}">${escaped(`${finding.id} · ${finding.what}, ${finding.unit}`)}</text>`,
    `<text class="end" x="${WIDTH - MARGIN}" y="${top + 16}">${ratio} <tspan class="small">(${from}–${to})</tspan></text>`,
    bar('ours', 'Stemkeeper', ours, first, x),
    bar('theirs', rival, theirs, second, x),
    ...(aim === undefined ? [] : [aimLine(x(aim), first - 3, targetOf(finding))]),
  ].join('\n')
}

/** Where ours would just reach the target, beside the median of theirs. */
const aimOf = ({ theirs, target, by }: Finding): number | undefined => {
  if (target === undefined) return undefined
  const wanted = 'atLeast' in target ? target.atLeast : target.atMost
  return by === 'ratio' ? median(theirs) * wanted : median(theirs) + wanted
}

const bar = (whose: string, name: string, values: number[], top: number, x: (value: number) => number): string => {
  const middle = top + BAR.height / 2
  const [least, most] = [x(Math.min(...values)), x(Math.max(...values))]
  return `<text class="whose" x="${BAR.left - 8}" y="${top + 13}">${escaped(name)}</text>
<rect class="${whose}" x="${BAR.left}" y="${top}" width="${Math.max(1, x(median(values)) - BAR.left)}" height="${BAR.height}" rx="2"/>
<path class="spread" d="M${least} ${middle - 4}v8m0-4H${most}m0-4v8"/>
<text x="${BAR.right + 12}" y="${top + 13}">${figure(median(values))}</text>`
}

const aimLine = (x: number, top: number, text: string): string => {
  const bottom = top + 2 * (BAR.height + BAR.gap) + 2
  return `<path class="target" d="M${x} ${top}V${bottom}"/>
<text class="aim" x="${x}" y="${bottom + 11}" text-anchor="middle">${escaped(text)}</text>`
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
