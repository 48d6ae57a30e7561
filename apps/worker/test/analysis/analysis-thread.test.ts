import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openStore } from '@stems/store/open-store'
import { expect, onTestFinished, test } from 'vitest'
import { mp3For } from '../../../../test/stand-in/audio.ts'
import { createAnalysisThread } from '../../src/analysis/analysis-thread.ts'

const log = { debug: () => {}, info: () => {}, warn: () => {} }
const NEVER = new AbortController().signal

const start = async (stems: Record<string, Buffer>) => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-analysis-'))
  const storeUrl = `file:${folder}`
  const store = await openStore(storeUrl)
  for (const [stem, body] of Object.entries(stems)) {
    const part = await store.createPart('task-1', stem)
    await part.write(Readable.from([body]), 0)
    await part.publish('mp3')
  }
  const thread = createAnalysisThread({ storeUrl, storeOptions: {}, log: log as never })
  onTestFinished(async () => {
    await thread.close()
    await thread.close()
    await rm(folder, { recursive: true, force: true })
  })
  return (file: string, signal: AbortSignal = NEVER) => thread.analyse({ taskId: 'task-1', file }, signal)
}

test('stems of the store are looked at in a thread, several one after the other', async () => {
  const [vocal, drums] = [mp3For('/s/x_Vocals.mp3'), mp3For('/s/x_Drums.mp3')]
  const analyse = await start({ vocal, drums })
  const found = await Promise.all(['vocal.mp3', 'drums.mp3', 'none.mp3'].map((file) => analyse(file)))
  expect(found.map((each) => each?.stemkeeper.sha256)).toEqual([
    createHash('sha256').update(vocal).digest('hex'),
    createHash('sha256').update(drums).digest('hex'),
    undefined,
  ])
  expect(found[0]?.stemkeeper.audio).toMatchObject({ duration_seconds: 3, loudness_lufs: -16.2 })
})

test('an analysis is ended in the middle, and the next one gets a new thread', async () => {
  const analyse = await start({ vocal: mp3For('/s/x_Vocals.mp3'), long: mp3For('/s/x_Drums.mp3', 100_000_000) })
  const leaving = new AbortController()
  const running = analyse('long.mp3', leaving.signal)
  await analyse('none.mp3', AbortSignal.timeout(1)).catch(() => {}) // it waits its turn, and gives up
  leaving.abort()
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  expect((await analyse('vocal.mp3'))?.stemkeeper.audio?.duration_seconds).toBe(3)
})
