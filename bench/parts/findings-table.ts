import Table from 'cli-table3'
import { compare, type Finding, median } from './finding.ts'

/** What was found, a line each. */
export const findingsTable = (findings: Finding[]): string => {
  const table = new Table({
    head: ['', 'what', 'ours', 'beside', 'theirs', 'ours to theirs', 'target', 'reached'],
    colAligns: ['left', 'left', 'right', 'left', 'right', 'right', 'right', 'left'],
    colWidths: [null, 34, null, 24],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  for (const finding of findings) {
    const { median: middle, least, most, isReached } = compare(finding)
    table.push([
      finding.id,
      `${finding.what}, ${finding.unit}`,
      figure(median(finding.ours)),
      finding.rival,
      figure(median(finding.theirs)),
      `${compared(finding, middle)} (${compared(finding, least)}–${compared(finding, most)})`,
      targetOf(finding),
      isReached === undefined ? '' : isReached ? 'yes' : 'NO',
    ])
  }
  return table.toString()
}

/** A figure with three digits that count. */
export const figure = (value: number): string =>
  Math.abs(value) >= 100 ? value.toLocaleString('en', { maximumFractionDigits: 0 }) : value.toPrecision(3)

/** How ours stands to theirs: `0.91×` of it, or `+12` more. */
export const compared = ({ by }: Finding, value: number): string =>
  by === 'ratio' ? `${value.toFixed(2)}×` : `${value < 0 ? '−' : '+'}${figure(Math.abs(value))}`

/** What is to be reached, such as `≥ 0.85×`. */
export const targetOf = (finding: Finding): string => {
  const { target } = finding
  if (target === undefined) return ''
  return 'atLeast' in target ? `≥ ${compared(finding, target.atLeast)}` : `≤ ${compared(finding, target.atMost)}`
}
