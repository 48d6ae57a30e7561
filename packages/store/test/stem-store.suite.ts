import { createHash } from 'node:crypto'
import { type FileHandle, utimes } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Manifest } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import type { SeparationAnalysis } from '@stems/domain/separation-analysis'
import type { StemAnalysis } from '@stems/domain/stem-analysis'
import { describe, expect, test } from 'vitest'
import type { StemStore } from '../src/stem-store.ts'
import { standInForSync } from './stand-in-for-sync.ts'

export const manifestOf = (taskId: string, msg = 'done'): Manifest => ({
  version: 1,
  task_id: taskId,
  type: 'unknown',
  status: 'failed',
  code: 200,
  msg,
  received_at: '2026-01-01T00:00:00.000Z',
  finished_at: '2026-01-01T00:00:01.000Z',
  stems: { fx: { status: 'empty' } },
})

export const peaksOf = (sha256: string, peak_db = -3): StemAnalysis => ({
  ...{ version: 2, channels: 1, sample_rate: 44_100, samples_per_pixel: 64, bits: 8, length: 2, data: [-1, 1, -2, 2] },
  stemkeeper: { version: 1, sha256, audio: { duration_seconds: 0.003, sample_rate: 44_100, channels: 2, peak_db } },
})

export const analysisOf = (taskId: string, seconds = 3, problem = 'a piece is missing'): SeparationAnalysis => ({
  ...{ version: 1, task_id: taskId, analyzed_at: '2026-01-01T00:00:02.000Z' },
  stems: { vocal: { sha256: 'a'.repeat(64), audio: { duration_seconds: seconds }, problem } },
})

const openSeparation = (taskId: string): Separation => ({
  ...{ taskId, type: 'unknown', code: 200, msg: '', receivedAt: '2026-01-01T00:00:00.000Z', stems: [] },
})

/** Writes a stem and publishes it; returns what `publish` said. */
export const publish = async (store: StemStore, taskId: string, stem: string, text: string, extension = 'mp3') => {
  const part = await store.createPart(taskId, stem)
  await part.write(Readable.from([Buffer.from(text)]), 0)
  return { part, file: await part.publish(extension) }
}

const contentOf = async (store: StemStore, taskId: string, file: string) => {
  const opened = await store.open(taskId, file)
  return opened && (await buffer(opened.stream())).toString()
}

/**
 * What every store must do.
 *
 * @param open opens a store that is empty
 */
