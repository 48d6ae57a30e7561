import { expect, test } from 'vitest'
import { buildManifest, manifestSchema, type StemOutcome } from '../src/manifest.ts'
import type { Separation } from '../src/separation.ts'

const separationOf = (names: string[], change: Partial<Separation> = {}): Separation => ({
  taskId: 'task-1',
  type: 'split_stem',
  code: 200,
  msg: 'done',
  receivedAt: '2026-01-01T00:00:00.000Z',
  stems: names.map((name) => ({ name, url: name.startsWith('empty') ? null : linkOf(name) })),
  ...change,
})
const linkOf = (name: string) => `https://far.side/${name}.mp3`
const outcomesOf = (names: string[]) =>
  new Map(
    names.flatMap((name): [string, StemOutcome][] => {
      if (name.startsWith('saved')) return [[name, saved(name)]]
      return name.startsWith('failed') ? [[name, failed(name)]] : []
    }),
  )
const saved = (name: string): StemOutcome => ({
  status: 'saved',
  file: `${name}.mp3`,
  bytes: 1,
  sha256: 'a'.repeat(64),
  content_type: 'audio/mpeg',
  source_url: linkOf(name),
  saved_at: '2026-01-01T00:00:01.000Z',
})
const failed = (name: string): StemOutcome => ({
  status: 'failed',
  source_url: linkOf(name),
  error: { code: 'gone', message: 'the link is dead' },
})
const FINISHED = '2026-01-01T00:00:02.000Z'

test.each([
  [['saved'], 'complete'],
  [['saved', 'empty'], 'complete'],
  [['saved', 'failed'], 'partial'],
  [['saved', 'failed', 'empty'], 'partial'],
  [['saved', 'without_outcome'], 'partial'],
  [['failed'], 'failed'],
  [['failed', 'empty'], 'failed'],
  [['without_outcome'], 'failed'],
  [['empty'], 'failed'],
  [[], 'failed'],
])('stems %j make a manifest that is %s', (names, status) => {
  const manifest = buildManifest(separationOf(names), outcomesOf(names), FINISHED)
  expect(manifest.status).toBe(status)
  expect(Object.keys(manifest.stems)).toEqual(names)
  expect(manifestSchema.parse(manifest)).toEqual(manifest)
})

test('a manifest holds what the callback said and how each stem ended', () => {
  const names = ['saved', 'failed', 'empty']
  expect(buildManifest(separationOf(names), outcomesOf(names), FINISHED)).toEqual({
    version: 1,
    task_id: 'task-1',
    type: 'split_stem',
    status: 'partial',
    code: 200,
    msg: 'done',
    received_at: '2026-01-01T00:00:00.000Z',
    finished_at: FINISHED,
    stems: { saved: saved('saved'), failed: failed('failed'), empty: { status: 'empty' } },
  })
})

test('a separation that failed at the provider keeps its code and words', () => {
  const manifest = buildManifest(separationOf([], { code: 451, msg: 'fetching failed' }), new Map(), FINISHED)
  expect(manifest).toMatchObject({ status: 'failed', code: 451, msg: 'fetching failed', stems: {} })
})

test('a stem with a link and without an outcome is reported as failed with a word on what to do', () => {
  const { stems } = buildManifest(separationOf(['without_outcome']), new Map(), FINISHED)
  expect(stems.without_outcome).toMatchObject({
    status: 'failed',
    source_url: linkOf('without_outcome'),
    error: { code: 'interrupted', message: expect.stringContaining('Replay') },
  })
})

test('outcomes of stems that the separation does not name are left out', () => {
  const manifest = buildManifest(separationOf(['saved']), outcomesOf(['saved', 'failed']), FINISHED)
  expect(Object.keys(manifest.stems)).toEqual(['saved'])
})

test('a stem with the name of a property that every object has is a stem like others', () => {
  const manifest = buildManifest(separationOf(['constructor']), new Map(), FINISHED)
  const { stems } = JSON.parse(JSON.stringify(manifestSchema.parse(manifest)))
  expect(stems.constructor).toMatchObject({ status: 'failed' })
})

test('what opens a link, or tells who asked, does not stand in the manifest', () => {
  const url = 'https://me:hunter2@cdn.example/a.mp3?Signature=hunter2#hunter2'
  const shown = 'https://cdn.example/a.mp3'
  const stems = ['vocal', 'drums', 'bass'].map((name) => ({ name, url }))
  const saved = { status: 'saved', file: 'vocal.mp3', bytes: 1, sha256: 'a'.repeat(64) } as const
  const when = '2026-01-01T00:00:00.000Z'
  const manifest = buildManifest(
    { taskId: 't', type: 'unknown', code: 200, msg: `see ${url}`, receivedAt: when, stems },
    new Map<string, StemOutcome>([
      ['vocal', { ...saved, content_type: 'audio/mpeg', source_url: url, saved_at: when }],
      ['drums', { status: 'failed', source_url: url, error: { code: 'gone', message: 'gone' } }],
    ]),
    when,
  )
  expect(JSON.stringify(manifest)).not.toContain('hunter2')
  expect(Object.values(manifest.stems)).toMatchObject([
    { source_url: shown },
    { source_url: shown },
    { source_url: shown },
  ])
  expect(manifest.msg).toBe(`see ${shown}`)
})
