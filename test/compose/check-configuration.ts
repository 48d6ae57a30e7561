import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkImage } from './check-image.ts'
import type { Checks } from './checks.ts'
import { variablesOf } from './compose.ts'
import type { Stage } from './stage.ts'

const ROOT = join(import.meta.dirname, '../..')

const CONFIGS = [
  'packages/config/src/variables.ts',
  'packages/config/src/provider-variables.ts',
  'packages/config/src/redis-variables.ts',
  'packages/config/src/store-variables.ts',
  'packages/config/src/tracing-variables.ts',
  'apps/ingress/src/config.ts',
  'apps/worker/src/config.ts',
  'apps/worker/src/notify-config.ts',
  'apps/board/src/config.ts',
]

/** What the files say fits together, and the secrets are real ones. */
export const checkConfiguration = async (stage: Stage, checks: Checks): Promise<void> => {
  const { project, token, board } = stage
  const { check } = checks
  await check('.env.example names every variable that the apps or docker-compose.yml read, and no other', () => {
    const compose = variablesOf('docker-compose.yml')
    const read = CONFIGS.flatMap(settingsOf)
    const named = variablesOf('.env.example')
    const known = [...read, ...compose]
    assert.deepEqual(
      known.filter((name) => !named.includes(name) && !isInternal(name)),
      [],
    )
    assert.deepEqual(
      named.filter((name) => !known.includes(name)),
      [],
    )
    assert.deepEqual(
      read.filter((name) => !compose.includes(name)),
      [],
      'Compose must pass it on',
    )
  })

  await check('what a person sets reaches the app that reads it', async () => {
    const given = {
      CALLBACK_HMAC_KEYS: 'key',
      DOWNLOAD_ATTEMPTS: '3',
      STORE_URL: 'file:/elsewhere',
      LOG_LEVEL: 'debug',
    }
    const { services } = JSON.parse(await project.composeWith(given, 'config', '--format', 'json'))
    assert.equal(services.ingress.environment.CALLBACK_HMAC_KEYS, 'key')
    assert.equal(services.worker.environment.DOWNLOAD_ATTEMPTS, '3')
    for (const app of ['worker', 'board']) assert.equal(services[app].environment.STORE_URL, 'file:/elsewhere')
    for (const app of ['ingress', 'worker', 'board']) assert.equal(services[app].environment.LOG_LEVEL, 'debug')
    for (const app of ['ingress', 'board']) assert.equal(services[app].ports[0].host_ip, '127.0.0.1')
  })

  await check('secrets that nobody gave are random, long, and told by `docker compose logs secrets`', () => {
    assert.match(token, /^[\w-]{32}$/)
    assert.match(board.password, /^[\w-]{32}$/)
    assert.notEqual(token, board.password)
    assert.equal(board.username, 'admin')
  })

  await check('each service sees its own secrets only, and none in its environment', async () => {
    const worker = await project.exec('worker', 'sh', '-c', 'cat secrets/*/*; env')
    assert.match(worker, /redis:\/\/:[\w-]{32}@redis:6379/)
    assert.doesNotMatch(worker, new RegExp(`${token}|${board.password}`))
    const redis = await project.exec('redis', 'cat', '/run/stemkeeper/password')
    for (const service of ['redis', 'ingress', 'worker', 'board', 'secrets']) {
      const [container = ''] = await project.containers(service)
      const { Env } = (await project.inspect(container)).Config
      for (const secret of [token, board.password, redis.trim()]) assert.ok(!Env.join('\n').includes(secret), service)
    }
  })

  await checkImage(stage, checks)
}

// The keys of the schemas; constants have names in capitals too.
const settingsOf = (file: string): string[] =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^\s+([A-Z][A-Z0-9_]+):/gm)].map(([, name = '']) => name)

// Set by docker-compose.yml itself, nothing to configure.
const isInternal = (name: string): boolean =>
  /_FILE$|^GF_|^(APPENDFSYNC|MAXMEMORY|GIVEN_PASSWORD|MINIO_ROOT_USER|MINIO_ROOT_PASSWORD|(INGRESS|WORKER)_PORT)$/.test(
    name,
  )