export const testStemStore = (name: string, open: () => Promise<StemStore>): void => {
  describe(`a ${name} store`, () => {
    test('has neither stem nor manifest for a task it has never heard of', async () => {
      const store = await open()
      expect(await store.find('task-1', 'vocal')).toBeUndefined()
      expect(await store.readManifest('task-1')).toBeUndefined()
      expect(await store.open('task-1', 'vocal.mp3')).toBeUndefined()
    })

    test('shows a stem under its name once it is published, with the sha256 of its bytes', async () => {
      const store = await open()
      const { file } = await publish(store, 'task-1', 'vocal', 'some bytes')

      expect(file).toBe('vocal.mp3')
      expect(await store.find('task-1', 'vocal')).toEqual({
        file: 'vocal.mp3',
        bytes: 10,
        sha256: createHash('sha256').update('some bytes').digest('hex'),
        contentType: 'audio/mpeg',
        savedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      })
      expect(await store.open('task-1', 'vocal.mp3')).toMatchObject({ bytes: 10, contentType: 'audio/mpeg' })
      expect(await contentOf(store, 'task-1', 'vocal.mp3')).toBe('some bytes')
    })

    test('reads a range of a file, and calls the file by another version when its bytes are others', async () => {
      const store = await open()
      await publish(store, 'task-1', 'vocal', 'some bytes')
      const opened = await store.open('task-1', 'vocal.mp3')
      const read = async (first: number, last: number) => opened && `${await buffer(opened.stream({ first, last }))}`
      expect([await read(0, 0), await read(5, 9), await read(2, 5)]).toEqual(['s', 'bytes', 'me b'])

      expect((await store.open('task-1', 'vocal.mp3'))?.version).toBe(opened?.version)
      await store.remove('task-1', 'vocal.mp3')
      await publish(store, 'task-1', 'vocal', 'more bytes')
      expect((await store.open('task-1', 'vocal.mp3'))?.version).not.toBe(opened?.version)
    })

    test('does not show a part, whole or not, before it is published', async () => {
      const store = await open()
      const part = await store.createPart('task-1', 'vocal')
      await part.write(Readable.from([Buffer.from('whole')]), 0)

      expect(await store.find('task-1', 'vocal')).toBeUndefined()
      expect(await store.open('task-1', 'vocal.mp3')).toBeUndefined()
      await part.discard()
    })

    test('has the bytes of a part on the disk when they are written', async () => {
      const part = await (await open()).createPart('task-1', 'vocal')
      const synced: number[] = []
      const sync = await standInForSync()
      sync.mockImplementation(async function (this: FileHandle) {
        synced.push((await this.stat()).size)
      })
      await part.write(Readable.from([Buffer.from('wh'), Buffer.from('ole')]), 0)
      expect(synced).toContain(5)
      await part.discard()
    })

    test('lets the first of two writers win and tells the second', async () => {
      const store = await open()
      const [one, other] = await Promise.all([store.createPart('task-1', 'vocal'), store.createPart('task-1', 'vocal')])
      await one.write(Readable.from([Buffer.from('first')]), 0)
      await other.write(Readable.from([Buffer.from('second')]), 0)

      expect(await one.publish('mp3')).toBe('vocal.mp3')
      expect(await other.publish('mp3')).toBeUndefined()
      expect(await contentOf(store, 'task-1', 'vocal.mp3')).toBe('first')
    })

    test('lets one of many writers at once win', async () => {
      const store = await open()
      const texts = Array.from({ length: 20 }, (_, n) => `writer ${n}`)
      const published = await Promise.all(texts.map((text) => publish(store, 'task-1', 'vocal', text)))

      const winners = texts.filter((_, n) => published[n]?.file !== undefined)
      expect(winners).toHaveLength(1)
      expect(await contentOf(store, 'task-1', 'vocal.mp3')).toBe(winners[0])
    })

    test('forgets a part that is discarded, twice too', async () => {
      const store = await open()
      const part = await store.createPart('task-1', 'vocal')
      await part.write(Readable.from([Buffer.from('half')]), 0)
      await part.discard()
      await part.discard()
      expect(await store.find('task-1', 'vocal')).toBeUndefined()
    })

    test('keeps what is published when its part is discarded afterwards', async () => {
      const store = await open()
      const { part } = await publish(store, 'task-1', 'vocal', 'kept')
      await part.discard()
      expect(await contentOf(store, 'task-1', 'vocal.mp3')).toBe('kept')
    })

    test('tells stems apart whose names begin alike, and tasks too', async () => {
      const store = await open()
      await publish(store, 'task-1', 'lead_vocal_removed', 'removed')
      await publish(store, 'task-11', 'lead_vocal', 'another task')
      expect(await store.find('task-1', 'lead_vocal')).toBeUndefined()
      expect(await store.find('task-1', 'vocal')).toBeUndefined()
      expect(await store.find('task-1', 'lead_vocal_removed')).toMatchObject({ file: 'lead_vocal_removed.mp3' })
    })

    test('finds a stem whatever its extension is', async () => {
      const store = await open()
      await publish(store, 'task-1', 'vocal', 'riff', 'wav')
      expect(await store.find('task-1', 'vocal')).toMatchObject({ file: 'vocal.wav', contentType: 'audio/wav' })
    })

    test('takes a stem away when told so, once and again', async () => {
      const store = await open()
      await publish(store, 'task-1', 'vocal', 'damaged')
      await store.remove('task-1', 'vocal.mp3')
      await store.remove('task-1', 'vocal.mp3')
      expect(await store.find('task-1', 'vocal')).toBeUndefined()
      expect((await publish(store, 'task-1', 'vocal', 'mended')).file).toBe('vocal.mp3')
    })

    test('gives back the manifest that was written last', async () => {
      const store = await open()
      await store.writeManifest(manifestOf('task-1', 'first'))
      await store.writeManifest(manifestOf('task-1', 'second'))
      expect(await store.readManifest('task-1')).toEqual(manifestOf('task-1', 'second'))
      expect(await store.readManifest('task-2')).toBeUndefined()
    })

    test('keeps the peaks of a stem beside it, the last ones, and never takes them for a stem', async () => {
      const store = await open()
      await publish(store, 'task-1', 'vocal', 'some bytes')
      await store.writeManifest(manifestOf('task-1'))
      expect(await store.readPeaks('task-1', 'vocal')).toBeUndefined()
      await store.writePeaks('task-1', 'vocal', peaksOf('a'.repeat(64)))
      await store.writePeaks('task-1', 'vocal', peaksOf('b'.repeat(64)))
      await store.writePeaks('task-1', 'drums', peaksOf('c'.repeat(64)))

      expect(await store.readPeaks('task-1', 'vocal')).toEqual(peaksOf('b'.repeat(64)))
      expect(await store.open('task-1', 'vocal.peaks.json')).toMatchObject({ contentType: 'application/json' })
      expect(JSON.parse((await contentOf(store, 'task-1', 'vocal.peaks.json')) ?? '')).toMatchObject({ version: 2 })
      expect(await store.find('task-1', 'vocal')).toMatchObject({ file: 'vocal.mp3' })
      expect(await store.find('task-1', 'drums')).toBeUndefined()
      await expect(async () => store.remove('task-1', 'vocal.peaks.json')).rejects.toThrow()
      await expect(async () => store.writePeaks('task-1', '../x', peaksOf('a'.repeat(64)))).rejects.toThrow()
      expect(await store.open('task-1', '..peaks.json')).toBeUndefined()
    })

    test('removes the peaks of a stem together with its bytes', async () => {
      const store = await open()
      await store.writeManifest(manifestOf('task-1'))
      for (const stem of ['vocal', 'drums']) {
        await publish(store, 'task-1', stem, 'damaged')
        await store.writePeaks('task-1', stem, peaksOf('a'.repeat(64)))
      }
      await store.remove('task-1', 'vocal.mp3')
      expect(await store.readPeaks('task-1', 'vocal')).toBeUndefined()
      expect(await store.readPeaks('task-1', 'drums')).toBeDefined()
    })

    test('removes peaks and analysis together with the separation, and writes none for one that is removed', async () => {
      const store = await open()
      const write = async () => {
        await store.writePeaks('task-1', 'vocal', peaksOf('a'.repeat(64)))
        await store.writeAnalysis('task-1', analysisOf('task-1'))
      }
      const areGone = async () => {
        expect(await store.readPeaks('task-1', 'vocal')).toBeUndefined()
        expect(await store.readAnalysis('task-1')).toBeUndefined()
        expect(await store.open('task-1', 'vocal.peaks.json')).toBeUndefined()
        expect(await store.open('task-1', 'analysis.json')).toBeUndefined()
      }
      await publish(store, 'task-1', 'vocal', 'some bytes')
      await write() // without a manifest
      await areGone()
      await store.writeManifest(manifestOf('task-1'))
      await write()
      expect(await store.readAnalysis('task-1')).toBeDefined()
      await store.removeSeparation('task-1')
      await areGone()
      await write()
      await areGone()
    })

    test('keeps the analysis of a separation, the last one, and never takes it for a stem', async () => {
      const store = await open()
      await store.writeManifest(manifestOf('task-1'))
      expect(await store.readAnalysis('task-1')).toBeUndefined()
      await store.writeAnalysis('task-1', analysisOf('task-1', 3))
      await store.writeAnalysis('task-1', analysisOf('task-1', 5))

      expect(await store.readAnalysis('task-1')).toEqual(analysisOf('task-1', 5))
      expect(await store.open('task-1', 'analysis.json')).toMatchObject({ contentType: 'application/json' })
      expect(JSON.parse((await contentOf(store, 'task-1', 'analysis.json')) ?? '')).toEqual(analysisOf('task-1', 5))
      expect(await store.find('task-1', 'analysis')).toBeUndefined()
      await expect(async () => store.remove('task-1', 'analysis.json')).rejects.toThrow()
      await expect(publish(store, 'task-1', 'analysis', '{}', 'json')).rejects.toThrow()
      await expect(async () => store.writeAnalysis('../x', analysisOf('../x'))).rejects.toThrow()

      expect((await publish(store, 'task-1', 'analysis', 'a song')).file).toBe('analysis.mp3')
      await store.writePeaks('task-1', 'analysis', peaksOf('a'.repeat(64)))
      await store.remove('task-1', 'analysis.mp3')
      expect(await store.readAnalysis('task-1')).toEqual(analysisOf('task-1', 5))
    })

    test('keeps the analysis of a separation whose manifest is written again', async () => {
      const store = await open()
      await store.writeManifest(manifestOf('task-1', 'first'))
      await store.writeAnalysis('task-1', analysisOf('task-1'))
      await store.writeManifest(manifestOf('task-1', 'second'))
      expect(await store.readAnalysis('task-1')).toEqual(analysisOf('task-1'))
    })

    test('never shows an analysis that is half of one and half of another', async () => {
      const store = await open()
      await store.writeManifest(manifestOf('task-1'))
      await store.writeAnalysis('task-1', analysisOf('task-1'))
      const [short, long] = [analysisOf('task-1'), analysisOf('task-1', 5, 'x'.repeat(100_000))]
      const writes = Array.from({ length: 30 }, (_, n) => store.writeAnalysis('task-1', n % 2 ? long : short))
      const reads = Array.from({ length: 100 }, () => store.readAnalysis('task-1'))

      await Promise.all(writes)
      for (const analysis of await Promise.all(reads)) expect([short, long]).toContainEqual(analysis)
    })

    test('never shows a manifest that is half of one and half of another', async () => {
      const store = await open()
      const long = manifestOf('task-1', 'x'.repeat(100_000))
      await store.writeManifest(long)
      const writes = Array.from({ length: 30 }, (_, n) => store.writeManifest(n % 2 ? long : manifestOf('task-1')))
      const reads = Array.from({ length: 100 }, () => store.readManifest('task-1'))

      await Promise.all(writes)
      for (const manifest of await Promise.all(reads)) expect(['done', long.msg]).toContain(manifest?.msg)
    })

    test('does not take the manifest for a stem called manifest', async () => {
      const store = await open()
      await store.writeManifest(manifestOf('task-1'))
      expect(await store.find('task-1', 'manifest')).toBeUndefined()
      expect((await publish(store, 'task-1', 'manifest', 'a song')).file).toBe('manifest.mp3')
      expect(await store.readManifest('task-1')).toEqual(manifestOf('task-1'))
    })

    test('refuses to publish a stem in the place of the manifest', async () => {
      const store = await open()
      await expect(publish(store, 'task-1', 'manifest', '{}', 'json')).rejects.toThrow()
      expect(await store.open('task-1', 'manifest.json')).toBeUndefined()
    })

    test('keeps a note of every open separation until it is closed', async () => {
      const store = await open()
      const [one, other] = [openSeparation('task-1'), openSeparation('task-2')]
      await store.noteOpen(one)
      await store.noteOpen(other)
      await store.noteOpen({ ...one, msg: 'again' })
      expect((await store.listOpen(-60_000)).toSorted((a, b) => (a.taskId < b.taskId ? -1 : 1))).toEqual([
        { ...one, msg: 'again' },
        other,
      ])
      expect(await store.listOpen(3600_000)).toEqual([])

      await store.noteClosed('task-1')
      await store.noteClosed('task-1')
      expect(await store.listOpen(-60_000)).toEqual([other])
      await expect(async () => store.noteOpen(openSeparation('../x'))).rejects.toThrow()
      await expect(async () => store.noteClosed('../x')).rejects.toThrow()
    })

    test('hands what a failed attempt left to the next one, and nothing of another file', async () => {
      const store = await open()
      const failed = await store.createPart('task-1', 'vocal')
      await failed.note(0, 'https://far.example/a.mp3', '"1"')
      await failed.write(Readable.from([Buffer.from('some ')]), 0)
      await failed.leave()

      expect(await (await store.createPart('task-1', 'vocal')).takeOver('https://far.example/b.mp3')).toBeUndefined()
      expect(await (await store.createPart('task-1', 'drums')).takeOver('https://far.example/a.mp3')).toBeUndefined()
      const next = await store.createPart('task-1', 'vocal')
      expect(await next.takeOver('https://far.example/a.mp3')).toEqual({ bytes: 5, validator: '"1"' })
      expect(`${await buffer(next.read(5))}`).toBe('some ')
      await next.write(Readable.from([Buffer.from('bytes')]), 5)
      expect(await next.publish('mp3')).toBe('vocal.mp3')
      expect(await contentOf(store, 'task-1', 'vocal.mp3')).toBe('some bytes')
    })

    test('sweeps parts that nobody has written to for long, and leaves those of today', async () => {
      const store = await open()
      const [old, young] = [await store.createPart('task-1', 'vocal'), await store.createPart('task-1', 'drums')]
      for (const part of [old, young]) await part.write(Readable.from([Buffer.from('bytes')]), 0)
      await utimes(old.path, 0, 0)
      expect(await store.sweepParts(3600_000)).toBe(1)
      expect(await young.publish('mp3')).toBe('drums.mp3')
      await expect(old.publish('mp3')).rejects.toThrow()
    })

    test('sweeps nothing that an attempt has just taken over, however long it has lain there', async () => {
      const store = await open()
      const failed = await store.createPart('task-1', 'vocal')
      await failed.note(0, 'https://far.example/a.mp3', '"1"')
      await failed.write(Readable.from([Buffer.from('some ')]), 0)
      await failed.leave()
      await utimes(failed.path.replace(/part$/, 'left'), 0, 0)
      const next = await store.createPart('task-1', 'vocal')
      expect(await next.takeOver('https://far.example/a.mp3')).toMatchObject({ bytes: 5 })

      expect(await store.sweepParts(3600_000)).toBe(0)

      await next.write(Readable.from([Buffer.from('bytes')]), 5)
      expect(await next.publish('mp3')).toBe('vocal.mp3')
    })

    test('lists what finished long ago, and takes away what it is told to, manifest and all', async () => {
      const store = await open()
      for (const taskId of ['task-1', 'task-11']) {
        await publish(store, taskId, 'vocal', 'some bytes')
        await publish(store, taskId, 'drums', 'more')
        await store.writeManifest(manifestOf(taskId))
      }
      await publish(store, 'task-2', 'vocal', 'not finished')
      const list = async (olderThanMs: number) => {
        const taskIds: string[] = []
        for await (const { taskId } of store.listFinished(olderThanMs)) taskIds.push(taskId)
        return taskIds.sort()
      }
      expect(await list(-60_000)).toEqual(['task-1', 'task-11'])
      expect(await list(3600_000)).toEqual([]) // though the manifest says so, it was written just now

      await store.removeSeparation('task-1')
      await store.removeSeparation('task-1')
      expect(await store.find('task-1', 'vocal')).toBeUndefined()
      expect(await store.open('task-1', 'drums.mp3')).toBeUndefined()
      expect(await store.readManifest('task-1')).toBeUndefined()
      expect(await list(-60_000)).toEqual(['task-11'])
      expect(await store.find('task-11', 'vocal')).toMatchObject({ bytes: 10 })
      expect((await publish(store, 'task-1', 'vocal', 'anew')).file).toBe('vocal.mp3')
      await expect(async () => store.removeSeparation('../task-11')).rejects.toThrow()
    })

    test('tells how much room there is for downloads, before the first of them too', async () => {
      const { free, total } = await (await open()).freeSpace()
      expect(free).toBeGreaterThan(0)
      expect(total).toBeGreaterThanOrEqual(free)
    })

    test('says that it can be written', async () => {
      await expect((await open()).check()).resolves.toBeUndefined()
    })

    test.each(['', '.', '..', '../other', 'a/b', 'a\\b', '/etc', 'a\0', 'x'.repeat(129)])(
      'refuses %j, which is no task id',
      async (taskId) => {
        const store = await open()
        await expect(store.find(taskId, 'vocal')).rejects.toThrow()
        await expect(store.createPart(taskId, 'vocal')).rejects.toThrow()
        await expect(store.readManifest(taskId)).rejects.toThrow()
        await expect(store.writeManifest(manifestOf(taskId))).rejects.toThrow()
        await expect(async () => store.remove(taskId, 'vocal.mp3')).rejects.toThrow()
        expect(await store.open(taskId, 'vocal.mp3')).toBeUndefined()
      },
    )

    test.each(['', '..', '../x', 'a/b', 'Vocal', 'a.b', 'a\0'])('refuses %j, which is no stem name', async (stem) => {
      await expect((await open()).createPart('task-1', stem)).rejects.toThrow()
    })

    test.each(['', '/../../escaped', '../escaped', 'mp3/x', 'MP3', 'm p', 'part.mp3'])(
      'refuses %j, which is no extension',
      async (extension) => {
        const store = await open()
        await expect(publish(store, 'task-1', 'vocal', 'bytes', extension)).rejects.toThrow()
        expect(await store.find('task-1', 'vocal')).toBeUndefined()
      },
    )

    test.each([
      '',
      '.',
      '..',
      '../task-2/vocal.mp3',
      'vocal',
      'vocal.x.mp3',
      '.vocal.mp3',
      'vocal.mp3\0',
      '/etc/hosts',
    ])('neither opens nor removes %j, which is no file name of a stem', async (file) => {
      const store = await open()
      await publish(store, 'task-2', 'vocal', 'another task')
      expect(await store.open('task-1', file)).toBeUndefined()
      await expect(async () => store.remove('task-1', file)).rejects.toThrow()
      expect(await contentOf(store, 'task-2', 'vocal.mp3')).toBe('another task')
    })
  })
}
