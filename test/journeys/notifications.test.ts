import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { spawnApp } from '../support/app.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { emptyDirectory, runScript } from '../support/script.ts'
import { type System, startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'

const secretOf = (word: string) => `whsec_${Buffer.from(word.padEnd(32, '.')).toString('base64')}`
const SECRET = secretOf('the secret of these tests')
const NEXT_SECRET = secretOf('the secret that comes after it')
const HOUR_MS = 3600_000

type Received = {
  id: string
  body: string
  event: { type: string; timestamp: string; data: Record<string, unknown> }
  headers: IncomingHttpHeaders
}

type Mood = (response: ServerResponse) => void
const answer =
  (status: number, headers: Record<string, string> = {}): Mood =>
  (response) =>
    response.writeHead(status, headers).end()

/** The user's own app: it verifies what comes as the library of the specification does, and answers as it is told. */
const startReceiver = async (secret = SECRET, port = 0) => {
  const webhook = new Webhook(secret)
  const received: Received[] = []
  let mood: Mood = answer(204)
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const event = webhook.verify(body, request.headers as Record<string, string>) as Received['event']
    received.push({ id: `${request.headers['webhook-id']}`, body, event, headers: request.headers })
    mood(response)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((done) => server.close(done))
  }
  onTestFinished(close)
  const bound = (server.address() as { port: number }).port
  return {
    url: `http://127.0.0.1:${bound}/hooks?key=a-secret-of-the-url`,
    host: `127.0.0.1:${bound}`,
    port: bound,
    received,
    close,
    behave: (next: Mood) => {
      mood = next
    },
    heard: (type: string, taskId: string) =>
      waitFor(`${type} of ${taskId}`, () =>
        received.find(({ event }) => event.type === type && event.data.task_id === taskId),
      ),
  }
}

const toldTo = (url: string, more: Record<string, string> = {}) => ({
  NOTIFY_URL: url,
  NOTIFY_SECRET: SECRET,
  NOTIFY_ALLOW_PRIVATE: 'true',
  ...more,
})

const queueOf = ({ env }: System): Queue => {
  const queue = new Queue('notifications', { connection: { url: env.REDIS_URL ?? '' }, prefix: env.QUEUE_PREFIX ?? '' })
  onTestFinished(() => queue.close())
  return queue
}

const redisOf = ({ env }: System): Redis => {
  const redis = new Redis(env.REDIS_URL ?? '')
  onTestFinished(() => redis.disconnect())
  return redis
}

const callbackFor = ({ provider }: System, taskId: string) => ({
  code: 200,
  msg: 'ok',
  data: { task_id: taskId, vocal_separation_info: { vocal_url: `${provider.url}/s/${taskId}.mp3` } },
})

test('the end of a separation is announced with its manifest, signed so that the specification’s library believes it', async () => {
  const receiver = await startReceiver()
  const system = await startSystem({ worker: toldTo(receiver.url) })
  await system.post(documentedPayload('separate-vocal', { taskId: 'told', files: system.provider.url }))

  const { event, headers, id } = await receiver.heard('separation.finished', 'told')
  const manifest = await system.manifest('told')
  expect(event).toEqual({ type: 'separation.finished', timestamp: manifest?.finished_at, data: manifest })
  expect(manifest?.status).toBe('complete')
  expect(id).toMatch(/^msg_[0-9a-f]{40}$/)
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
    'webhook-signature': expect.stringMatching(/^v1,[\w+/]+=*$/),
  })
  await waitFor('it is known as delivered', async () => (await queueOf(system).getCompletedCount()) === 1)
  expect(receiver.received).toHaveLength(1) // nobody asked for early words
})

test('a separation that failed is announced too, and one that is driven again is another event', async () => {
  const receiver = await startReceiver()
  const system = await startSystem({ worker: toldTo(receiver.url) })
  system.provider.alwaysBehave('/s/again.mp3', { kind: 'answer', status: 404, body: '' })
  await system.post(callbackFor(system, 'again'))
  const first = await receiver.heard('separation.finished', 'again')
  expect(first.event.data).toMatchObject({ status: 'failed', stems: { vocal: { error: { code: 'gone' } } } })

  await waitFor('its job has ended', async () => (await system.queue('separations').getCompletedCount()) === 1)
  await runScript('replay', await emptyDirectory(), system.env, 'again').ended
  await waitFor('both', () => receiver.received.length === 2)
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(2)
})

