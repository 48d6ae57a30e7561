import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { type RedisServer, startRedisServer } from '../../../test/support/redis-server.ts'
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { waitFor } from '../../../test/support/wait-for.ts'
import { connectImpatiently, connectPatiently, disconnect, isReady } from '../src/redis.ts'
import { createReplicas, NotReplicatedError } from '../src/replicas.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

const startPair = async (): Promise<RedisServer> => {
  const master = await startRedisServer(() => ['--repl-diskless-sync-delay', '0'])
  onTestFinished(master.close)
  const replica = await startRedisServer(() => [...['--replicaof', `127.0.0.1 ${master.port}`]])
  onTestFinished(replica.close)
  const admin = new Redis(replica.url)
  await waitFor('the replica follows', async () => /link_status:up/.test(await admin.info('replication')))
  admin.disconnect()
  const writer = new Redis(master.url)
  await waitFor(
    'the replica acknowledges',
    async () => (await writer.set('first', 1)) && (await writer.wait(1, 100)) === 1,
  )
  writer.disconnect()
  return master
}

const connectTo = async (port: number, minReplicas: number, connectWith = connectImpatiently) => {
  const target = { url: `redis://127.0.0.1:${port}`, minReplicas }
  const redis = connectWith(target, SILENT)
  onTestFinished(() => disconnect(redis))
  await waitFor('it is connected', () => isReady(redis))
  return { redis, replicated: createReplicas(redis, 'test') }
}

test('what a replica has is acknowledged, and many at once share the asking', async () => {
  const master = await startPair()
  const { redis, replicated } = await connectTo(master.port, 1)
  const write = (each: number) => replicated(async () => redis.set(`key-${each}`, each))
  expect(await Promise.all(Array.from({ length: 100 }, (_, each) => write(each)))).toEqual(Array(100).fill('OK'))
  const asked = Number(/cmdstat_wait:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1])
  expect(asked).toBeLessThan(10)
})

test('more replicas than there are never acknowledge', async () => {
  const master = await startPair()
  const { redis, replicated } = await connectTo(master.port, 2)
  await expect(replicated(() => redis.set('key', 1))).rejects.toThrow(NotReplicatedError)
})

test('another master does not vouch for what was written to the last one', async () => {
  const [old, promoted] = [await startPair(), await startPair()]
  const address = await startTcpProxy(old.port)
  // Patiently: that the line breaks once more on a busy machine is not the subject here.
  const { redis, replicated } = await connectTo(address.port, 1, connectPatiently)
  await replicated(() => redis.set('before', 1))
  const written = replicated(async () => {
    await redis.set('key', 1)
    address.leadTo(promoted.port)
    redis.disconnect(true)
    await waitFor('it is connected to the other', async () =>
      redis.info('server').then(
        (info) => info.includes(`tcp_port:${promoted.port}`),
        () => false,
      ),
    )
  })
  await expect(written).rejects.toThrow(new NotReplicatedError('another master has taken over meanwhile'))
  expect(await replicated(() => redis.set('after', 1))).toBe('OK')
})

test('where no replica is wanted nothing is asked', async () => {
  const master = await startRedisServer()
  onTestFinished(master.close)
  const { redis, replicated } = await connectTo(master.port, 0)
  expect(await replicated(() => redis.set('key', 1))).toBe('OK')
  expect(await redis.info('commandstats')).not.toContain('cmdstat_wait')
})
