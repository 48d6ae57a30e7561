import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { foreignEntries, isInImage, lockFileSchema, nameOf } from '../../scripts/supply-chain/lock-file.ts'
import { createSbom } from '../../scripts/supply-chain/sbom.ts'
import type { Checks } from './checks.ts'
import type { Stage } from './stage.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const OURS =
  /^(package\.json|scripts\/(compose-secrets|local-files|with-redis|expect|separate|reindex|replay|replay\/[\w-]+)\.ts|(apps|packages)\/[\w-]+\/(package\.json|src\/.+)|apps\/board\/web\/[\w-]+\.(js|svg)|\.compiled\/.+)$/
const PACKAGE_MANAGERS = 'npm npx corepack yarn yarnpkg pnpm apt apt-get dpkg apk rpm pip pip3 gem cargo'
const WRITABLE = {
  ingress: ['/app/data/spool', '/tmp'],
  worker: ['/app/data/stems', '/app/data/parts', '/tmp'],
  board: ['/tmp'],
}

/** What an intruder finds in the image and in the containers: as little as can be. */
export const checkImage = async ({ project, token, board }: Stage, { check }: Checks): Promise<void> => {
  // The image itself, without the volumes of a service; as root, who may look everywhere.
  const inImage = (script: string) =>
    project.docker('run', '--rm', '--user', '0', '--network', 'none', project.name, 'sh', '-c', script)
  const lines = (text: string) => text.split('\n').filter(Boolean)

  await check('the image holds no package manager', async () => {
    const found = await inImage(`for tool in ${PACKAGE_MANAGERS}; do command -v $tool; done; ls /usr/local/lib; exit 0`)
    assert.deepEqual(
      lines(found).filter((line) => line.startsWith('/') || line === 'node_modules'),
      [],
    )
  })

  await check(
    'of this repository the image holds the sources and nothing else: no test, no .env, no lock file',
    async () => {
      const files = lines(await inImage('cd /app && find . -name node_modules -prune -o -type f -print'))
      const paths = files.map((file) => file.replace(/^\.\//, ''))
      assert.ok(paths.includes('apps/worker/src/main.ts'))
      assert.deepEqual(
        paths.filter((path) => !OURS.test(path) || /\.test\.ts$|\/test\//.test(path)),
        [],
      )
      assert.equal(await inImage("find /app /home /root /tmp -name '.env*' -o -name .npmrc -o -name .git"), '')
    },
  )

  await check(
    'the image holds the production packages of the lock file, no others, and the SBOM names them all',
    async () => {
      const packageJsons = `find /app -path '*/node_modules/*' -name package.json`
      const found = lines(await inImage(packageJsons))
        .map((file) => file.slice('/app/'.length, -'/package.json'.length))
        .filter((folder) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/.test(folder))
      const entries = foreignEntries(
        lockFileSchema.parse(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))),
      )
      const wanted = entries.filter(([folder, entry]) => isInImage(folder, entry))
      const folders = wanted.map(([folder]) => folder)
      assert.ok(found.length > 100)
      assert.deepEqual(
        found.filter((folder) => !folders.includes(folder)),
        [],
        'too much',
      )
      assert.deepEqual(
        wanted.filter(([folder, { optional }]) => !optional && !found.includes(folder)).map(([folder]) => folder),
        [],
        'missing',
      )
      const named = createSbom(ROOT).components.map((component) => component['bom-ref'])
      assert.deepEqual(
        wanted
          .map(([folder, { name = nameOf(folder), version }]) => `${name}@${version}`)
          .filter((ref) => !named.includes(ref)),
        [],
        'not in the SBOM',
      )
    },
  )

  await check('an app finds all that it starts with compiled already', async () => {
    for (const service of ['ingress', 'worker', 'board']) {
      const [container = ''] = await project.containers(service)
      const { Cmd } = (await project.inspect(container)).Config
      const env = ['--env', 'REDIS_URL=none', '--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE']
      const start = project.docker('run', '--rm', '--network', 'none', ...env, project.name, ...Cmd)
      await assert.rejects(start, ({ stderr }: { stderr: string }) => {
        assert.match(stderr, /reading cache from .+ success/)
        assert.deepEqual(
          lines(stderr).filter((line) => /was not initialized|no transpile cache/.test(line)),
          [],
          service,
        )
        return true
      })
    }
  })

  await check('no secret is in the image or in how it was built', async () => {
    const redis = (await project.exec('redis', 'cat', '/run/stemkeeper/password')).trim()
    const history = await project.docker('history', '--no-trunc', '--format', '{{.CreatedBy}}', project.name)
    const config = await project.docker('image', 'inspect', project.name)
    for (const secret of [token, board.password, redis]) {
      assert.ok(!history.includes(secret) && !config.includes(secret))
      assert.equal(await inImage(`grep -rlF -e '${secret}' /app /etc /home /root /var || true`), '')
    }
    assert.equal(await inImage('find /app/secrets /app/data -type f'), '')
  })

  await check('the image has all that `replay`, `reindex`, `expect` and `separate` need', async () => {
    const run = (service: string, script: string, ...args: string[]) =>
      project.compose('run', '--rm', '-T', service, 'node', `scripts/${script}.ts`, ...args)
    await assert.rejects(run('worker', 'replay', 'nobody-knows-me'), { code: 1, stdout: /^nobody-knows-me is unknown/ })
    assert.match(await run('worker', 'reindex'), /^the library holds the \d+ separations of the store$/m)
    await run('worker', 'expect', 'a-task-that-waits')
    const waiting = await fetch(`${board.url}/api/separations/a-task-that-waits`, {
      headers: { authorization: `Basic ${btoa(`${board.username}:${board.password}`)}` },
    })
    assert.equal(((await waiting.json()) as { status: string }).status, 'expected')
    const order = run('board', 'separate', 'song', 'audio', 'split_stem')
    await assert.rejects(order, { code: 1, stderr: /nothing can be bought without PROVIDER_API_URL/ })
  })

  for (const [service, allowed] of Object.entries(WRITABLE)) {
    await check(`${service} is not root and can write to ${allowed.join(' and ')} alone`, async () => {
      const uids = await project.exec(service, 'sh', '-c', 'id -u; grep -h ^Uid: /proc/1/status')
      assert.match(uids, /^1000\nUid:\s+1000\s+1000\s+1000\s+1000$/m)
      const prune = '\\( -path /proc -o -path /sys -o -path /dev \\) -prune'
      const find = `find / ${prune} -o \\( -type d -o -type f \\) -writable -print 2>/dev/null || true`
      const writable = lines(await project.exec(service, 'sh', '-c', find))
      assert.deepEqual(
        allowed.filter((folder) => !writable.includes(folder)),
        [],
        'cannot do its work',
      )
      assert.deepEqual(
        writable.filter((path) => !allowed.some((folder) => path === folder || path.startsWith(`${folder}/`))),
        [],
      )
      assert.match(await project.exec(service, 'grep', ' /tmp ', '/proc/mounts'), /\bnoexec\b.*\bsize=16384k\b/)
    })
  }

  await check('processes, core files, logs and the memory of the apps are limited', async () => {
    for (const service of ['redis', 'ingress', 'worker', 'board']) {
      const [container = ''] = await project.containers(service)
      const { PidsLimit, Memory, LogConfig, Ulimits } = (await project.inspect(container)).HostConfig as unknown as {
        PidsLimit: number
        Memory: number
        LogConfig: { Config: Record<string, string> }
        Ulimits: Array<{ Name: string; Hard: number }>
      }
      assert.equal(PidsLimit, 256, service)
      assert.equal(LogConfig.Config['max-size'], '20m', service)
      assert.deepEqual(
        Ulimits.filter(({ Name }) => Name === 'core').map(({ Hard }) => Hard),
        [0],
        service,
      )
      // A Redis that is killed for its memory would answer nobody; REDIS_MAXMEMORY limits it instead.
      assert.equal(Memory, service === 'redis' ? 0 : 2 ** 30, service)
    }
  })
}