test('while secrets are changed, a receiver with the old one and one with the new one both believe it', async () => {
  const [old, next] = [await startReceiver(SECRET), await startReceiver(NEXT_SECRET)]
  const secrets = { NOTIFY_SECRET: `${NEXT_SECRET}, ${SECRET}` }
  const system = await startSystem({ worker: toldTo(old.url, secrets) })
  await system.post(callbackFor(system, 'before'))
  const { headers } = await old.heard('separation.finished', 'before')
  expect(`${headers['webhook-signature']}`.split(' ')).toHaveLength(2)

  await system.workers[0]?.stop()
  await system.addWorker(toldTo(next.url, secrets))
  await system.post(callbackFor(system, 'after'))
  await next.heard('separation.finished', 'after')
})

test('early words come for each stem as it lands, vocals and instrumental first, with the manifest’s own entries', async () => {
  const receiver = await startReceiver()
  const worker = toldTo(receiver.url, { NOTIFY_EARLY: 'true', DOWNLOAD_CONCURRENCY: '1' })
  const system = await startSystem({ worker })
  const names = ['bass', 'drums', 'instrumental', 'synth', 'vocal']
  const links = names.map((name) => [`${name}_url`, `${system.provider.url}/s/${name}.mp3`])
  await system.post({
    data: { task_id: 'early', vocal_separation_info: Object.fromEntries(links) },
    code: 200,
    msg: '',
  })
  const manifest = await system.finished('early')
  await waitFor('all words', () => receiver.received.length === names.length + 1)

  const early = receiver.received.filter(({ event }) => event.type === 'stem.saved')
  const byTime = early.toSorted((a, b) => (a.event.timestamp < b.event.timestamp ? -1 : 1))
  const inOrder = byTime.map(({ event }) => event.data.stem)
  expect(inOrder.toSorted()).toEqual(names)
  expect(inOrder.slice(0, 2)).toEqual(['vocal', 'instrumental'])
  for (const { event } of early) {
    const { task_id, stem, ...entry } = event.data
    expect([task_id, entry]).toEqual(['early', manifest.stems[`${stem}`]])
    expect(event.timestamp).toBe(entry.saved_at)
  }
})

test('a receiver that is down is told when it is back, with the same id and the same bytes', async () => {
  const receiver = await startReceiver()
  const system = await startSystem({ worker: toldTo(receiver.url) })
  receiver.behave(answer(503))
  await system.post(callbackFor(system, 'down'))
  const refused = await receiver.heard('separation.finished', 'down')
  await receiver.close()
  const [worker] = system.workers
  const tried = (text: string) =>
    worker?.logged(text, ({ msg, error }) => msg === 'notification.attempted' && `${error}`.includes(text))
  await tried(`${receiver.host} answered 503.`)
  await tried(`${receiver.host} could not be reached (ECONNREFUSED).`)

  const back = await startReceiver(SECRET, receiver.port)
  await queueOf(system).promoteJobs() // its next try
  const heard = await back.heard('separation.finished', 'down')
  expect([heard.id, heard.body]).toEqual([refused.id, refused.body])
  expect(worker?.output()).not.toContain('a-secret-of-the-url')
  const metrics = await (await fetch(`${worker?.url}/metrics`)).text()
  expect(metrics).toContain('stemkeeper_notifications_total{outcome="failed"} 0')
  expect(metrics).toMatch(/stemkeeper_notifications_total\{outcome="retried"\} [1-9]/)
})

test('a receiver that hangs delays neither downloads nor manifests, and a worker that is told to stop does', async () => {
  const hung = createTcpServer().listen(0, '127.0.0.1') // takes connections and says nothing
  await once(hung, 'listening')
  onTestFinished(() => void hung.close())
  const { port } = hung.address() as { port: number }
  const system = await startSystem({
    worker: toldTo(`http://127.0.0.1:${port}/`, { NOTIFY_EARLY: 'true', DOWNLOAD_CONCURRENCY: '2' }),
  })
  const tasks = Array.from({ length: 12 }, (_, n) => `while-hanging-${n}`) // more words than are sent at once
  for (const taskId of tasks) await system.post(callbackFor(system, taskId))
  for (const taskId of tasks) expect(await system.finished(taskId)).toMatchObject({ status: 'complete' })

  const queue = queueOf(system)
  expect(await queue.getCompletedCount()).toBe(0)
  expect(await system.workers[0]?.stop()).toMatchObject({ code: 0 })
  expect(await queue.getJobCounts('active', 'failed')).toMatchObject({ active: 0, failed: 0 })

  const receiver = await startReceiver()
  await system.addWorker(toldTo(receiver.url))
  for (const taskId of tasks) await receiver.heard('separation.finished', taskId)
  for (const taskId of tasks) await receiver.heard('stem.saved', taskId)
})

