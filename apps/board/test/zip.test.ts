import { createHash } from 'node:crypto'
import { mkdir, readdir, readlink, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { unzip } from '../../../test/support/unzip.ts'
import { peaksOf, writeAnalyses } from './analyses.ts'
import { expectDocumented } from './matches-document.ts'
import { API_KEY, startBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker, stemBytes } from './start-worker.ts'

const redisUrl = inject('redisUrl')

const start = async (stems: Record<string, string | null>) => {
  const board = await startBoard(redisUrl)
  startWorker(board, redisUrl)
  await startSubmitter(board, redisUrl)(separationOf('task-1', stems))
  await expect.poll(() => board.store.readManifest('task-1')).toBeDefined()
  return board
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

test('a ZIP holds all stems that are home, under names that a DAW sorts, and the manifest with their audio facts', async () => {
  const board = await start({ origin: 'ok:', drums: 'ok:', bass: 'gone:dead', fx: null, vocal: 'ok:' })
  await writeAnalyses(board.store, 'task-1', {
    vocal: peaksOf(stemBytes('vocal'), { duration_seconds: 3 }),
    drums: peaksOf(stemBytes('drums'), { duration_seconds: 5 }),
  })
  const answer = await board.get('/files/task-1/stems.zip')
  expect(answer.headers.get('content-type')).toBe('application/zip')
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="task-1.zip"')
  const zip = Buffer.from(await answer.arrayBuffer())
  expect(answer.headers.get('content-length')).toBe(`${zip.length}`)
  const files = await unzip(zip)
  const [name, text] = files.pop() ?? []
  const manifest = await board.store.readManifest('task-1')
  expect(name).toBe('manifest.json')
  expect(JSON.parse(`${text}`)).toEqual({
    ...manifest,
    lengths_differ: true,
    stems: {
      ...manifest?.stems,
      vocal: { ...manifest?.stems.vocal, audio: { duration_seconds: 3 } },
      drums: { ...manifest?.stems.drums, audio: { duration_seconds: 5 } },
    },
  })
  expect(files.map(([name, bytes]) => [name, sha256(bytes)])).toEqual([
    ['01_vocal.mp3', sha256(stemBytes('vocal'))],
    ['02_drums.mp3', sha256(stemBytes('drums'))],
    ['03_origin.mp3', sha256(stemBytes('origin'))],
  ])
})

test('a ZIP of a separation that is not analyzed, or whose analysis cannot be read, has the manifest as it is', async () => {
  const board = await start({ vocal: 'ok:' })
  const manifestIn = async () => {
    const answer = await board.get('/files/task-1/stems.zip')
    const zip = Buffer.from(await answer.arrayBuffer())
    expect(answer.headers.get('content-length')).toBe(`${zip.length}`)
    const files = await unzip(zip)
    expect(files.map(([name]) => name)).toEqual(['01_vocal.mp3', 'manifest.json'])
    return JSON.parse(`${files[1]?.[1]}`)
  }
  const manifest = await board.store.readManifest('task-1')
  expect(await manifestIn()).toEqual(manifest)
  await mkdir(join(board.root, 'task-1', 'analysis.json'))
  expect(await manifestIn()).toEqual(manifest)
  expect(board.logged()).toContain('analysis.unreadable')
})

test('programs get it with their key, and a problem where there is nothing to take', async () => {
  const board = await start({ vocal: 'gone:dead' })
  const ask = (path: string) => fetch(board.origin + path, { headers: { authorization: `Bearer ${API_KEY}` } })
  for (const path of ['/files/task-1/stems.zip', '/files/nobody/stems.zip', '/files/..%2f../stems.zip']) {
    const answer = await ask(path)
    expect(answer.status).toBe(404)
    await expectDocumented(board, 'GET /files/{taskId}/stems.zip', answer)
  }
  expect((await fetch(`${board.origin}/files/task-1/stems.zip`)).status).toBe(401)
})

test('a stem that is shorter than it was ends the transfer early, so that nobody takes it for whole', async () => {
  const board = await start({ vocal: 'ok:', drums: 'ok:' })
  const { open } = board.store
  const path = join(board.root, 'task-1', 'drums.mp3')
  board.store.open = async (...file) => {
    const stored = await open(...file)
    if (file[1] === 'drums.mp3') await truncate(path, 100)
    return stored
  }
  const answer = await board.get('/files/task-1/stems.zip')
  expect(answer.status).toBe(200)
  await expect(answer.arrayBuffer()).rejects.toThrow()
  expect(board.logged()).toContain('zip.cut_short')
})

test('who hangs up in the middle keeps no file open', async () => {
  const board = await start({ vocal: 'ok:', drums: 'ok:' })
  await truncate(join(board.root, 'task-1', 'vocal.mp3'), 50_000_000) // more than any buffer on the way holds
  const openFiles = async (): Promise<string[]> => {
    const names = await readdir('/proc/self/fd')
    const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
    return paths.filter((path) => path.startsWith(board.root))
  }
  const controller = new AbortController()
  const { body } = await board.get('/files/task-1/stems.zip', { signal: controller.signal })
  await body?.getReader().read()
  expect(await openFiles()).toEqual([join(board.root, 'task-1', 'vocal.mp3')])
  controller.abort()
  await expect.poll(openFiles).toEqual([])
})
