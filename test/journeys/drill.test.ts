import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '@stems/domain/manifest'
import { expect, onTestFinished, test } from 'vitest'
import { drawUpAccount, type Finding } from '../../scripts/drill/account.ts'
import { createDice } from '../../scripts/drill/dice.ts'
import { fileAt, truthOf } from '../../scripts/drill/moods.ts'
import { planCallbacks } from '../../scripts/drill/plan-callbacks.ts'
import { planFaults } from '../../scripts/drill/plan-faults.ts'
import { isClean, report } from '../../scripts/drill/report.ts'
import type { PromisedTask } from '../../scripts/drill/sender.ts'

const DRUMS = 'http://127.0.0.1:1/cut-429/1f_Drums.mp3'
const BASS = 'http://127.0.0.1:1/gone/2a_Bass.mp3'
const BASS_ALIVE = 'http://127.0.0.1:1/well/2b_Bass.mp3'
const VOCAL = 'http://127.0.0.1:1/html/3c_Vocals.mp3'

const promised: PromisedTask = {
  taskId: 'task',
  isStrange: false,
  callbacks: [
    {
      stems: [
        { name: 'drums', link: DRUMS },
        { name: 'bass', link: BASS },
        { name: 'vocal', link: VOCAL },
        { name: 'fx', link: null },
      ],
    },
  ],
}

const saved = (link: string, file: string, change: object = {}) => {
  const body = fileAt(link)
  return {
    status: 'saved',
    file,
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    content_type: 'audio/mpeg',
    source_url: link,
    saved_at: '2026-01-01T00:00:00.000Z',
    ...change,
  } as Manifest['stems'][string]
}

const failed = (link: string, code: string, message = 'in words'): Manifest['stems'][string] => ({
  status: 'failed',
  source_url: link,
  error: { code, message },
})

const right = (): Manifest => ({
  version: 1,
  task_id: 'task',
  type: 'split_stem',
  status: 'partial',
  code: 200,
  msg: 'ok',
  received_at: '2026-01-01T00:00:00.000Z',
  finished_at: '2026-01-01T00:00:01.000Z',
  stems: {
    drums: saved(DRUMS, 'drums.mp3'),
    bass: failed(BASS, 'gone'),
    vocal: failed(VOCAL, 'not_audio'),
    fx: { status: 'empty' },
  },
})

type Stored = { manifest?: Manifest | string; files?: Record<string, Buffer>; taskId?: string }

/** A store with one task, as it should be unless told otherwise. */
const storeWith = async ({ manifest = right(), files = { 'drums.mp3': fileAt(DRUMS) }, taskId = 'task' }: Stored) => {
  const store = await mkdtemp(join(tmpdir(), 'stemkeeper-account-'))
  onTestFinished(() => rm(store, { recursive: true, force: true }))
  const folder = join(store, taskId)
  await mkdir(folder)
  for (const [name, body] of Object.entries(files)) await writeFile(join(folder, name), body)
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest)
  if (text !== '') await writeFile(join(folder, 'manifest.json'), text)
  return store
}

const accountOf = async (stored: Stored, tasks = [promised], quarantined: string[] = []) =>
  drawUpAccount({ store: await storeWith(stored), promised: tasks, truthOf, quarantined: new Set(quarantined) })

const withStem = (name: string, stem: Manifest['stems'][string], status: Manifest['status'] = 'partial'): Manifest => ({
  ...right(),
  status,
  stems: { ...right().stems, [name]: stem },
})

const found = (kind: Finding['kind'], stem: string | undefined, what: RegExp) => [
  { kind, taskId: 'task', ...(stem ? { stem } : {}), what: expect.stringMatching(what) },
]

test('the account of a store that is as it should be has no findings', async () => {
  expect(await accountOf({})).toEqual({
    tasks: 1,
    manifests: 1,
    quarantined: 0,
    named: 4,
    saved: 1,
    failed: { gone: 1, not_audio: 1 },
    empty: 1,
    otherLink: 0,
    findings: [],
    strays: [],
    parts: 0,
  })
})

const { drums: _drums, ...withoutDrums } = right().stems
const whole = fileAt(DRUMS)
const turned = Buffer.from(whole).fill(0, 5000, 5001)