test('a worker that is killed around the announcement leaves one event with one id, and it arrives', async () => {
  const receiver = await startReceiver()
  const system = await startSystem({ worker: toldTo(receiver.url) })
  receiver.behave(() => {}) // has it, and does not say so
  await system.post(callbackFor(system, 'killed'))
  const first = await receiver.heard('separation.finished', 'killed')
  await system.workers[0]?.stop('SIGKILL')
  receiver.behave(answer(200))
  await system.addWorker()
  await waitFor('it comes again', () => receiver.received.length === 2)
  expect(receiver.received.map(({ id, body }) => [id, body])).toEqual([
    [first.id, first.body],
    [first.id, first.body],
  ])
  await waitFor('it is delivered', async () => (await queueOf(system).getCompletedCount()) === 1)
})

test('a worker that is killed between the manifest and the announcement makes it after all', async () => {
  const redis = await startRedisServer()
  onTestFinished(redis.close)
  const receiver = await startReceiver()
  const system = await startSystem({ redisUrl: redis.url, worker: toldTo(receiver.url) })
  // The announcement is refused, and nothing else: the separation's job is tried again, and again.
  const client = redisOf(system)
  const key = `${system.env.QUEUE_PREFIX}:notifications:id`
  await client.set(key, 'no number')
  await system.post(callbackFor(system, 'between'))
  await system.finished('between')
  await system.workers[0]?.logged('refused', ({ msg }) => msg === 'separation.failed')
  expect(await system.queue('separations').getCompletedCount()).toBe(0)
  await system.workers[0]?.stop('SIGKILL')
  await client.del(key)

  await system.addWorker()
  const { event } = await receiver.heard('separation.finished', 'between')
  expect(event.data).toMatchObject({ task_id: 'between', status: 'complete' })
  await waitFor('its job has ended', async () => (await system.queue('separations').getCompletedCount()) === 1)
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1)
})

test('410 and a day without success end it; the command sends what failed again', async () => {
  const receiver = await startReceiver()
  const system = await startSystem({ worker: toldTo(receiver.url) })
  const queue = queueOf(system)
  const replay = async (...args: string[]) => {
    const command = runScript('replay', await emptyDirectory(), system.env, 'notifications', ...args)
    return { code: await command.ended, output: command.output() }
  }
  expect(await replay()).toEqual({ code: 0, output: 'no notification has failed\n' })

  receiver.behave(answer(410))
  await system.post(callbackFor(system, 'gone'))
  await waitFor('it has ended', async () => (await queue.getFailedCount()) === 1)
  receiver.behave(answer(500))
  await system.post(callbackFor(system, 'tried'))
  await waitFor('it waits for its next try', async () => (await queue.getDelayedCount()) === 1)
  const [waiting] = await queue.getDelayed()
  await waiting?.updateData({ ...waiting.data, since: new Date(Date.now() - 24 * HOUR_MS).toISOString() }) // a day passes
  await waiting?.promote()
  await waitFor('both have ended', async () => (await queue.getFailedCount()) === 2)
  const reasons = (await queue.getFailed()).map(({ data, failedReason }) => `${data.taskId}: ${failedReason}`)
  expect(reasons.toSorted()).toEqual([
    `gone: ${receiver.host} answered 410, so it is not sent again by itself.`,
    `tried: ${receiver.host} answered 500. Given up: it was tried for long enough.`,
  ])
  const triedAndFailed = receiver.received.length

  receiver.behave(answer(200))
  expect(await replay('nobody')).toEqual({ code: 1, output: 'nobody has no notification that failed\n' })
  expect(await replay('gone')).toEqual({ code: 0, output: 'gone: separation.finished is sent again\n' })
  expect(await replay()).toEqual({ code: 0, output: 'tried: separation.finished is sent again\n' })
  await waitFor('both have arrived', async () => (await queue.getCompletedCount()) === 2)
  const ids = (taskId: string) =>
    new Set(receiver.received.filter(({ event }) => event.data.task_id === taskId).map(({ id }) => id))
  expect([ids('gone').size, ids('tried').size]).toEqual([1, 1])
  expect(receiver.received.length).toBe(triedAndFailed + 2)
})

