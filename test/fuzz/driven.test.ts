import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { Separation } from '@stems/domain/separation'
import { parseCallback, readTaskId } from '@stems/provider/callback'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startSystem } from '../support/system.ts'
import { AT_LENGTH, fuzzInLanes } from './fuzz.ts'
import { faultyPayload, listedPayload } from './payloads.ts'

const LANES = 8

test(
  'every callback that is accepted ends with a manifest of all its stems, and no file lies elsewhere',
  AT_LENGTH,
  async () => {
    const outside = await mkdtemp(join(tmpdir(), 'stemkeeper-fuzz-'))
    onTestFinished(() => rm(outside, { recursive: true, force: true }))
    vi.stubEnv('TMPDIR', join(outside, 'deep')) // so that whoever climbs out of the store or the spool is seen
    onTestFinished(() => void vi.unstubAllEnvs())
    await mkdir(join(outside, 'deep'))
    const system = await startSystem({
      ingress: { QUARANTINE_MAX: '10000', QUARANTINE_MAX_BYTES: '8589934592' },
      worker: { DOWNLOAD_ATTEMPTS: '1', DOWNLOAD_CONCURRENCY: '16' },
    })
    const accepted = new Set<string>()
    let [sent, saved] = [0, 0]
    await fuzzInLanes(
      'HTTP: driven to the end',
      LANES,
      fc.oneof({ weight: 3, arbitrary: faultyPayload }, listedPayload),
      async (made) => {
        const taskId = `task-${sent++}`
        const body = atHome(made, taskId, system.provider.url)
        const answer = await system.post(body)
        expect([200, 400]).toContain(answer.status)
        const said = answer.status === 200 ? readable(body) : undefined
        if (!said) return
        expect(['accepted', 'spooled']).toContain(answer.body.status)
        accepted.add(taskId)
        const manifest = await system.finished(taskId)
        expect(Object.keys(manifest.stems).sort()).toEqual(said.stems.map(({ name }) => name).sort())
        for (const { name, url } of said.stems) {
          const stem = manifest.stems[name]
          expect(stem?.status === 'empty', `${name} has ${url}`).toBe(url === null)
          if (stem?.status === 'failed')
            expect(stem.error).toEqual({ code: expect.stringMatching(/./), message: expect.stringMatching(/./) })
          if (stem?.status === 'saved') saved++
          if (stem?.status === 'saved') expect(await system.sha256(taskId, stem.file)).toBe(stem.sha256)
        }
      },
    )

    expect(saved).toBeGreaterThan(0)
    expect([system.ingress, ...system.workers].map(({ process }) => process.exitCode)).toEqual([null, null])
    for (const app of [system.ingress, ...system.workers]) {
      expect(app.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([])
      expect(
        app
          .output()
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith('{')),
      ).toEqual([])
    }
    const entries = await readdir(outside, { recursive: true, withFileTypes: true })
    for (const entry of entries.filter((each) => !each.isDirectory() && each.name !== '.checkpoint')) {
      const file = relative(system.folder, join(entry.parentPath, entry.name))
      const [taskId = '', name = ''] = file.split('/')
      expect(accepted, file).toContain(taskId)
      expect(name).toMatch(/^(?:manifest\.json|[a-z0-9][a-z0-9_-]{0,95}\.mp3)$/)
    }
  },
)

const readable = (body: unknown): Separation | undefined => {
  try {
    return parseCallback(body, '2026-01-01T00:00:00.000Z')
  } catch {
    return undefined // it is in quarantine
  }
}

/** The same payload, of a task of its own, and with the provider's files at the stand-in. */
const atHome = (made: unknown, taskId: string, files: string): unknown => {
  const body = JSON.parse(JSON.stringify(made).replaceAll(/https?:\/\/(?:file|tempfile)\.aiquickdraw\.com/gi, files))
  try {
    readTaskId(body)
    body.data.task_id = taskId
  } catch {} // it names none, and will be refused
  return body
}
