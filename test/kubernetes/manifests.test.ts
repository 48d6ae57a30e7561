import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig as readBoardConfig } from '../../apps/board/src/config.ts'
import { readConfig as readIngressConfig } from '../../apps/ingress/src/config.ts'
import { readConfig as readWorkerConfig } from '../../apps/worker/src/config.ts'
import { FLAGS } from '../../scripts/frugal.ts'
import { type Manifest, parseManifests, problemsOf, readManifests } from './manifests.ts'

const ROOT = join(import.meta.dirname, '../..')
const APPS = { ingress: readIngressConfig, worker: readWorkerConfig, board: readBoardConfig }
const APP_NAMES = Object.keys(APPS) as (keyof typeof APPS)[]

const manifests = readManifests()
const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind).map(({ body }) => body)
const named = (kind: string, name: string) => ofKind(kind).find(({ metadata }) => metadata.name === name)
const setOf = (app: string) => named(app === 'ingress' ? 'StatefulSet' : 'Deployment', app)
const podOf = (app: string) => setOf(app).spec.template
const containerOf = (app: string) => podOf(app).spec.containers[0]
const secret: Record<string, string> = named('Secret', 'stemkeeper').stringData

/** The environment of an app's container. */
const environmentOf = (app: string): Record<string, string> => {
  const { envFrom, env } = containerOf(app)
  const maps = envFrom.map(({ configMapRef }: Manifest['body']) => named('ConfigMap', configMapRef.name).data)
  const own = env.map(({ name, value }: Manifest['body']) => [name, value])
  return Object.assign({}, ...maps, Object.fromEntries(own))
}

test('every manifest is what its schema says, and holds no field that there is not', async () => {
  expect(manifests.length).toBeGreaterThan(15)
  expect(await problemsOf(manifests)).toBe('')
})

test.each([
  ['a field that there is not', 'securityContext:\n', 'securityContex:\n'],
  ['a field in the wrong place', 'readOnlyRootFilesystem: true', 'runAsNonRoots: true'],
  ['a number where a text belongs', "value: '3002'", 'value: 3002'],
  ['a text where a number belongs', 'containerPort: 3002', "containerPort: 'http'"],
  ['a field that is missing', '  selector:\n    matchLabels: {', '  strategy:\n    type: {'],
])('%s would be seen', async (_, right, wrong) => {
  const text = readFileSync(join(ROOT, 'deploy/kubernetes/worker.yaml'), 'utf8')
  expect(text).toContain(right)
  expect(await problemsOf(parseManifests('worker.yaml', text.replace(right, wrong)))).toMatch(
    /manifests\.ts\(\d+,\d+\): error/,
  )
})

test('a field of KEDA that there is not would be seen', async () => {
  const text = readFileSync(join(ROOT, 'deploy/kubernetes/worker-keda.yaml'), 'utf8')
  const broken = text.replace('metricType: Value', 'metricTyp: Value')
  expect(await problemsOf(parseManifests('worker-keda.yaml', broken))).toContain('metricTyp')
})

test.each(APP_NAMES)('%s reads every variable that it is given, and starts with them', async (app) => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-secrets-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const [name, value] of Object.entries(secret)) await writeFile(join(folder, name), value)
  const given = environmentOf(app)
  const mount = '/run/secrets/stemkeeper'
  const here = Object.entries(given).map(([name, value]) => [name, value.replace(mount, folder)])
  const read = new Set<string>()
  const env = new Proxy<NodeJS.ProcessEnv>(Object.fromEntries(here), {
    get: (values, name) => {
      read.add(String(name))
      return values[String(name)]
    },
  })
  expect(() => APPS[app](env)).not.toThrow()
  expect(Object.keys(given).filter((name) => !read.has(name))).toEqual([])
})

test.each(APP_NAMES)('%s has the secrets that it reads, and no others', (app) => {
  const { volumes } = podOf(app).spec
  const mounted = volumes.find(({ name }: Manifest['body']) => name === 'secrets').secret
  const keys = mounted.items.map(({ key, path }: Manifest['body']) => {
    expect(key).toBe(path)
    return key
  })
  const wanted = Object.entries(environmentOf(app)).flatMap(([name, value]) =>
    name.endsWith('_FILE') ? [value.replace('/run/secrets/stemkeeper/', '')] : [],
  )
  expect(keys.toSorted()).toEqual(wanted.toSorted())
  for (const key of keys) expect(Object.keys(secret)).toContain(key)
})