test('where nobody wants to be told, nothing is kept', async () => {
  const system = await startSystem()
  await system.post(callbackFor(system, 'untold'))
  await waitFor('its job has ended', async () => (await system.queue('separations').getCompletedCount()) === 1)
  expect(await redisOf(system).keys(`${system.env.QUEUE_PREFIX}:notifications:*`)).toEqual([])
})

test('a redirect is not followed, and the words of the failure say so', async () => {
  const receiver = await startReceiver()
  const elsewhere = await startReceiver()
  const system = await startSystem({ worker: toldTo(receiver.url) })
  receiver.behave(answer(307, { location: elsewhere.url }))
  await system.post(callbackFor(system, 'led-astray'))
  const line = await system.workers[0]?.logged('it was led', ({ msg }) => msg === 'notification.attempted')
  expect(line?.error).toBe(
    `${receiver.host} answered 307; redirects are not followed: NOTIFY_URL must be where they lead.`,
  )
  expect(elsewhere.received).toEqual([])
})

test('a worker that is told nonsense says what is wrong, line by line, and repeats no secret', async () => {
  const problems = async (env: Record<string, string>) => {
    const app = spawnApp('worker', env)
    expect(await app.ended).toMatchObject({ code: 1 })
    return app.output().trim().split('\n')
  }
  expect(await problems({ NOTIFY_URL: 'https://app.example/hooks' })).toEqual([
    expect.stringMatching(
      /^configuration: NOTIFY_SECRET: must be set where NOTIFY_URL is.*whsec_\$\(openssl rand -base64 32\)$/,
    ),
  ])
  const lines = await problems({
    NOTIFY_URL: 'http://me:hunter2@10.0.0.1/hooks?key=hunter2',
    NOTIFY_SECRET: `${SECRET}, hunter2!, whsec_aHVudGVyMg==, whsk_hunter2`,
    NOTIFY_EARLY: 'perhaps',
  })
  expect(lines).toEqual([
    expect.stringMatching(/^configuration: NOTIFY_URL: must be https; NOTIFY_ALLOW_PRIVATE=true permits it/),
    expect.stringMatching(/^configuration: NOTIFY_SECRET: entry 2 must be whsec_ and base64; make one with/),
    expect.stringMatching(
      /^configuration: NOTIFY_SECRET: entry 3 must hold 24 to 64 bytes, and holds 7; make one with/,
    ),
    expect.stringMatching(/^configuration: NOTIFY_SECRET: entry 4 is a key for asymmetric signatures/),
    'configuration: NOTIFY_EARLY: must be true or false',
  ])
  expect(lines.join()).not.toMatch(/hunter2/)
})

test('the receiver in docs/notifications.md believes what is sent, and nothing else', async () => {
  const document = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8')
  const [, example = ''] = /```js\n([\s\S]*?)```/.exec(document) ?? []
  const child = spawn(process.execPath, ['--input-type=module', '-e', example], {
    cwd: new URL('../..', import.meta.url),
    env: { PATH: process.env.PATH ?? '', NOTIFY_SECRET: SECRET, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill())
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  const [, port] = await waitFor('it listens', () => /listening on (\d+)/.exec(output))
  const url = `http://127.0.0.1:${port}/`
  const system = await startSystem({ worker: toldTo(url) })
  await system.post(callbackFor(system, 'as-documented'))
  await waitFor('it has believed it', () => /msg_[0-9a-f]{40} separation\.finished as-documented complete/.test(output))
  await waitFor('it has said so', async () => (await queueOf(system).getCompletedCount()) === 1)

  const stranger = { 'webhook-id': 'msg_x', 'webhook-timestamp': `${Math.floor(Date.now() / 1000)}` }
  const signature = new Webhook(NEXT_SECRET).sign('msg_x', new Date(), '{}')
  const refused = await fetch(url, {
    method: 'POST',
    body: '{}',
    headers: { ...stranger, 'webhook-signature': signature },
  })
  expect(refused.status).toBe(401)
})
