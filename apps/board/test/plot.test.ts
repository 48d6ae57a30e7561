import { expect, test } from 'vitest'
import { bytesText, durationText } from '../src/pages/amounts.ts'
import { type Plot, plot } from '../src/pages/plot.ts'

const AT = Date.parse('2026-03-01T08:00:00.000Z')

const draw = (series: Plot['series'], more: Partial<Plot> = {}) => {
  const html = plot({ title: 'Saved', unit: ['stem', 'stems'], series, fromMs: AT, kind: 'flow', ...more })
  const pathOf = (name: string) => new RegExp(`class="${name}" d="([^"]*)"`).exec(html)?.[1]
  return {
    html,
    area: pathOf('area'),
    unknown: pathOf('unknown'),
    label: /aria-label="([^"]*)"/.exec(html)?.[1],
    top: /plot-top">(\d+)</.exec(html)?.[1],
    times: [...html.matchAll(/<span>(\d\d:\d\d)<\/span>/g)].map(([, time]) => time),
  }
}

test('each minute is a step as high as its figure, and the top of the axis is the most that there was', () => {
  expect(draw([0, 2, 2, 4]).area).toBe('M0 100V100H1V50H3V0H4V100Z')
  expect(draw([0, 2, 2, 4]).top).toBe('4')
})

test.each([
  [[0, 0], '1'],
  [[1], '1'],
  [[7], '8'],
  [[41], '50'],
  [[561], '600'],
  [[1001], '2000'],
])('for %j the axis goes to %s', (series, top) => {
  expect(draw(series).top).toBe(top)
})

test('minutes of which nobody knows are left open, and shaded', () => {
  const { area, unknown } = draw([null, null, 1, null, 1])
  expect(area).toBe('M2 100V0H3V100ZM4 100V0H5V100Z')
  expect(unknown).toBe('M0 0V100H2V0ZM3 0V100H4V0Z')
  expect(draw([null, null])).toMatchObject({ area: '', unknown: 'M0 0V100H2V0Z', top: '1' })
})

test('the label says in words what there is to see', () => {
  const series = [0, 3, 1, 0]
  expect(draw(series).label).toBe('Saved: 4 stems from 08:00 to 08:04 UTC, at most 3 a minute (at 08:01).')
  expect(draw([null, 3, 1, 1], { kind: 'level', title: 'Running' }).label).toBe(
    'Running: now 1 stem, at most 3 (at 08:01), from 08:00 to 08:04 UTC. Of 1 of 4 minutes nothing is known.',
  )
  expect(draw([0, 0]).label).toBe('Saved: 0 stems from 08:00 to 08:02 UTC.')
})

test('times stand below, from the first minute to the end of the last', () => {
  expect(draw(Array(360).fill(0)).times).toEqual(['08:00', '10:00', '12:00', '14:00'])
})

test('it styles nothing by itself, which the policy of our pages would refuse', () => {
  expect(draw([1, null]).html).not.toMatch(/ style=|<style/)
})

test.each([
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [61, '1 min 1 s'],
  [7260, '2 h 1 min'],
  [86_400 * 3 + 3600, '3 days 1 h'],
  [-1, '0 s'],
])('%d seconds are %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text)
})

test.each([
  [999, '999 B'],
  [96_000, '96.0 kB'],
  [268_435_456, '268.4 MB'],
  [5e9, '5.0 GB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})
