import assert from 'node:assert/strict'
import { waitFor } from '../support/wait-for.ts'
import type { Checks } from './checks.ts'
import type { Stage } from './stage.ts'

const SERVICES = ['prometheus', 'grafana']
const LOCKS = [['ALL'], ['no-new-privileges:true']]

/** The profile `observability`: Prometheus is run, with this machine's programs in place of its image; Grafana is only read. */
export const checkObservability = async (
  { project, board }: Stage,
  { check }: Checks,
  workers: number,
): Promise<void> => {
  const started = project.composeWith({ PROMETHEUS_PUBLISH: '127.0.0.1:0' }, 'up', '--detach', '--wait', 'prometheus')
  started.catch(() => undefined)

  await check('Prometheus and Grafana come by a profile alone, and are as locked as the rest', async () => {
    const plain = JSON.parse(await project.compose('config', '--format', 'json'))
    for (const service of SERVICES) assert.equal(plain.services[service], undefined)
    const config = ['--profile', 'observability', 'config', '--format', 'json']
    const { services } = JSON.parse(await project.composeWith({ WORKER_HEALTH_PORT: '4002' }, ...config))
    for (const name of SERVICES) {
      const service = services[name]
      assert.deepEqual([service.read_only, service.cap_drop, service.security_opt], [true, ...LOCKS], name)
      assert.deepEqual(
        service.ports.map(({ host_ip }: { host_ip: string }) => host_ip),
        ['127.0.0.1'],
      )
      assert.deepEqual(Object.keys(service.networks), ['default'], 'Redis is no matter of theirs')
      const binds = service.volumes.filter(({ type }: { type: string }) => type === 'bind')
      assert.ok(binds.length > 0 && binds.every(({ read_only }: { read_only?: boolean }) => read_only))
    }
    assert.equal(services.prometheus.environment.WORKER_PORT, services.worker.environment.WORKER_HEALTH_PORT)
    assert.equal(services.prometheus.environment.INGRESS_PORT, services.ingress.environment.PORT)
  })

  await check('Grafana has a password of its own, which its user can read and which `--show` alone tells', async () => {
    const told = await project.compose('run', '--rm', '-T', '--no-deps', 'secrets', '--show')
    const [, password = ''] = /^grafana .* user admin, password ([\w-]{32})$/m.exec(told) ?? []
    assert.ok(password !== '' && password !== board.password)
    assert.ok(!(await project.compose('logs', '--no-color', 'secrets')).includes(password))
    const read = ['run', '--rm', '-T', '--no-deps', '--user', '472', '--entrypoint', 'cat', 'secrets']
    assert.equal((await project.compose(...read, 'secrets/grafana/password')).trim(), password)
  })

  await check(`Prometheus finds ingress and all ${workers} workers by itself`, async () => {
    await started
    const url = await project.url('prometheus', 9090)
    const found = await waitFor('all of them answer', async () => {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent('count by (job) (up == 1)')}`)
      const { data } = (await response.json()) as { data: { result: Sample[] } }
      const counts = data.result.map(({ metric, value }) => [metric.job, Number(value[1])])
      return counts.reduce((sum, [, count]) => sum + Number(count), 0) === workers + 1 ? counts : undefined
    })
    assert.deepEqual(Object.fromEntries(found), { 'stemkeeper-ingress': 1, 'stemkeeper-worker': workers })
    const { data } = (await (await fetch(`${url}/api/v1/rules`)).json()) as { data: { groups: { rules: unknown[] }[] } }
    assert.ok((data.groups[0]?.rules.length ?? 0) > 0)
  })
  await project.compose('rm', '--stop', '--force', 'prometheus')
}

type Sample = { metric: { job: string }; value: [number, string] }
