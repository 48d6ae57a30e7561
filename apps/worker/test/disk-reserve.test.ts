import type { FreeSpace } from '@stems/store/free-space'
import { createLog } from '@stems/telemetry/log'
import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createDiskReserve } from '../src/disk-reserve.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB

const reserveOn = async (space: FreeSpace | Error, reserveBytes?: number) => {
  const orders: string[] = []
  const disk = { space }
  const reserve = createDiskReserve({
    look: async () => {
      if (disk.space instanceof Error) throw disk.space
      return disk.space
    },
    reserveBytes,
    intake: { pause: async () => void orders.push('pause'), resume: async () => void orders.push('resume') },
    log: createLog('test', 'silent'),
  })
  onTestFinished(reserve.close)
  await reserve.start()
  return { ...reserve, orders, disk }
}

test('a disk with room enough starts the intake', async () => {
  const { orders, isLow, problem, freeBytes, reserveBytes } = await reserveOn({ free: 101, total: 200 }, 100)
  expect([orders, isLow(), problem()]).toEqual([['resume'], false, undefined])
  expect([freeBytes(), reserveBytes()]).toEqual([101, 100])
})

test('a disk with too little room leaves the intake paused, and says why', async () => {
  const { orders, isLow, problem } = await reserveOn({ free: 3 * MIB, total: 8 * MIB }, 4 * MIB)
  expect([orders, isLow()]).toEqual([['pause'], true])
  expect(problem()).toBe(
    'no new downloads: the disk for downloads has 3.0 MiB free, less than the reserve of 4.0 MiB (STORE_RESERVE_BYTES)',
  )
})

test.each([
  ['5 % of a small disk', 8 * MIB, 0.4 * MIB],
  ['256 MiB of a large one', 1000 * GIB, 256 * MIB],
])('unless told otherwise the reserve is %s', async (_what, total, reserve) => {
  expect((await reserveOn({ free: reserve - 1, total })).isLow()).toBe(true)
  expect((await reserveOn({ free: Math.ceil(reserve), total })).isLow()).toBe(false)
})

test('a reserve of 0 never pauses', async () => {
  expect((await reserveOn({ free: 0, total: 100 }, 0)).isLow()).toBe(false)
})

test('a disk that cannot be looked at stops nothing', async () => {
  const { orders, problem, freeBytes, reserveBytes } = await reserveOn(new Error('EIO'), 100)
  expect([orders, problem()]).toEqual([['resume'], undefined])
  expect([freeBytes(), reserveBytes()]).toEqual([undefined, undefined])
})

test('the intake follows the disk, with one order each way', async () => {
  const { orders, disk } = await reserveOn({ free: 100, total: 200 }, 50)
  disk.space = { free: 49, total: 200 }
  await waitFor('paused', () => orders.length === 2)
  disk.space = { free: 50, total: 200 }
  await waitFor('resumed', () => orders.length === 3)
  expect(orders).toEqual(['resume', 'pause', 'resume'])
})
