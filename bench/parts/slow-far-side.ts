import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { mp3For } from '../../test/stand-in/audio.ts'

const STEP_MS = 50

/** How far away a far side is. */
export type Distance = { latencyMs: number; bytesPerSecond: number }

/**
 * A far side at the end of a long way: each answer comes late, and each connection brings only so much a second.
 * Under `/near` it serves the same file at once.
 */
export const startSlowFarSide = async (bytes: number, { latencyMs, bytesPerSecond }: Distance) => {
  const body = mp3For('/bench.mp3', bytes)
  const server = createServer(async ({ url }, response) => {
    const isNear = url?.startsWith('/near/')
    if (!isNear) await sleep(latencyMs)
    response.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': body.length })
    if (isNear) response.end(body)
    else await trickle(response, body, bytesPerSecond)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: body.length,
    close: async (): Promise<void> => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

// By the clock: what a late timer has missed is made up for with the next step.
const trickle = async (response: ServerResponse, body: Buffer, bytesPerSecond: number): Promise<void> => {
  const startedAt = performance.now()
  for (let sent = 0; sent < body.length && !response.destroyed; ) {
    await sleep(STEP_MS)
    const due = Math.round(((performance.now() - startedAt) * bytesPerSecond) / 1000)
    response.write(body.subarray(sent, due))
    sent = due
  }
  response.end()
}
