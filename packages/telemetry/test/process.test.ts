import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'

const HEAD = `
  import fastify from 'fastify'
  import { listenOrExit } from '@stems/telemetry/listen'
  import { createLog } from '@stems/telemetry/log'
  import { closeOnSignal } from '@stems/telemetry/shutdown'
  const log = createLog('test', 'info')`

/** A process of its own, since these helpers end the one they run in. */
const run = (code: string) => {
  const args = ['--input-type=module', '-e', `${HEAD}\n${code}`]
  const child = spawn(process.execPath, args, { cwd: import.meta.dirname })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'close') as Promise<[number | null, string | null]>
  const errors = text(child.stderr)
  const lines: { msg: string; port?: number }[] = []
  const output = createInterface({ input: child.stdout })
  output.on('line', (line) => lines.push(JSON.parse(line)))
  const up = once(output, 'line') // or it never comes, and the test ends with what the process wrote
  return { child, exited, errors, lines, up: () => Promise.race([up, exited]) }
}

test('port 0 takes a free port and logs which', async () => {
  const app = run(`
    const server = fastify()
    const port = await listenOrExit(server, { host: '127.0.0.1', port: 0, variable: 'PORT' }, log)
    log.info({ port }, 'returned')
    await server.close()`)
  expect(await app.exited).toEqual([0, null])
  expect(app.lines.map(({ msg }) => msg)).toEqual(['app.listening', 'returned'])
  expect(app.lines[0]?.port).toBeGreaterThan(0)
  expect(app.lines[1]?.port).toBe(app.lines[0]?.port)
})

test('a port that is taken ends the process with code 1 and the variable to change', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const app = run(`await listenOrExit(fastify(), { host: '127.0.0.1', port: ${port}, variable: 'BOARD_PORT' }, log)`)
  expect(await app.exited).toEqual([1, null])
  expect(await app.errors).toBe(`127.0.0.1:${port} is taken by another process; set BOARD_PORT to a free port\n`)
})

const UNTIL_KILLED = `setInterval(() => {}, 60_000); log.info({}, 'up')`

test.each(['SIGTERM', 'SIGINT'] as const)('%s closes in order and ends with code 0', async (signal) => {
  const app = run(`closeOnSignal(log, 60_000, async () => log.info({}, 'closing')); ${UNTIL_KILLED}`)
  await app.up()
  app.child.kill(signal)
  expect(await app.exited).toEqual([0, null])
  expect(app.lines.map(({ msg }) => msg)).toEqual(['up', 'app.closing', 'closing', 'app.closed'])
})

test('a second signal while closing changes nothing', async () => {
  const app = run(`
    closeOnSignal(log, 60_000, async () => {
      log.info({}, 'closing')
      process.kill(process.pid, 'SIGTERM')
      await new Promise((resolve) => process.once('SIGTERM', resolve))
    }); ${UNTIL_KILLED}`)
  await app.up()
  app.child.kill('SIGTERM')
  expect(await app.exited).toEqual([0, null])
  expect(app.lines.filter(({ msg }) => msg === 'closing')).toHaveLength(1)
})

test('closing that does not end is cut short', async () => {
  const app = run(`closeOnSignal(log, 1, () => new Promise(() => {})); ${UNTIL_KILLED}`)
  await app.up()
  app.child.kill('SIGTERM')
  expect(await app.exited).toEqual([0, null])
  expect(app.lines.map(({ msg }) => msg)).toContain('app.closed_by_limit')
})

test('closing that fails ends with code 1 and says why', async () => {
  const app = run(`closeOnSignal(log, 60_000, () => Promise.reject(new Error('stuck'))); ${UNTIL_KILLED}`)
  await app.up()
  app.child.kill('SIGTERM')
  expect(await app.exited).toEqual([1, null])
  expect(app.lines.at(-1)).toMatchObject({ msg: 'app.close_failed', error: 'stuck' })
})
