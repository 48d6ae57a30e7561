import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buildManifest, type SavedStem } from '@stems/domain/manifest'
import { UndeliveredError } from '@stems/queue/notifications-worker'
import { expect, onTestFinished, test } from 'vitest'
import { createDeliver, type DeliverOptions } from '../src/notify-deliver.ts'
import { separationFinished, stemSaved } from '../src/notify-events.ts'

const SECRET = `whsec_${Buffer.alloc(32, 'hunter2').toString('base64')}`
const NOTIFICATION = { id: 'msg_1', type: 'separation.finished', taskId: 'task', body: '{"data":"ü"}' }

const startReceiver = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const deliverTo = (url: string, more: Partial<DeliverOptions> = {}) => {
  const deliver = createDeliver({ url, secrets: [SECRET], allowPrivate: true, noticeBlocked: () => {}, ...more })
  return () => deliver(NOTIFICATION, new AbortController().signal)
}

const failureOf = async (work: () => Promise<unknown>): Promise<UndeliveredError> => {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(UndeliveredError)
  return error as UndeliveredError
}

test('who answers 2xx has it, even if his words never end or are too many', async () => {
  const endless = await startReceiver((_request, response) => void response.writeHead(200).write('and'))
  expect(await deliverTo(`http://${endless}/`, { timeoutMs: 300 })()).toEqual({ status: 200 })
  const talkative = await startReceiver((_request, response) => {
    response.writeHead(201)
    const talk = () => {
      while (response.write('x'.repeat(65_536)));
    }
    response.on('drain', talk)
    talk()
  })
  expect(await deliverTo(`http://${talkative}/`)()).toEqual({ status: 201 })
  const cut = await startReceiver((_request, response) => {
    response.writeHead(204, { 'content-length': '0' }).flushHeaders()
    response.destroy()
  })
  expect(await deliverTo(`http://${cut}/`)()).toEqual({ status: 204 })
})

test('whatever else is answered is a failure with the status in its words; only 410 is the end', async () => {
  for (const status of [300, 301, 400, 401, 404, 410, 429, 500, 503]) {
    const host = await startReceiver((_request, response) => void response.writeHead(status).end('<b>hunter2</b>'))
    const failure = await failureOf(deliverTo(`http://${host}/hooks?key=hunter2`))
    expect(failure.message).toMatch(new RegExp(`^${host} answered ${status}[ ,;.]`))
    expect(failure.message).not.toContain('hunter2')
    expect(failure.isFinal, `${status}`).toBe(status === 410)
  }
})

test('the patience that a receiver asks for is kept', async () => {
  const host = await startReceiver((_request, response) => void response.writeHead(503, { 'retry-after': '120' }).end())
  expect(await failureOf(deliverTo(`http://${host}/`))).toMatchObject({ retryAfterMs: 120_000, isFinal: false })
})

test('a receiver that says nothing is not waited for for ever', async () => {
  const host = await startReceiver(() => {})
  const failure = await failureOf(deliverTo(`http://${host}/hooks?key=hunter2`, { timeoutMs: 200 }))
  expect(failure.message).toMatch(new RegExp(`^${host} (sent nothing for too long|took too long to answer)`))
})

test('a name that leads to a private address is asked only where that is permitted', async () => {
  let asked = 0
  const host = await startReceiver((_request, response) => {
    asked++
    response.end()
  })
  const port = host.split(':')[1]
  const lookup: NonNullable<DeliverOptions['resolving']>['lookup'] = (_name, options, done) =>
    options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)
  const blocked: string[] = []
  const failure = await failureOf(
    deliverTo(`https://app.example:${port}/hooks?key=hunter2`, {
      allowPrivate: false,
      resolving: { lookup },
      noticeBlocked: ({ reason }) => blocked.push(reason),
    }),
  )
  expect(failure.message).toMatch(/^app\.example was not asked: its address is not a public one .*NOTIFY_ALLOW_PRIVATE/)
  expect([failure.isFinal, failure.message.includes('hunter2'), blocked, asked]).toEqual([false, false, ['address'], 0])

  expect(await deliverTo(`http://app.example.:${port}/`, { resolving: { lookup } })()).toEqual({ status: 200 })
  expect(asked).toBe(1)
})

const VOCAL: SavedStem = {
  ...{ status: 'saved', file: 'vocal.mp3', bytes: 1, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' },
  ...{ source_url: 'https://far.side/vocal.mp3', saved_at: '2026-01-02T03:04:05.500Z' },
}
const manifestAt = (finishedAt: string, msg = 'ok') =>
  buildManifest(
    {
      ...{ taskId: 'task', type: 'unknown', code: 200, msg, receivedAt: '2026-01-02T03:04:05.000Z' },
      stems: [{ name: 'vocal', url: VOCAL.source_url }],
    },
    new Map([['vocal', VOCAL]]),
    finishedAt,
  )

test('the same end of the same run is the same event, whenever its manifest was written', () => {
  const first = separationFinished(manifestAt('2026-01-02T03:04:06.000Z'), 1)
  expect(separationFinished(manifestAt('2026-01-02T03:05:00.000Z'), 1).id).toBe(first.id)
  expect(separationFinished(manifestAt('2026-01-02T03:04:06.000Z'), 2).id).not.toBe(first.id) // it was driven again
  expect(separationFinished(manifestAt('2026-01-02T03:04:06.000Z', 'other'), 1).id).not.toBe(first.id) // it has ended otherwise
  expect(first.id).toMatch(/^msg_[0-9a-f]{40}$/)
})

test('the same bytes of the same stem are the same event', () => {
  const saved = {
    ...{ status: 'saved' as const, file: 'vocal.mp3', bytes: 1, sha256: 'a'.repeat(64), content_type: 'audio/mpeg' },
    ...{ source_url: 'https://file.example/a', saved_at: '2026-01-02T03:04:05.000Z' },
  }
  const { id } = stemSaved('task', 'vocal', saved)
  expect(stemSaved('task', 'vocal', { ...saved, saved_at: '2026-02-02T03:04:05.000Z' }).id).toBe(id)
  const others = [
    stemSaved('task', 'drums', saved),
    stemSaved('task-2', 'vocal', saved),
    stemSaved('task', 'vocal', { ...saved, sha256: 'b'.repeat(64) }),
  ]
  expect(new Set([id, ...others.map((other) => other.id)]).size).toBe(4)
})
