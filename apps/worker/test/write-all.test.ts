import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { writeAll } from '../src/write-all.ts'

test('a target that fails while it is waited for with the last bytes of a body is heard in its own words', async () => {
  const body = new Readable({
    read() {
      this.push('a song')
      this.push(null)
    },
  })
  const full = new Error('the disk is full')
  const target = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => {
      const closed = body.closed ? Promise.resolve() : once(body, 'close')
      closed.then(() => done(full))
    },
  })
  await expect(writeAll(body, target, () => {})).rejects.toBe(full)
})
