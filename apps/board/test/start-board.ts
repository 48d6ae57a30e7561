import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { createBoardQueues } from '@stems/queue/board-queues'
import { createListing } from '@stems/queue/listing'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import { createFileStore } from '@stems/store/file-store'
import { createLog } from '@stems/telemetry/log'
import { onTestFinished } from 'vitest'
import { createLibrary } from '../src/library.ts'
import { createReplay } from '../src/replay-route.ts'
import { createServer } from '../src/server.ts'

export const LOGIN = { user: 'admin', password: 'pässword: with colons' }

export const authorizationOf = ({ user, password }: typeof LOGIN): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/**
 * A board that listens, over a store and a queue prefix of its own.
 *
 * @param redisIsAway does not wait until the board has reached Redis
 */
export const startBoard = async (redisUrl: string, { redisIsAway = false } = {}) => {
  const root = await mkdtemp(join(tmpdir(), 'board-store-'))
  const prefix = `test-${randomUUID()}`
  const lines: string[] = []
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const log = createLog('board', 'debug', destination)
  const store = createFileStore(root)
  const redis = connectImpatiently(redisUrl, log)
  const listing = createListing({ redis, prefix, deadlineMs: 1500 })
  const queues = createBoardQueues({ redis, prefix })
  const library = createLibrary({ listing, store, log })
  const submitter = createSubmitter({ redis, prefix, deadlineMs: 1500 })
  const server = await createServer({
    login: LOGIN,
    library,
    replay: createReplay(submitter, store),
    store,
    queues,
    isReady: () => redis.status === 'ready',
    log,
  })
  const origin = await server.listen({ host: '127.0.0.1', port: 0 })
  if (!redisIsAway && redis.status !== 'ready') await once(redis, 'ready')
  onTestFinished(async () => {
    await server.close()
    await queues.close()
    await listing.close()
    await submitter.close()
    disconnect(redis)
    await rm(root, { recursive: true, force: true })
  })
  return {
    origin,
    prefix,
    root,
    store,
    queues,
    /** All that was logged. */
    logged: () => lines.join(''),
    /** Asks as somebody who is logged in. */
    get: (path: string, init: RequestInit = {}) =>
      fetch(`${origin}${path}`, { ...init, headers: { authorization: authorizationOf(LOGIN) } }),
  }
}

export type TestBoard = Awaited<ReturnType<typeof startBoard>>
