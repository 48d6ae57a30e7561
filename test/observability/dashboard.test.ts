import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { DASHBOARD, read } from './files.ts'

const panels = DASHBOARD.panels.filter(({ type }) => type !== 'row')

test('the dashboard has its rows, and no two panels are one', () => {
  expect(DASHBOARD.panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
    'Callbacks',
    'Work',
    'Trouble',
    'Processes',
  ])
  for (const what of ['id', 'title'] as const) {
    const all = DASHBOARD.panels.map((panel) => panel[what])
    expect(all.filter((each, at) => all.indexOf(each) !== at)).toEqual([])
  }
})

test('no panel lies upon another, or beyond the edge', () => {
  const taken = new Map<string, string>()
  for (const { title, gridPos } of DASHBOARD.panels) {
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.get(`${x},${y}`), title).toBeUndefined()
        taken.set(`${x},${y}`, title)
      }
    }
  }
})

test.each(panels)('$title has a kind that every Grafana knows, a unit, words, and something to ask', (panel) => {
  expect(['timeseries', 'stat', 'table']).toContain(panel.type)
  expect(panel.fieldConfig?.defaults.unit).toBeTruthy()
  expect(panel.description).toBeTruthy()
  expect(panel.targets?.length).toBeGreaterThan(0)
})

test('everything is asked of the data source that is chosen, and at first that is the one that is provisioned', () => {
  const [datasource] = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')).datasources
  const [variable] = DASHBOARD.templating.list
  expect(variable).toMatchObject({ name: 'datasource', type: 'datasource', query: datasource.type })
  expect(variable?.current.value).toBe(datasource.uid)
  const chosen = { type: datasource.type, uid: `$\{datasource}` }
  for (const { title, datasource, targets = [] } of panels) {
    for (const each of [datasource, ...targets.map((target) => target.datasource)]) expect(each, title).toEqual(chosen)
  }
})

test('Compose puts the files where Grafana looks for them', () => {
  const { grafana } = parse(read('docker-compose.yml'), { merge: true }).services
  const mounts: string[] = grafana.volumes.map((volume: string) => volume.split(':').slice(0, 2).join(' '))
  const [provider] = parse(read('deploy/grafana/provisioning/dashboards/stemkeeper.yml')).providers
  expect(mounts).toContain(`./deploy/grafana/stemkeeper.json ${provider.options.path}/stemkeeper.json`)
  expect(grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(`${provider.options.path}/stemkeeper.json`)
  for (const kind of ['datasources', 'dashboards']) {
    expect(mounts).toContain(`./deploy/grafana/provisioning/${kind} /etc/grafana/provisioning/${kind}`)
  }
})
