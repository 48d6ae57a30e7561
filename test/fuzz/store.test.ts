import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buildManifest } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import { stemNameSchema } from '@stems/domain/stem-name'
import { taskIdSchema } from '@stems/domain/task-id'
import { createFileStore } from '@stems/store/file-store'
import { createSpool } from '@stems/store/spool'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { json, loadedWord, stemWord, taskId, text } from './arbitraries.ts'
import { AT_LENGTH, fuzzInLanes } from './fuzz.ts'
import { separation } from './separations.ts'

const LANES = 4

const anyTask = fc.oneof({ weight: 3, arbitrary: taskId }, { weight: 2, arbitrary: loadedWord }, way(), text)
const anyStem = fc.oneof({ weight: 3, arbitrary: stemWord }, { weight: 2, arbitrary: fc.constant('manifest') }, way())
const anyExtension = fc.oneof(
  fc.constantFrom('mp3', 'wav', 'json', 'part', '', '.', '/../../x', 'mp3/..', 'MP3', 'mp3\0', 'tar.gz'),
  text,
)

test(
  'whatever a stem is called, it becomes <task>/<stem>.<ext> or nothing, and a manifest stays a manifest',
  AT_LENGTH,
  async () => {
    const places = await Promise.all(Array.from({ length: LANES }, startPlace))
    await fuzzInLanes(
      'store: file names',
      LANES,
      fc.tuple(anyTask, anyStem, anyExtension),
      async ([task, stem, extension], lane) => {
        const { store, look, clear } = places[lane] as Place
        await clear()
        if (taskIdSchema.safeParse(task).success) await store.writeManifest(manifestOf(task))
        const published = await orRefusal(async () => {
          const part = await store.createPart(task, stem)
          await part.write(Readable.from([Buffer.from('bytes')]), 0)
          const file = await part.publish(extension).finally(() => part.discard())
          return file === undefined ? undefined : `${task}/${file}`
        })
        const found = await orRefusal(() => store.find(task, stem))
        const opened = await orRefusal(() => store.open(task, `${stem}.${extension}`))
        const { inside, outside, manifest } = await look(task)
        expect(outside).toEqual([])
        if (published) {
          expect(inside).toContain(published)
          expect([taskIdSchema.parse(task), stemNameSchema.parse(stem)]).toEqual([task, stem])
          expect(published).not.toBe(`${task}/manifest.json`)
          expect([found?.bytes, opened?.bytes]).toEqual([5, 5])
        }
        const isSafe = taskIdSchema.safeParse(task).success && stemNameSchema.safeParse(stem).success
        expect(inside).toEqual(
          [
            ...(taskIdSchema.safeParse(task).success ? [`${task}/manifest.json`] : []),
            ...(published && isSafe ? [published] : []),
          ].sort(),
        )
        if (manifest) expect(JSON.parse(manifest)).toMatchObject({ version: 1, task_id: task })
        await orRefusal(() => store.remove(task, `${stem}.${extension}`))
        expect((await look(task)).manifest).toBe(manifest)
      },
    )
  },
)

test(
  'manifests, notes and spooled callbacks stay in their places, whatever their task is called',
  AT_LENGTH,
  async () => {
    const places = await Promise.all(Array.from({ length: LANES }, startPlace))
    const named = fc.tuple(
      fc.tuple(separation, anyTask).map(([said, task]): Separation => ({ ...said, taskId: task })),
      json,
    )
    await fuzzInLanes('store: manifests and notes', LANES, named, async ([said, payload], lane) => {
      const { store, look, clear, spool, root } = places[lane] as Place
      await clear()
      const isNamed = taskIdSchema.safeParse(said.taskId).success
      await orRefusal(() => store.noteOpen(said))
      await orRefusal(() => store.writeManifest(buildManifest(said, new Map(), said.receivedAt)))
      await spool.put({ taskId: said.taskId, receivedAt: said.receivedAt, payload })
      const { inside, outside } = await look(said.taskId)
      expect(outside).toEqual([])
      const [notes, others] = [
        inside.filter((path) => path.startsWith('.open/')),
        inside.filter((path) => !path.startsWith('.open/')),
      ]
      expect(notes).toEqual(isNamed ? [expect.stringMatching(/^\.open\/[\w-]+\.json$/)] : [])
      expect(others).toEqual(isNamed ? [`${said.taskId}/manifest.json`] : [])
      expect((await orRefusal(() => store.readManifest(said.taskId)))?.task_id).toBe(isNamed ? said.taskId : undefined)
      expect(await store.listOpen(0)).toEqual(isNamed ? [said] : [])
      expect(await readdir(join(root, 'spool'))).toEqual([expect.stringMatching(/^\d{13,}-[0-9a-f]{32}\.json$/)])
      await spool.drain(async (entry) => {
        expect(entry.payload).toEqual(JSON.parse(JSON.stringify(payload)))
        return true
      })
      await orRefusal(() => store.noteClosed(said.taskId))
      expect(await readFile(join(root, 'neighbour.txt'), 'utf8')).toBe('untouched')
    })
  },
)

const manifestOf = (taskId: string) => {
  const at = '2026-01-01T00:00:00.000Z'
  return buildManifest({ taskId, type: 'unknown', code: 200, msg: '', receivedAt: at, stems: [] }, new Map(), at)
}

type Place = Awaited<ReturnType<typeof startPlace>>

/** A store two folders deep, so that somebody who climbs out of it is seen, with a neighbour that must stay as it is. */
const startPlace = async () => {
  const root = await mkdtemp(join(tmpdir(), 'stemkeeper-fuzz-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const folder = join(root, 'deep', 'stems')
  const store = createFileStore(folder)
  const spool = createSpool(join(root, 'spool'), 2 ** 30)
  await spool.open()
  await writeFile(join(root, 'neighbour.txt'), 'untouched')
  return {
    root,
    store,
    spool,
    look: async (task: string) => {
      const files = await filesBelow(root)
      const isKnown = (path: string) =>
        path === 'neighbour.txt' || path.startsWith('spool/') || path.startsWith('deep/stems/')
      const manifest = files.includes(`deep/stems/${task}/manifest.json`)
        ? join(folder, task, 'manifest.json')
        : undefined
      return {
        inside: files
          .filter((path) => path.startsWith('deep/stems/'))
          .map((path) => path.slice('deep/stems/'.length))
          .sort(),
        outside: files.filter((path) => !isKnown(path)),
        manifest: manifest && (await readFile(manifest, 'utf8')),
      }
    },
    clear: async () => {
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder, { recursive: true })
    },
  }
}

const filesBelow = async (root: string): Promise<string[]> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
}

// A refusal is as good as any answer; an error of the disk would say that the name had come that far.
const orRefusal = async <T>(attempt: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await attempt()
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code ?? '', `${error}`).not.toMatch(/^E[A-Z]+$/)
    return undefined
  }
}

/** Ways out of a folder. */
function way(): fc.Arbitrary<string> {
  const step = fc.constantFrom('..', '.', '', 'x', '.parts', '.open', 'neighbour.txt', '...', '~', '%2e%2e', '..\0')
  return fc
    .tuple(fc.constantFrom('/', '\\', '//', '∕'), fc.array(step, { minLength: 1, maxLength: 5 }))
    .map(([separator, steps]) => steps.join(separator))
}
