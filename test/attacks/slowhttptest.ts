// Slow clients by a tool that others have written for it: Debian's `slowhttptest`, in all its modes, against the real
// system, while honest callbacks are posted. `node test/attacks/slowhttptest.ts` takes about a minute and needs
// `apt-get install slowhttptest`. It attacks nothing but the ingress that it has started itself, on 127.0.0.1.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { startLocalSystem } from '../../scripts/local-system.ts'
import { freePort } from '../../scripts/ports.ts'
import { createChecks } from '../compose/checks.ts'
import { documentedPayload } from '../stand-in/payloads.ts'
import { postJson } from '../support/post.ts'
import { waitFor } from '../support/wait-for.ts'

const SECONDS = 12
const PROVIDER_WAITS_MS = 15_000

if (spawnSync('slowhttptest', ['-h']).error) {
  console.error('slowhttptest is not installed: apt-get install slowhttptest')
  console.log('0 passed, 1 failed')
  process.exit(1)
}

const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-attack-'))
const lastWords: string[] = []
const system = await startLocalSystem({
  dataDir: folder,
  ports: { ingress: await freePort(), worker: await freePort(), board: await freePort() },
  env: { PATH: process.env.PATH, LOG_LEVEL: 'warn' },
  onLine: (line) => void lastWords.push(line),
})

const attack = async (url: string, ...options: string[]): Promise<string> => {
  const child = spawn('slowhttptest', ['-u', url, '-l', `${SECONDS}`, '-p', '3', '-v', '1', ...options])
  process.once('exit', () => child.kill('SIGKILL'))
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
  return stripVTControlCharacters(output)
}

/** Posts one callback after the other, each over a connection of its own, until told to stop. */
const postSteadily = (name: string) => {
  const answers: { answer: string; ms: number }[] = []
  let isOver = false
  const posting = (async () => {
    while (!isOver) {
      const callback = documentedPayload('separate-vocal-failed', { taskId: `${name}-${answers.length}` })
      const startedAt = performance.now()
      const answer = await Promise.race([
        postJson(system.callbackUrl, callback, { connection: 'close' }).then(
          ({ status }) => `${status}`,
          (error: Error) => `${error.message}: ${error.cause}`,
        ),
        sleep(PROVIDER_WAITS_MS, 'nothing within 15 s', { ref: false }),
      ])
      answers.push({ answer, ms: performance.now() - startedAt })
      await sleep(10)
    }
  })()
  return {
    stop: async () => {
      isOver = true
      await posting
      return answers
    },
  }
}

// The address is another one than the attackers', whom ingress limits.
const connections = async (): Promise<number> => {
  const [response] = await once(get(`${system.ingressUrl}/metrics`, { localAddress: '127.0.0.2' }), 'response')
  return Number(/^nodejs_active_resources\{type="TCPSocketWrap"\} (\d+)$/m.exec(await text(response))?.[1])
}

const { check, count } = createChecks()
const connectionsBefore = await connections()

const keepsAnswering = (name: string, sentence: string, url: string, ...options: string[]) =>
  check(`${sentence}: every callback is answered 200`, async () => {
    const honest = postSteadily(name)
    const output = await attack(url, ...options)
    const answers = await honest.stop()
    const others = answers.filter(({ answer }) => answer !== '200')
    const slowest = Math.round(Math.max(...answers.map(({ ms }) => ms)))
    const verdict = ['connected', 'closed', 'service available', 'Exit status'].map((what) => {
      const [, said = '?'] = [...output.matchAll(new RegExp(`${what}: +(.+?) *$`, 'gm'))].at(-1) ?? []
      return `${what} ${said}`
    })
    console.log(
      `      ${answers.length} callbacks, the slowest took ${slowest} ms; slowhttptest: ${verdict.join(', ')}`,
    )
    if (answers.length < 50) throw new Error(`only ${answers.length} callbacks were answered\n${output}`)
    if (others.length > 0)
      throw new Error(`${others.length} of ${answers.length}: ${JSON.stringify(others.slice(0, 5))}`)
  })

// As if it had the token: without one it would be turned away before its body is waited for.
await keepsAnswering(
  'headers',
  'slow headers (slowloris)',
  system.callbackUrl,
  ...'-H -c 1500 -r 500 -i 2 -x 24'.split(' '),
)
await keepsAnswering(
  'body',
  'slow bodies',
  system.callbackUrl,
  ...'-B -c 1500 -r 500 -i 2 -s 200000 -x 24 -f application/json'.split(' '),
)
await keepsAnswering(
  'range',
  'ranges (Apache killer)',
  `${system.ingressUrl}/openapi.json`,
  ...'-R -c 1000 -r 500 -a 5 -b 3000'.split(' '),
)
await keepsAnswering(
  'read',
  'slow reads',
  `${system.ingressUrl}/openapi.json`,
  ...'-X -c 1500 -r 500 -k 10 -w 1 -y 16 -n 2 -z 1'.split(' '),
)
await check('afterwards no connection of theirs is left', () =>
  waitFor('they are gone', async () => (await connections()) <= connectionsBefore + 1, { everyMs: 500 }),
)
await check('ingress is ready', async () => {
  const { status } = await fetch(`${system.ingressUrl}/readyz`)
  if (status !== 200) throw new Error(`/readyz answers ${status}`)
})

if (count.failed > 0) console.log(lastWords.slice(-20).join('\n'))
await system.close()
await rm(folder, { recursive: true, force: true })
console.log(`${count.passed} passed, ${count.failed} failed`)
process.exit(count.failed > 0 ? 1 : 0)
