import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { promtool, withPrometheus } from '../support/prometheus.ts'
import { emptyDirectory } from '../support/script.ts'
import { ALERTS, read } from './files.ts'

type Scrape = { dns_sd_configs: [{ names: string[]; port: number }] }

const FOLDER = join(import.meta.dirname, '../../deploy/prometheus')

withPrometheus('Prometheus takes the configuration and the rules', () => {
  const { code, output } = promtool('check', 'config', join(FOLDER, 'prometheus.yml'))
  expect(code, output).toBe(0)
  expect(output).toContain(`${ALERTS.length} rules found`)
})

withPrometheus('each alert fires when it should, and not before', () => {
  const { code, output } = promtool('test', 'rules', join(FOLDER, 'alerts.test.yml'))
  expect(code, output).toBe(0)
})

withPrometheus('the ports that Compose gives the apps are those that its Prometheus asks', async () => {
  const directory = await emptyDirectory()
  const { command } = parse(read('docker-compose.yml'), { merge: true }).services.prometheus
  const [untilStart = ''] = command[0].split('exec prometheus')
  const script = untilStart.replaceAll('$$', '$').replaceAll('/tmp', directory).replaceAll('/etc/stemkeeper', FOLDER)
  const env = { PATH: process.env.PATH, INGRESS_PORT: '4000', WORKER_PORT: '4002' }
  expect(spawnSync('sh', ['-euc', script], { env, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })

  const made = join(directory, 'prometheus.yml')
  const { scrape_configs } = parse(readFileSync(made, 'utf8'))
  expect(scrape_configs.map(({ dns_sd_configs: [{ names, port }] }: Scrape) => [...names, port])).toEqual([
    ['ingress', 4000],
    ['worker', 4002],
  ])
  expect(promtool('check', 'config', made)).toMatchObject({ code: 0 })
})

test('each alert is shown to fire', () => {
  const shown = read('deploy/prometheus/alerts.test.yml')
  const fires = ({ alert }: { alert: string }) =>
    shown.includes(`{alertname="${alert}"`) || shown.includes(`- alertname: ${alert}\n`)
  expect(ALERTS.filter((alert) => !fires(alert)).map(({ alert }) => alert)).toEqual([])
})

test.each(ALERTS)('$alert says how bad it is, what has happened, and where to read what to do', (alert) => {
  expect(alert.alert).toMatch(/^Stemkeeper[A-Z]\w+$/)
  expect(['critical', 'warning']).toContain(alert.labels.severity)
  expect(Object.keys(alert.annotations).sort()).toEqual(['description', 'runbook', 'summary'])
  expect(alert.annotations.runbook).toBe(`docs/observability.md#${alert.alert.toLowerCase()}`)
})

test('the runbook has a section for each alert, and for no other', () => {
  const sections = read('docs/observability.md').match(/(?<=^### )Stemkeeper\w+$/gm)
  expect(sections).toEqual(ALERTS.map(({ alert }) => alert))
})

test('the names of the jobs in the alerts are those that are scraped', () => {
  const jobs = parse(read('deploy/prometheus/prometheus.yml')).scrape_configs.map(
    ({ job_name }: { job_name: string }) => job_name,
  )
  const named = ALERTS.flatMap(({ expr }) => [...expr.matchAll(/job="([^"]+)"/g)].map(([, job]) => job))
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((job) => !jobs.includes(job))).toEqual([])
})