test.each(APP_NAMES)(
  '%s is asked at the port on which it listens, may do as little as in Compose, and writes where it may',
  (app) => {
    const container = containerOf(app)
    const { spec } = podOf(app)
    const environment = environmentOf(app)
    const [port] = container.ports
    expect(`${port.containerPort}`).toBe(environment[app === 'worker' ? 'WORKER_HEALTH_PORT' : 'PORT'])
    for (const probe of [container.readinessProbe, container.livenessProbe]) {
      expect(probe.httpGet.port).toBe(port.name)
      expect(['/livez', '/readyz']).toContain(probe.httpGet.path)
    }
    const flags = FLAGS[app]
    expect(container.args).toEqual(['node', ...flags, `apps/${app}/src/main.ts`])
    expect(container.securityContext).toEqual({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    })
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    expect([spec.terminationGracePeriodSeconds, spec.automountServiceAccountToken]).toEqual([30, false])
    const volumes = [...spec.volumes, ...(setOf(app).spec.volumeClaimTemplates ?? [])]
    const volumeNames = volumes.map(({ name, metadata }: Manifest['body']) => name ?? metadata.name)
    const mounts = container.volumeMounts.map(({ name }: Manifest['body']) => name)
    expect(volumeNames.toSorted()).toEqual(mounts.toSorted())
    const writable = container.volumeMounts.flatMap((mount: Manifest['body']) =>
      mount.readOnly ? [] : [mount.mountPath],
    )
    for (const name of ['SPOOL_DIR', app === 'worker' ? 'PARTS_DIR' : '']) {
      const path = environment[name]
      if (path) expect(writable.some((root: string) => path.startsWith(root))).toBe(true)
    }
  },
)

test('callbacks outlive the pod that has spooled them', () => {
  const { spec } = setOf('ingress')
  expect(spec.volumeClaimTemplates[0].metadata.name).toBe('spool')
  expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' })
  expect(containerOf('ingress').readinessProbe.httpGet.path).toBe('/livez')
})

test('what is selected is there: by services, disruption budgets, network policies, autoscalers and the way in', () => {
  const pods = APP_NAMES.map((app) => podOf(app).metadata.labels as Record<string, string>)
  const selects = ({ matchLabels = {}, matchExpressions = [] }: Manifest['body']) =>
    pods.filter(
      (labels) =>
        Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
        matchExpressions.every(({ key, values }: Manifest['body']) => values.includes(labels[key])),
    ).length
  for (const app of APP_NAMES) expect(selects(setOf(app).spec.selector)).toBe(1)
  for (const { spec } of ofKind('Service')) expect(selects({ matchLabels: spec.selector })).toBe(1)
  for (const { spec } of ofKind('PodDisruptionBudget')) expect(selects(spec.selector)).toBe(1)
  for (const { spec } of ofKind('NetworkPolicy')) expect(selects(spec.podSelector)).toBeGreaterThan(0)
  for (const { spec } of [...ofKind('HorizontalPodAutoscaler'), ...ofKind('ScaledObject')]) {
    expect(named('Deployment', spec.scaleTargetRef.name)).toBeDefined()
    expect(setOf(spec.scaleTargetRef.name).spec.replicas).toBeUndefined()
  }
  for (const { spec } of ofKind('Service')) {
    const app = spec.selector['app.kubernetes.io/component']
    expect(spec.ports.map(({ targetPort }: Manifest['body']) => targetPort)).toEqual([containerOf(app).ports[0].name])
  }
  const [way] = ofKind('Ingress')[0].spec.rules[0].http.paths
  expect(way.path).toBe('/callbacks/')
  expect(named('Service', way.backend.service.name).spec.ports[0].name).toBe(way.backend.service.port.name)
  expect(named('Service', setOf('ingress').spec.serviceName)).toBeDefined()
})

test('the kustomization names every manifest but the example of a secret, and one autoscaler may be chosen', () => {
  const text = readFileSync(join(ROOT, 'deploy/kubernetes/kustomization.yaml'), 'utf8')
  const { resources, images } = parse(text)
  const files = [...new Set(manifests.map(({ file }) => file))]
  const chosen = ['secret.example.yaml', 'worker-hpa.yaml', 'worker-keda.yaml']
  expect(resources.toSorted()).toEqual(files.filter((file) => !chosen.includes(file)))
  for (const file of chosen.slice(1)) expect(text).toContain(`# - ${file}`)
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  expect(images).toEqual([{ name: 'stemkeeper', newName: 'stemkeeper', newTag: version }])
  for (const app of APP_NAMES) expect(containerOf(app).image).toBe('stemkeeper')
})