test.each<[string, Stored, ReturnType<typeof found>]>([
  ['a manifest is missing', { manifest: '' }, found('lost', undefined, /no manifest; 4 stems/)],
  ['a task is missing', { taskId: 'another', manifest: '', files: {} }, found('lost', undefined, /no manifest/)],
  [
    'a stem is not in the manifest',
    { manifest: { ...right(), status: 'failed', stems: withoutDrums } },
    found('lost', 'drums', /does not name it/),
  ],
  ['a file is missing', { files: {} }, found('lost', 'drums', /is not there/)],
  [
    'a stem is given up that could be had',
    { manifest: withStem('drums', failed(DRUMS, 'unavailable'), 'failed') },
    found('lost', 'drums', /given up \(unavailable/),
  ],
  [
    'a stem is called gone that could be had',
    { manifest: withStem('drums', failed(DRUMS, 'gone'), 'failed') },
    found('lost', 'drums', /was there/),
  ],
  [
    'a stem is given up for no stated reason',
    { manifest: withStem('bass', failed(BASS, 'gone', ' ')) },
    found('lost', 'bass', /not the far side's/),
  ],
  [
    'a stem is given up for another reason than the far side’s',
    { manifest: withStem('bass', failed(BASS, 'store')) },
    found('lost', 'bass', /«store/),
  ],
  [
    'a stem with a link is called empty',
    { manifest: withStem('bass', { status: 'empty' }) },
    found('lost', 'bass', /called empty/),
  ],
  [
    'a file is truncated',
    { files: { 'drums.mp3': whole.subarray(0, 9000) } },
    found('corrupt', 'drums', /9000 bytes\) is not what its manifest says/),
  ],
  ['a byte is wrong', { files: { 'drums.mp3': turned } }, found('corrupt', 'drums', /is not what its manifest says/)],
  [
    'a sha256 is wrong',
    { manifest: withStem('drums', saved(DRUMS, 'drums.mp3', { sha256: '0'.repeat(64) })) },
    found('corrupt', 'drums', /is not what its manifest says/),
  ],
  [
    'a file and its manifest agree on what was never sent',
    {
      manifest: withStem('drums', saved(BASS_ALIVE, 'drums.mp3', { source_url: DRUMS })),
      files: { 'drums.mp3': fileAt(BASS_ALIVE) },
    },
    found('corrupt', 'drums', /is not what was sent/),
  ],
  [
    'an error page is saved',
    {
      manifest: withStem('vocal', saved(VOCAL, 'vocal.mp3')),
      files: { 'drums.mp3': whole, 'vocal.mp3': fileAt(VOCAL) },
    },
    found('corrupt', 'vocal', /never gave/),
  ],
  [
    'a stem comes from a link that nobody gave',
    {
      manifest: withStem('bass', saved(BASS_ALIVE, 'bass.mp3')),
      files: { 'drums.mp3': whole, 'bass.mp3': fileAt(BASS_ALIVE) },
    },
    found('corrupt', 'bass', /no callback gave the link/),
  ],
  [
    'a stem is there that nobody named',
    { manifest: withStem('brass', { status: 'empty' }) },
    found('corrupt', 'brass', /no callback named it/),
  ],
  ['a manifest is cut', { manifest: '{"version":1,' }, found('corrupt', undefined, /cannot be read/)],
  [
    'a manifest is that of another task',
    { manifest: { ...right(), task_id: 'other' } },
    found('corrupt', undefined, /is that of other/),
  ],
  [
    'a manifest says complete and is not',
    { manifest: { ...right(), status: 'complete' } },
    found('corrupt', undefined, /should say partial/),
  ],
])('the account finds out when %s', async (_what, stored, findings) => {
  const account = await accountOf(stored)

  expect(account.findings).toEqual(findings)
  expect(isClean({ account, underWay: undefined })).toBe(false)
})

test('a stem whose dead link was replaced by a living one is lost when it is given up', async () => {
  const fresh = { ...promised, callbacks: [...promised.callbacks, { stems: [{ name: 'bass', link: BASS_ALIVE }] }] }
  const files = { 'drums.mp3': whole, 'bass.mp3': fileAt(BASS_ALIVE) }

  expect((await accountOf({}, [fresh])).findings).toEqual(found('lost', 'bass', /2b_Bass.mp3 was there/))
  expect(
    (await accountOf({ manifest: withStem('bass', saved(BASS_ALIVE, 'bass.mp3')), files }, [fresh])).findings,
  ).toEqual([])
})

test('a stem that is said to come from another of its links is whole, and a figure', async () => {
  const fresh = { ...promised, callbacks: [...promised.callbacks, { stems: [{ name: 'bass', link: BASS_ALIVE }] }] }
  const files = { 'drums.mp3': whole, 'bass.mp3': fileAt(BASS_ALIVE) }
  const manifest = withStem('bass', saved(BASS_ALIVE, 'bass.mp3', { source_url: BASS }))

  expect(await accountOf({ manifest, files }, [fresh])).toMatchObject({ saved: 2, otherLink: 1, findings: [] })
})

test('a payload that nobody could read is lost when the quarantine does not have it', async () => {
  const strange = { taskId: 'strange', isStrange: true, callbacks: [{ stems: [] }] }

  expect(await accountOf({}, [promised, strange], ['strange'])).toMatchObject({ quarantined: 1, findings: [] })
  expect(await accountOf({}, [promised, strange])).toMatchObject({ findings: [{ kind: 'lost', taskId: 'strange' }] })
})

test('a task that nobody was promised may be missing, but must not be wrong', async () => {
  expect(await accountOf({ manifest: '' }, [])).toMatchObject({ findings: [], strays: ['task/drums.mp3'] })
  expect((await accountOf({ files: { 'drums.mp3': turned } }, [])).findings).toEqual(
    found('corrupt', 'drums', /is not what its manifest says/),
  )
})

test('files that no manifest knows and parts that nobody has swept are figures', async () => {
  const files = { 'drums.mp3': whole, 'bass.mp3': whole, 'manifest.json.1.part': whole }

  expect(await accountOf({ files })).toMatchObject({ findings: [], strays: ['task/bass.mp3'], parts: 1 })
})

test('what never comes to rest is no success, though nothing is lost yet', async () => {
  const account = await accountOf({})

  expect(isClean({ account, underWay: undefined })).toBe(true)
  expect(isClean({ account, underWay: 'jobs: stems active 1' })).toBe(false)
})

test('a seed repeats its callbacks and faults, and another one has others', () => {
  const plan = (seed: string) => [
    planCallbacks(createDice(seed), { callbacks: 50, overMs: 10_000, files: 'http://127.0.0.1:1' }),
    planFaults(createDice(seed), { workers: ['w'], ingresses: ['i'], redis: ['r'], disk: undefined }, 60_000),
  ]
  expect(plan('7')).toEqual(plan('7'))
  expect(plan('7')).not.toEqual(plan('8'))
})

test('the report names every finding', async () => {
  const account = await accountOf({ files: {} })
  const text = report({
    seed: '7',
    seconds: 1,
    account,
    sender: { figures: { sent: 1, accepted: 1, notAccepted: 0, repeats: 0, slowestMs: 3 }, answers: { accepted: 1 } },
    faults: { 'kill redis': 2 },
    farSide: { met: new Map([['well', 1]]), sentAgain: 0 },
    restarts: [],
    endsOfItsOwn: [],
    underWay: undefined,
  })
  expect(text).toContain('lost: task/drums: called saved, and drums.mp3 is not there')
  expect(text).toMatch(/lost 1, corrupt 0$/)
})

test('a short drill on the real processes loses nothing and corrupts nothing', { timeout: 170_000 }, async () => {
  const drill = join(import.meta.dirname, '../../scripts/drill.ts')
  const args = [drill, '--callbacks', '20', '--seed', '7', '--minutes', '0.25', '--no-disk']
  const { code, output } = await run(process.execPath, args)

  expect(output).toMatch(/lost 0, corrupt 0$/m)
  expect(output).toMatch(/kill redis [1-9]/)
  expect(code, output).toBe(0)
})

// SIGTERM, which a late drill gets, makes it end all that it started.
const run = (program: string, args: string[]): Promise<{ code: unknown; output: string }> =>
  new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 160_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, output: `${stdout}${stderr}` })
    })
    onTestFinished(() => void child.kill())
  })
