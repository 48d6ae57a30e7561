import { readdir } from 'node:fs/promises'
import { Agent, type RequestOptions, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { signed } from '../support/post.ts'
import { isShed, startSystem, TOKEN } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const KEY = 'a-key-of-the-provider'
const MIB = 1024 * 1024
const FLOOD = 10_000
const AT_ONCE = 50
const RARELY = { everyMs: 500 } // who looks on is a stranger too, and limited

// Collects all garbage on SIGUSR2, so that the heap that is measured after it is what is held. Compiled code is kept, or
// its leaving would hide a leak.
const COLLECTS_GARBAGE =
  '--expose-gc --import=data:text/javascript,' +
  encodeURIComponent(`import { setFlagsFromString } from 'node:v8'
  setFlagsFromString('--no-flush-bytecode')
  process.on('SIGUSR2', () => {
    for (let n = 0; n < 3; n++) globalThis.gc()
    console.log('collected')
  })`)

type Answer = { status: number | 'hung up'; body: string }

/** Sends one request. The flood and the honest senders come from the same address; who looks on has another. */
const send = (url: string, options: RequestOptions, body?: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    })
    // Beyond the limit a connection may be closed while its request is still on its way.
    sent.on('error', () => resolve({ status: 'hung up', body: '' }))
    sent.end(body)
  })

const JSON_TYPE = { 'content-type': 'application/json' }
const callback = (taskId: string) => JSON.stringify(documentedPayload('split-stem', { taskId }))

/** The kinds of requests that prove nothing. */
const UNPROVEN: ((n: number) => [method: string, path: string, headers: Record<string, string>, body?: string])[] = [
  (n) => ['POST', '/callbacks/separation', JSON_TYPE, callback(`flood-${n}`)],
  (n) => ['POST', `/callbacks/separation/guess-${n}`, JSON_TYPE, callback(`flood-${n}`)],
  (n) => ['POST', `/callbacks/separation?token=guess-${n}`, JSON_TYPE, callback(`flood-${n}`)],
  (n) => ['POST', '/callbacks/separation', { ...JSON_TYPE, ...signed(`flood-${n}`, 'stolen') }, callback(`flood-${n}`)],
  (n) => ['POST', '/callbacks/separation', { ...JSON_TYPE, ...signed('other', KEY) }, callback(`flood-${n}`)],
  (n) => ['POST', '/callbacks/separation', { ...JSON_TYPE, ...signed(`flood-${n}`, KEY, n) }, callback(`flood-${n}`)],
  (n) => ['POST', '/callbacks/separation', { ...JSON_TYPE, ...signed(`flood-${n}`, 'stolen') }, '{"no json'],
  (n) => ['POST', '/callbacks/separation', { ...JSON_TYPE, ...signed(`flood-${n}`, 'stolen') }, 'x'.repeat(300_000)],
  (n) => ['POST', '/callbacks/separation', signed(`flood-${n}`, 'stolen'), 'text'],
  (n) => ['POST', '/callbacks/separation', { ...JSON_TYPE, ...signed(`flood-${n}`, 'stolen') }, '['.repeat(20_000)],
  (n) => ['GET', `/admin-${n}`, {}],
  (n) => ['GET', `/callbacks/separation/guess-${n}`, { 'x-forwarded-for': `203.0.113.${n % 250}` }],
  (n) => ['POST', `/callbacks/separation/%zz${n}`, JSON_TYPE, '{}'],
  () => ['GET', '/openapi.json', {}],
]

const REFUSALS = [400, 401, 404, 413, 415, 429, 'hung up', 200] // 200 is for the OpenAPI document

