import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createKillableProcess } from '../../scripts/drill/killable-process.ts'

// Says that it is ready only where the file exists, and runs until it is killed.
const PROGRAM = `
  if (require('node:fs').existsSync(process.argv[1])) console.log('ready')
  setInterval(() => {}, 1000)
`

test('a process that is killed while it starts releases the waiter of that start, and can be started again', {
  timeout: 20_000, // less than a start may take
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-killable-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const mayBeReady = join(folder, 'may-be-ready')
  let readyLines = 0
  const killable = createKillableProcess({
    name: 'child',
    command: process.execPath,
    args: ['-e', PROGRAM, mayBeReady],
    env: {},
    logFile: join(folder, 'child.log'),
    isReady: (line) => line === 'ready' && ++readyLines > 0,
  })
  onTestFinished(killable.kill)

  const firstStart = killable.start()
  await killable.kill()
  await writeFile(mayBeReady, '')
  await killable.start()
  await firstStart

  expect(readyLines).toBe(1)
  expect(killable.endsOfItsOwn()).toEqual([])
})
