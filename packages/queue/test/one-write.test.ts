import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sendInOneWrite } from '../src/one-write.ts'
import type { RedisConnection } from '../src/redis.ts'

// A socket that notes what each write to it holds.
const connection = () => {
  const writes: string[] = []
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      writes.push(chunk)
      done()
    },
    writev: (chunks, done) => {
      writes.push(chunks.map(({ chunk }) => chunk).join())
      done()
    },
  })
  return { redis: { stream } as unknown as RedisConnection, stream, writes }
}

test('what is sent in one turn of the event loop goes out in one write, in its order', async () => {
  const { redis, stream, writes } = connection()
  for (const command of ['a', 'b', 'c']) {
    sendInOneWrite(redis)
    stream.write(command)
  }
  expect(writes).toEqual([])
  await turn()
  expect(writes).toEqual(['a,b,c'])
  stream.write('d') // of somebody who holds nothing back
  sendInOneWrite(redis)
  stream.write('e')
  await turn()
  expect(writes).toEqual(['a,b,c', 'd', 'e'])
})

test('a connection that is not made yet, or is gone by the end of the turn, is no trouble', async () => {
  sendInOneWrite({} as RedisConnection)
  const { redis, stream, writes } = connection()
  sendInOneWrite(redis)
  stream.write('a', () => {})
  stream.destroy()
  await turn()
  expect(writes).toEqual([])
})
