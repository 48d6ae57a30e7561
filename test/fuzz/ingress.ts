import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { awaitReady, connectPatiently, disconnect } from '@stems/queue/redis'
import { expect, inject, onTestFinished } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { type App, startApp } from '../support/app.ts'
import { TOKEN } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'
import { type Answer, createWire, type Wire } from './http.ts'

/** Ingress as a process of its own before a real Redis, with nothing behind it that would work its callbacks off. */
export const startIngress = async (lanes: number) => {
  const spoolDir = await mkdtemp(join(tmpdir(), 'stemkeeper-fuzz-spool-'))
  onTestFinished(() => rm(spoolDir, { recursive: true, force: true }))
  const prefix = `fuzz-${randomUUID()}`
  const app = await startApp('ingress', {
    REDIS_URL: inject('redisUrl'),
    QUEUE_PREFIX: prefix,
    SPOOL_DIR: spoolDir,
    CALLBACK_TOKENS: TOKEN,
    CALLBACK_HMAC_KEYS: 'a-key-of-the-provider',
    RATE_LIMIT_PER_MINUTE: '0', // or nearly every answer would be 429
    QUARANTINE_MAX: '10000', // a full one is no fault of the payload that finds it so
    QUARANTINE_MAX_BYTES: '8589934592',
  })
  const redis = connectPatiently({ url: inject('redisUrl') }, { debug: () => {}, info: () => {}, warn: () => {} })
  onTestFinished(() => disconnect(redis))
  await awaitReady(redis, 10_000)
  const wires: Wire[] = Array.from({ length: lanes }, () => createWire(app.url))
  onTestFinished(() => {
    for (const wire of wires) wire.close()
  })

  const keys = async (): Promise<string[]> => {
    const found = new Set<string>()
    for (let cursor: string | undefined; cursor !== '0'; ) {
      const [next, some] = await redis.scan(cursor ?? '0', 'MATCH', `${prefix}:*`, 'COUNT', 1000)
      for (const key of some) found.add(key.slice(prefix.length + 1))
      cursor = next
    }
    return [...found]
  }

  return {
    app,
    wires,
    /** All that must be true after whatever was sent, and then a clean Redis for the next round. */
    isAsGoodAsNew: async (): Promise<void> => {
      await answersAGoodCallback(app)
      saidNothingOfErrors(app)
      await waitFor('the spool to be empty', async () => (await readdir(spoolDir)).length === 0)
      const left = await keys()
      expect(left.filter((key) => !KINDS.some((kind) => kind.test(key)))).toEqual([])
      for (let at = 0; at < left.length; at += 1000) {
        await redis.unlink(...left.slice(at, at + 1000).map((key) => `${prefix}:${key}`))
      }
    },
  }
}

// What docs/architecture.md lists, and what BullMQ keeps of a queue.
const KINDS = [
  /^separations:sep_[\w-]{1,128}$/,
  /^quarantine:quarantine_[\w-]{1,128}\.[0-9a-f]{16}$/,
  /^(?:separations|quarantine):(?:meta|id|events|wait|marker|stalled-check)$/,
  /^resent:[\w-]{1,128}$/,
  /^seal-key$/,
  /^library(?::entries|:counts)?$/,
  /^heartbeats$/,
  /^heartbeat:[0-9a-f-]{36}$/,
]

const answersAGoodCallback = async ({ url, process }: App): Promise<void> => {
  expect([process.exitCode, process.signalCode]).toEqual([null, null])
  const answer = await fetch(`${url}/callbacks/separation/${TOKEN}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(documentedPayload('split-stem', { taskId: `good-${randomUUID()}` })),
  })
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { status: expect.stringMatching(/^(?:accepted|spooled)$/) },
  ])
}

const saidNothingOfErrors = ({ log, output }: App): void => {
  const lines = output()
    .split('\n')
    .filter((line) => line !== '')
  expect(lines.filter((line) => !line.startsWith('{'))).toEqual([])
  expect(log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([])
  expect(log.filter(({ msg }) => msg === 'callback.not_kept' || msg === 'request.failed')).toEqual([])
}

/** Every error is a problem document that says the same as its status line, and no answer blames ingress. */
export const expectDocumented = (
  { status, headers, body }: Answer,
  statuses: readonly number[],
  isHead = false,
): void => {
  expect(statuses, `${status} ${body}`).toContain(status)
  if (status < 400) return
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/)
  if (isHead) return
  const problem: unknown = JSON.parse(body)
  expect(problem).toMatchObject({
    type: 'about:blank',
    status,
    title: expect.stringMatching(/./),
    detail: expect.stringMatching(/./),
  })
  expect(body, 'the token stays a secret').not.toContain(TOKEN)
}
