import assert from 'node:assert/strict'
import { documentedPayload } from '../stand-in/payloads.ts'
import type { Checks } from './checks.ts'
import type { ComposeProject } from './compose.ts'
import type { Stage } from './stage.ts'

const SERVICES = ['secrets', 'redis', 'ingress', 'worker', 'board']

/** What keeps strangers out, and what keeps in whoever got in. */
export const checkLocks = async ({ project, post }: Stage, { check }: Checks): Promise<void> => {
  // Half a minute until it gives up, spent on the other checks.
  const unprotected = startRedisWithoutPassword(project)
  unprotected.catch(() => undefined)

  await check('every container is read-only, without capabilities or new privileges, and not root', async () => {
    for (const service of SERVICES) {
      for (const container of await project.containers(service)) {
        const { Config, HostConfig } = await project.inspect(container)
        assert.deepEqual(
          { ...HostConfig, CapDrop: HostConfig.CapDrop, user: Config.User },
          {
            ...HostConfig,
            ReadonlyRootfs: true,
            CapDrop: ['ALL'],
            SecurityOpt: ['no-new-privileges:true'],
            Init: true,
            Privileged: false,
            user: service === 'redis' ? '999' : 'node',
          },
          service,
        )
      }
    }
    for (const service of ['redis', 'ingress', 'worker', 'board']) {
      const status = await project.exec(service, 'cat', '/proc/1/status')
      assert.match(status, /^Uid:\s+(999|1000)\s/m, service)
      assert.match(status, /^CapBnd:\s+0+$/m, service)
      assert.match(status, /^NoNewPrivs:\s+1$/m, service)
      await assert.rejects(project.exec(service, 'sh', '-c', 'echo x > /etc/x'), /[Rr]ead-only file system/, service)
    }
  })

  await check('only ingress and board are published, on this machine’s loopback alone', async () => {
    for (const service of SERVICES) {
      for (const container of await project.containers(service)) {
        const ports = (await project.inspect(container)).NetworkSettings.Ports
        const published = Object.values(ports).flatMap((bindings) => bindings ?? [])
        assert.deepEqual(
          published.map(({ HostIp }) => HostIp),
          ['ingress', 'board'].includes(service) ? ['127.0.0.1'] : [],
        )
      }
    }
  })

  await check('Redis wants a password, and nobody reads it from the process list', async () => {
    assert.match(await project.exec('redis', 'redis-cli', 'ping'), /NOAUTH/)
    const password = (await project.exec('redis', 'cat', '/run/stemkeeper/password')).trim()
    assert.ok(password.length >= 32)
    const processes = await project.compose('top')
    assert.match(processes, /redis-server/)
    assert.ok(!processes.includes(password))
  })

  await check('Redis keeps every write (AOF, appendfsync always) and drops none (noeviction)', async () => {
    const ask = 'REDISCLI_AUTH=$(cat /run/stemkeeper/password) redis-cli config get'
    const get = async (name: string) =>
      (await project.exec('redis', 'sh', '-c', `${ask} ${name}`)).trim().split(/\s+/)[1]
    assert.equal(await get('appendonly'), 'yes')
    assert.equal(await get('appendfsync'), 'always')
    assert.equal(await get('maxmemory-policy'), 'noeviction')
    assert.equal(await get('maxmemory'), '0')
  })

  await check('Redis refuses to start without a password', () =>
    assert.rejects(unprotected, { code: 1, stderr: /refusing to start without a password/ }),
  )
  await check('a callback with a wrong token, or without one, is answered 401', async () => {
    const callback = documentedPayload('split-stem', { taskId: 'stranger' })
    assert.equal((await post(callback, '/callbacks/separation/wrong')).status, 401)
    assert.equal((await post(callback, '/callbacks/separation')).status, 401)
    assert.equal((await post(callback, '/callbacks/separation?token=')).status, 401)
  })
}

// The command of the running container in a container of its own that has no secrets.
const startRedisWithoutPassword = async ({ name, containers, inspect, docker }: ComposeProject): Promise<string> => {
  const [redis = ''] = await containers('redis')
  const { Image, Entrypoint, Cmd } = (await inspect(redis)).Config
  const [shell = '', ...options] = Entrypoint
  const without = ['--network', 'none', '--user', '999', '--tmpfs', '/run/stemkeeper', '--entrypoint', shell]
  return docker('run', '--rm', '--name', `${name}-unprotected`, ...without, Image, ...options, ...Cmd)
}
