import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isSignedBy } from '@stems/provider/proof'
import { expect, onTestFinished, test } from 'vitest'
import { emptyDirectory, runScript } from './support/script.ts'

type Received = { path: string; headers: IncomingHttpHeaders; body: { code: number; data: { task_id: string } } }

/** Answers 200 and 503 in turns, and remembers what came. */
const startMoody = async () => {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = await request.toArray()
    received.push({
      path: request.url ?? '',
      headers: request.headers,
      body: JSON.parse(Buffer.concat(chunks).toString()),
    })
    response.writeHead(received.length % 2 === 1 ? 200 : 503).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const bench = async (...args: string[]) => {
  const script = runScript('../bench/run', await emptyDirectory(), {}, ...args)
  return { code: await script.ended, output: script.output() }
}

test('npm run bench -- ingress sends callbacks of distinct failed tasks, proven, and counts every answer', async () => {
  const { received, url } = await startMoody()
  const sent = ['--rate', '40', '--seconds', '1', '--connections', '4', '--key', 'k']
  const { code, output } = await bench('ingress', '--url', url, ...sent)
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/│ 200 +│ +20 │/) })
  expect(output).toMatch(/│ 503 +│ +20 │/)
  expect(received.length).toBe(41) // the first one tells whether anybody is there
  expect(new Set(received.map(({ body }) => body.data.task_id)).size).toBe(41)
  expect(new Set(received.map(({ body }) => body.code))).toEqual(new Set([500])) // nothing to download
  const secrets = { tokens: [], hmacKeys: ['k'], toleranceSeconds: 300 }
  for (const { headers, body, path } of received) {
    const signature = {
      timestamp: headers['x-webhook-timestamp'] as string,
      signature: headers['x-webhook-signature'] as string,
    }
    expect(isSignedBy(body.data.task_id, signature, secrets)).toBe(true)
    expect(path).toBe('/callbacks/separation')
  }
})

test('npm run bench -- ingress puts no load on a host that is not one’s own', async () => {
  const { code, output } = await bench('ingress', '--url', 'http://192.0.2.1')
  expect(code).toBe(1)
  expect(output.trim()).toBe(
    '192.0.2.1 is neither private nor of this machine: where it is yours, say so with --yes-it-is-mine',
  )
})

test('npm run bench says in one line what it cannot do', async () => {
  const complaints = [
    [['P99'], /^there is no measure P99, only P1 .*$/],
    [['--rounds', '0'], /^--rounds must be a whole number .*$/],
    [['ingress'], /^--url must say where your ingress is.*$/],
    [['ingress', '--url', 'http://127.0.0.1', '--key', 'k', '--token', 't'], /^--key or --token, not both .*$/],
    [['--nonsense'], /^Unknown option '--nonsense'.*$/],
  ] as const
  for (const [args, complaint] of complaints) {
    const { code, output } = await bench(...args)
    expect({ code, output: output.trim() }).toEqual({ code: 1, output: expect.stringMatching(complaint) })
  }
})
