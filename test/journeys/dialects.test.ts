import { expect, test } from 'vitest'
import { documentedPayload } from '../stand-in/payloads.ts'
import { startSystem } from '../support/system.ts'

test('every documented form of a callback ends with its manifest', async () => {
  const { post, provider, finished, sha256 } = await startSystem()
  const files = provider.url

  const separateVocal = documentedPayload('separate-vocal', { taskId: 'separate-vocal', files })
  expect(await post(separateVocal)).toMatchObject({ status: 200, body: { status: 'accepted' } })
  expect(await finished('separate-vocal')).toMatchObject({
    type: 'separate_vocal',
    status: 'complete',
    stems: { vocal: { status: 'saved' }, instrumental: { status: 'saved' }, origin: { status: 'empty' } },
  })

  const failed = documentedPayload('split-stem-failed', { taskId: 'failed' })
  expect(await post(failed)).toMatchObject({ status: 200, body: { status: 'accepted' } })
  expect(await finished('failed')).toMatchObject({
    type: 'unknown',
    status: 'failed',
    code: 500,
    msg: 'Instrument separation failed',
    stems: {},
  })

  const { vocal_separation_info: info, ...data } = documentedPayload('split-stem', { taskId: 'other-key', files }).data
  const otherKey = {
    code: 200,
    msg: 'vocal Removal generated successfully.',
    data: { ...data, vocal_removal_info: info },
  }
  await post(otherKey)
  const manifest = await finished('other-key')
  expect(manifest).toMatchObject({ type: 'split_stem', status: 'complete' })
  expect(Object.values(manifest.stems).filter(({ status }) => status === 'saved')).toHaveLength(12)

  const list = documentedPayload('split-stem-advanced', { taskId: 'list-form', files })
  await post(list)
  const listed = await finished('list-form')
  expect(listed).toMatchObject({
    status: 'complete',
    stems: { lead_vocal: { file: 'lead_vocal.mp3' }, lead_vocal_removed: { file: 'lead_vocal_removed.mp3' } },
  })
  const path = '/r/0b6f3c1e-8a55-4a0c-9a53-1f4bb0f2a001_Lead Vocal.mp3'
  expect(await sha256('list-form', 'lead_vocal.mp3')).toBe(provider.file(path).sha256)
})

test('a stem that this version has never heard of is kept under its own name, and one without a link is reported empty', async () => {
  const { post, provider, finished } = await startSystem()
  const info = {
    vocal_url: `${provider.url}/s/1_Vocals.mp3`,
    theremin_url: `${provider.url}/s/2_Theremin.mp3`,
    piano_url: null,
    fx_url: '',
  }

  await post({ code: 200, msg: 'ok', data: { task_id: 'unknown-stem', vocal_separation_info: info } })

  const { stems } = await finished('unknown-stem')
  expect(stems).toMatchObject({
    vocal: { status: 'saved', file: 'vocal.mp3' },
    theremin: { status: 'saved', file: 'theremin.mp3' },
    piano: { status: 'empty' },
    fx: { status: 'empty' },
  })
})
