import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const ROOT = join(import.meta.dirname, '../..')

/** A file of the repository, as text. */
export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

export type Alert = {
  alert: string
  expr: string
  for?: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

export const ALERTS: Alert[] = parse(read('deploy/prometheus/alerts.yml')).groups.flatMap(
  ({ rules }: { rules: Alert[] }) => rules,
)

/** What a dashboard shows, or a row of it. */
export type Panel = {
  id: number
  type: string
  title: string
  description?: string
  datasource?: { type: string; uid: string }
  gridPos: Record<'x' | 'y' | 'w' | 'h', number>
  fieldConfig?: { defaults: { unit?: string } }
  targets?: { expr: string; datasource: unknown; refId: string }[]
}

export const DASHBOARD: {
  uid: string
  title: string
  panels: Panel[]
  templating: { list: { name: string; type: string; query: string; current: { value: string } }[] }
} = JSON.parse(read('deploy/grafana/stemkeeper.json'))

/** All that the dashboard asks, with a range in place of Grafana's variables. */
export const dashboardExpressions = (): string[] =>
  DASHBOARD.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')))

/** The series that an expression selects, such as `up{job="a"}`. */
export const selectorsOf = (expression: string): string[] =>
  expression.match(/\b(?:up|(?:stemkeeper|process|nodejs)_\w+)\b(?:\{[^}]*\})?/g) ?? []
