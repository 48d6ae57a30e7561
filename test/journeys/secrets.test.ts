import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { type App, spawnApp, startApp } from '../support/app.ts'
import { signed } from '../support/post.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { emptyDirectory } from '../support/script.ts'
import { type System, startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

// Every secret of this run contains this word, so that one search finds each of them wherever it has got to.
const MARK = 'hunter2'
const RECORD = '/api/v1/vocal-removal/record-info?taskId='

/** Writes secrets to files, and names the files as the apps want them. */
const inFiles = async (secrets: Record<string, string>): Promise<Record<string, string>> => {
  const directory = await emptyDirectory()
  return Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => {
      writeFileSync(join(directory, name), value)
      return [`${name}_FILE`, join(directory, name)]
    }),
  )
}

const startRedisWithPassword = async (): Promise<string> => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  const client = new Redis(redis.url)
  await client.call('CONFIG', 'SET', 'requirepass', `${MARK}-redis`)
  client.disconnect()
  return `redis://:${MARK}-redis@127.0.0.1:${redis.port}`
}

const SIGNING = `whsec_${MARK}${'A'.repeat(25)}` // 24 bytes in base64

/** The user's own app: it takes every other word and refuses the rest, saying more than it should. */
const startOwnApp = async () => {
  const heard: (string | undefined)[] = []
  const server = createServer((request, response) => {
    heard.push(request.url)
    response.writeHead(heard.length % 2 ? 204 : 500, { 'x-debug': `${MARK}-hook` })
    response.end(heard.length % 2 ? '' : `${MARK}-hook failed`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks` }
}

/** Every key of Redis with all that it holds, as text. */
const readAllOfRedis = async (url: string): Promise<string> => {
  const redis = new Redis(url)
  onTestFinished(() => redis.disconnect())
  const readers: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, '0', '-1'),
    stream: (key) => redis.xrange(key, '-', '+'),
  }
  const keys = await redis.keys('*')
  const values = keys.map(async (key) => [key, await readers[await redis.type(key)]?.(key)])
  return JSON.stringify(await Promise.all(values))
}

const readAnswer = async (url: string, init?: RequestInit): Promise<string> => {
  const response = await fetch(url, init)
  return `${url} ${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`
}

test('tokens, keys, passwords and what opens a link get nowhere, whatever a run produces', async () => {
  const redisUrl = await startRedisWithPassword()
  const trace = { LOG_LEVEL: 'trace' }
  const redisFile = await inFiles({ REDIS_URL: redisUrl })
  const system = await startSystem({
    redisUrl,
    workers: 0,
    ingress: {
      ...trace,
      REDIS_URL: '',
      CALLBACK_TOKENS: '',
      ...redisFile,
      ...(await inFiles({ CALLBACK_TOKENS: `${MARK}-token`, CALLBACK_HMAC_KEYS: `${MARK}-key` })),
    },
  })
  const { provider, ingress, post, finished, queue } = system
  const files = provider.url
  const { heard, url: hooks } = await startOwnApp()
  const asProvider = { path: `/callbacks/separation/${MARK}-token` }
  const worker = await system.addWorker({
    ...trace,
    REDIS_URL: '',
    ...redisFile,
    ...(await inFiles({
      PROVIDER_API_KEY: `${MARK}-api-key`,
      NOTIFY_SECRET: SIGNING,
      NOTIFY_URL: `${hooks}?key=${MARK}-hook`,
    })),
    NOTIFY_EARLY: 'true',
    NOTIFY_ALLOW_PRIVATE: 'true',
    PROVIDER_API_URL: provider.url,
    CALLBACK_READBACK: 'always',
    READBACK_PATIENCE_SECONDS: '0',
    DOWNLOAD_ATTEMPTS: '2',
  })
  const board = await startApp('board', {
    ...system.env,
    ...trace,
    REDIS_URL: '',
    ...redisFile,
    ...(await inFiles({ BOARD_PASSWORD: `${MARK}-board`, BOARD_VIEWER_PASSWORD: `${MARK}-viewer` })),
  })
  const mistaken = spawnApp('worker', { ...system.env, ...trace, REDIS_URL: redisUrl.replace('-redis@', '-mistake@') })

  // One separation whose stems end in every way there is.
  const query = `?Signature=${MARK}-query`
  const links = {
    vocal: `${files}/vocal.mp3${query}`,
    instrumental: `${files.replace('//', `//me:${MARK}-credentials@`)}/i.mp3`,
    drums: `${files}/gone.mp3${query}`,
    bass: `${files}/moved.mp3${query}`,
    guitar: `${files}/astray.mp3${query}`,
    synth: `${files}/page.mp3${query}`,
    fx: `${files}/cut.mp3${query}#${MARK}-fragment`,
    brass: `https://elsewhere.example/b.mp3${query}`,
  }
  provider.alwaysBehave(`/gone.mp3${query}`, { kind: 'answer', status: 404, body: `${MARK}-body` })
  provider.alwaysBehave(`/moved.mp3${query}`, { kind: 'redirect', to: `${files}/new.mp3?Signature=${MARK}-location` })
  provider.alwaysBehave(`/astray.mp3${query}`, { kind: 'redirect', to: `http://evil.example/x?k=${MARK}-location` })
  provider.alwaysBehave(`/page.mp3${query}`, { kind: 'answer', status: 200, body: `<html>${MARK}-page</html>` })
  provider.alwaysBehave(`/cut.mp3${query}`, { kind: 'cut', afterBytes: 1000 })
  const response = Object.fromEntries(Object.entries(links).map(([name, link]) => [`${name}Url`, link]))
  const record = { code: 200, msg: 'success', data: { taskId: 'all-ways', response, successFlag: 'SUCCESS' } }
  const told = { kind: 'answer', status: 200, body: JSON.stringify(record) } as const
  provider.alwaysBehave(`${RECORD}all-ways`, told)
  provider.alwaysBehave(`${RECORD}forged`, { ...told, body: JSON.stringify({ code: 200, data: null }) })
  const info = Object.fromEntries(Object.entries(links).map(([name, link]) => [`${name}_url`, link]))
  const callback = (task_id: string, more: object = {}) => ({
    code: 200,
    msg: `see https://status.example/?k=${MARK}-msg`,
    data: { task_id, vocal_separation_info: { ...info, ...more } },
  })
  await post(callback('all-ways'), asProvider)
  const manifest = await finished('all-ways')
  expect(Object.entries(manifest.stems).map(([name, stem]) => `${name} ${stem.status}`)).toEqual([
    ...['vocal saved', 'instrumental failed', 'drums failed', 'bass saved'],
    ...['guitar failed', 'synth failed', 'fx failed', 'brass failed'],
  ])

  // Callbacks that are set aside, and such as are turned away.
  await post(callback('forged'), asProvider)
  await post(callback('odd', { odd_url: 5 }), asProvider)
  const refusals = await Promise.all([
    post(callback('all-ways'), { path: `/callbacks/separation/${MARK}-wrong` }),
    post(callback('all-ways'), { path: '/callbacks/separation', headers: signed('all-ways', `${MARK}-other-key`) }),
    post(`{"${MARK}-broken`, asProvider),
    post({ data: { task_id: `${MARK} is no task id` } }, asProvider),
    post({ ...callback('x'), pad: `${MARK}-large`.repeat(30_000) }, asProvider),
  ])
  expect(refusals.map(({ status }) => status)).toEqual([401, 401, 400, 400, 413])
  await waitFor('both are set aside', async () => (await queue('quarantine').getWaitingCount()) === 2)
  await waitFor('the separations end', async () => (await queue('separations').getCompletedCount()) === 2)
  await waitFor('the wrong password is noticed', () => /redis\.away/.test(mistaken.output()))

  await waitFor('words were refused, and others taken', () => heard.length > 2)

  // The secrets were there, and in use.
  expect(heard[0]).toBe(`/hooks?key=${MARK}-hook`)
  expect(provider.requests(`${RECORD}all-ways`)[0]?.authorization).toBe(`Bearer ${MARK}-api-key`)
  expect([provider.hits(`/vocal.mp3${query}`), provider.hits(`/new.mp3?Signature=${MARK}-location`)]).toEqual([1, 1])

  const produced: Record<string, string> = {
    'the answers to callbacks': JSON.stringify(refusals.map(({ body }) => body)),
    "ingress' log": ingress.output(),
    "the worker's log": worker.output(),
    'the log of a worker with a wrong password': mistaken.output(),
    'all of Redis': await readAllOfRedis(redisUrl),
    ...Object.fromEntries(
      await Promise.all(
        (await system.files()).map(async (file) => [file, await readFile(join(system.folder, file), 'latin1')]),
      ),
    ),
    ...(await readOpenPages(ingress, worker, board)),
    ...(await readBoard(board, queue)),
    "the board's log": board.output(),
  }
  const leaks = Object.entries(produced).flatMap(([place, text]) =>
    [...text.matchAll(new RegExp(`.{0,60}${MARK}.{0,20}`, 'g'))].map(([found]) => `${place}: ${found}`),
  )
  expect(leaks).toEqual([])
  expect(Object.keys(produced).length).toBeGreaterThan(30)
})

const readOpenPages = async (...apps: App[]): Promise<Record<string, string>> => {
  const paths = ['/metrics', '/livez', '/readyz', '/openapi.json', '/nowhere']
  const urls = apps.flatMap(({ url }) => paths.map((path) => url + path))
  return Object.fromEntries(await Promise.all(urls.map(async (url) => [url, await readAnswer(url)])))
}

/** Every page of the board, Bull Board's view of every job included. */
const readBoard = async (board: App, queue: System['queue']): Promise<Record<string, string>> => {
  const wrong = { headers: { authorization: `Basic ${btoa(`admin:${MARK}-guess`)}` } }
  const right = { headers: { authorization: `Basic ${btoa(`admin:${MARK}-board`)}` } }
  const names = ['separations', 'stems', 'quarantine', 'notifications'] as const
  const jobs = await Promise.all(
    names.map(async (name) => {
      const found = await queue(name).getJobs(['completed', 'failed', 'waiting', 'waiting-children', 'delayed'])
      return found.flatMap(({ id }) => ['', '/logs', '/flow'].map((what) => `/queues/api/queues/${name}/${id}${what}`))
    }),
  )
  const listed = names.flatMap((name) =>
    ['latest', 'waiting', 'completed', 'failed'].map(
      (status) => `/queues/api/queues?activeQueue=${name}&status=${status}&page=1&jobsPerPage=100`,
    ),
  )
  const library = [
    '/',
    '/overview',
    '/metrics',
    '/api/overview',
    '/quarantine',
    '/notifications',
    '/api/notifications',
    '/queues',
    '/api/quarantine',
    '/api/separations',
    '/api/separations/all-ways',
  ]
  const file = '/files/all-ways/manifest.json'
  const paths = [...library, ...listed, ...jobs.flat(), file]
  const pages = await Promise.all(
    paths.map(async (path) => {
      const answer = await readAnswer(board.url + path, right)
      expect(answer, path).toMatch(/^\S+ (200|404) /)
      return [`the board's ${path}`, answer]
    }),
  )
  return { 'a refused login': await readAnswer(`${board.url}/`, wrong), ...Object.fromEntries(pages) }
}
