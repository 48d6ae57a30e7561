import { expect } from 'vitest'
import { ALERTS, dashboardExpressions, read, selectorsOf } from '../observability/files.ts'
import { startPrometheus, withPrometheus } from '../support/prometheus.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const strangePayload = { version: 2, data: { task_id: 'strange', tracks: [{ 'a new key': 1.5 }] } }

/** The real apps, which a real Prometheus watches with our configuration and rules; alerts fire at once. */
const startWatched = async () => {
  const system = await startSystem({ worker: { RETAIN_STEMS_DAYS: '30' } })
  const apps = { ingress: system.ingress, worker: system.workers[0] }
  const targets = Object.fromEntries(
    Object.entries(apps).map(([name, app]) => [`stemkeeper-${name}`, [new URL(app?.url ?? '').host]]),
  )
  const rules = read('deploy/prometheus/alerts.yml').replaceAll(/^ +for: .*\n/gm, '')
  const prometheus = await startPrometheus(read('deploy/prometheus/prometheus.yml'), rules, targets)
  await waitFor('both apps were scraped', async () => {
    const { result } = await prometheus.api('query', { query: 'up == 1' })
    return result.length === 2
  })
  return { ...system, ...prometheus, apps }
}

withPrometheus('no panel and no alert is blind, and a callback in quarantine raises an alert', async () => {
  const { api, post } = await startWatched()

  const alertExpressions = ALERTS.map(({ expr }) => expr)
  for (const query of [...dashboardExpressions(), ...alertExpressions]) {
    await expect(api('query', { query }), query).resolves.toBeDefined()
  }
  const selectors = [...new Set([...dashboardExpressions(), ...alertExpressions].flatMap(selectorsOf))]
  expect(selectors.length).toBeGreaterThan(20)
  for (const query of selectors) {
    await waitFor(`somebody shows ${query}`, async () => (await api('query', { query })).result.length > 0)
  }
  await waitFor('every rule has been asked', async () => {
    const { groups } = await api('rules')
    const rules: { health: string }[] = groups[0].rules
    expect(rules).toHaveLength(ALERTS.length)
    expect(rules.filter(({ health }) => health === 'err')).toEqual([])
    return rules.every(({ health }) => health === 'ok')
  })
  const firing = async () => {
    const { alerts } = await api('alerts')
    return alerts.map(({ labels, annotations }: (typeof ALERTS)[0]) => [labels.alertname, annotations.summary])
  }
  await expect.poll(firing).toEqual([]) // before the first scrape nobody was there

  expect(await post(strangePayload)).toMatchObject({ status: 200, body: { status: 'quarantined' } })
  await expect.poll(firing).toEqual([['StemkeeperQuarantineNotEmpty', 'Callbacks in quarantine: 1']])
})