test('ten thousand requests without proof leave nothing behind, and keep out nobody who has one', {
  timeout: 120_000,
}, async () => {
  const { ingress, env, spoolDir } = await startSystem({
    workers: 0,
    ingress: { CALLBACK_HMAC_KEYS: KEY, NODE_OPTIONS: COLLECTS_GARBAGE },
  })
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  onTestFinished(() => agent.destroy())
  const redis = new Redis(inject('redisUrl'))
  onTestFinished(() => redis.disconnect())
  const keys = () => redis.keys(`${env.QUEUE_PREFIX}:*`)

  const flood = async (count: number) => {
    const answers = new Map<Answer['status'], number>()
    let next = 0
    const one = async () => {
      while (next < count) {
        const n = next++
        const [method, path, headers, body] = (UNPROVEN[n % UNPROVEN.length] as (typeof UNPROVEN)[number])(n)
        const { status } = await send(ingress.url + path, { method, headers, agent }, body)
        answers.set(status, (answers.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, one))
    return answers
  }

  const sentTasks: string[] = []
  const sendHonestly = async (
    name: string,
    proofFor: (taskId: string) => { path: string; headers?: Record<string, string> },
  ) => {
    const taskId = `honest-${name}-${sentTasks.length}`
    const { path, headers } = proofFor(taskId)
    sentTasks.push(taskId)
    const answer = await send(
      ingress.url + path,
      { method: 'POST', headers: { ...JSON_TYPE, ...headers } },
      callback(taskId),
    )
    expect(answer, taskId).toEqual({ status: 200, body: '{"status":"accepted"}' })
  }
  const withToken = () => sendHonestly('token', () => ({ path: `/callbacks/separation/${TOKEN}` }))
  const withSignature = () =>
    sendHonestly('signature', (taskId) => ({ path: '/callbacks/separation', headers: signed(taskId, KEY) }))

  const figure = async (name: string): Promise<number> => {
    const { body } = await send(`${ingress.url}/metrics`, { localAddress: '127.0.0.2' })
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body)?.[1])
  }
  const collections = () => ingress.output().split('collected').length
  const heldHeap = async (): Promise<number> => {
    const before = collections()
    ingress.process.kill('SIGUSR2')
    await waitFor('all garbage is collected', () => collections() > before)
    return figure('nodejs_heap_size_used_bytes')
  }
  const connections = () => figure('nodejs_active_resources\\{type="TCPSocketWrap"\\}')

  const floodAndSend = async (count: number) => {
    let isOver = false
    const steadily = async (sendOne: () => Promise<void>) => {
      while (!isOver) await sendOne()
    }
    const honest = Promise.all([steadily(withToken), steadily(withSignature)])
    const answers = await flood(count).finally(() => {
      isOver = true
    })
    await honest
    agent.destroy()
    await waitFor('the connections are gone', async () => (await connections()) <= 3, RARELY)
    return answers
  }

  await floodAndSend(FLOOD / 2) // what a first use brings along, compiled code above all, is no leak
  const [heapBefore, keysBefore, tasksBefore] = [await heldHeap(), await keys(), sentTasks.length]
  const answers = await floodAndSend(FLOOD)
  const tasks = sentTasks.slice(tasksBefore)
  expect(tasks.length).toBeGreaterThan(100)
  expect(REFUSALS).toEqual(expect.arrayContaining([...answers.keys()]))
  expect(answers.get(429)).toBeGreaterThan(FLOOD / 2)

  const newKeys = (await keys()).filter((key) => !keysBefore.includes(key))
  const taskOf = (key: string) => tasks.find((task) => key.endsWith(task))
  expect(newKeys.filter((key) => !taskOf(key))).toEqual([])
  expect(newKeys).toHaveLength(tasks.length)
  expect(await readdir(spoolDir)).toEqual([])
  expect(ingress.log.filter(({ msg, taskId }) => msg !== 'callback.answered' && taskId !== undefined)).toEqual([])
  expect(ingress.output()).not.toMatch(/flood-|guess-|"level":"(warn|error)"/)

  await waitFor('the heap is where it was', async () => (await heldHeap()) < heapBefore + MIB, RARELY)
})

test('a burst of honest callbacks, each on a connection of its own, is answered 200 from first to last', async () => {
  const { ingress } = await startSystem({ workers: 0 })
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      waitFor('it is not shed', async () => {
        const url = `${ingress.url}/callbacks/separation/${TOKEN}`
        const answer = await send(url, { method: 'POST', headers: JSON_TYPE, agent: false }, callback(`b-${n}`))
        return isShed(answer.body && JSON.parse(answer.body).detail) ? undefined : answer
      }),
    ),
  )
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
})
