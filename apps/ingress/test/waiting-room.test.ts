import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createWaitingRoom } from '../src/waiting-room.ts'

/** Real connections: what the far end does is what its socket sees. */
const connections = async (count: number): Promise<{ near: Socket; far: Socket }[]> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const pairs: { near: Socket; far: Socket }[] = []
  for (let n = 0; n < count; n++) {
    const far = connect((server.address() as AddressInfo).port, '127.0.0.1').resume()
    const [near] = await once(server, 'connection')
    onTestFinished(() => void far.destroy())
    onTestFinished(() => void near.destroy())
    pairs.push({ near, far })
  }
  return pairs
}

const closed = (pairs: { far: Socket }[]) => pairs.map(({ far }) => far.destroyed)

test('who comes when all places are taken has the place of whoever has been waited for longest', async () => {
  const room = createWaitingRoom(2)
  const pairs = await connections(4)
  for (const { near } of pairs) room.enter(near)

  await waitFor('two are closed', () => closed(pairs).filter(Boolean).length === 2)
  expect(closed(pairs)).toEqual([true, true, false, false])
  expect(room.size()).toBe(2)
})

test('who has left, or hung up, takes no place', async () => {
  const room = createWaitingRoom(2)
  const pairs = await connections(4)
  const [proven, gone, ...others] = pairs
  for (const pair of [proven, gone]) if (pair) room.enter(pair.near)
  if (proven) room.leave(proven.near)
  gone?.near.resume()
  gone?.far.destroy()
  await waitFor('nobody is inside', () => room.size() === 0)

  for (const { near } of others) room.enter(near)
  expect(room.size()).toBe(2)
  expect(closed([...(proven ? [proven] : []), ...others])).toEqual([false, false, false])
})

test('who comes in again is the newest, and is counted once', async () => {
  const room = createWaitingRoom(2)
  const pairs = await connections(3)
  const [a, b, c] = pairs.map(({ near }) => near)
  for (const socket of [a, b, a, c]) if (socket) room.enter(socket)

  await waitFor('one is closed', () => closed(pairs).includes(true))
  expect(closed(pairs)).toEqual([false, true, false])
})

test('who is gone already does not come in', async () => {
  const room = createWaitingRoom(1)
  const [pair] = await connections(1)
  pair?.near.destroy()
  if (pair) room.enter(pair.near)
  expect(room.size()).toBe(0)
})
