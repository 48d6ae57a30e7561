import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '@stems/domain/manifest'
import { parseCallback } from '@stems/provider/callback'
import { expect } from 'vitest'
import { putHeartbeats } from './put-heartbeats.ts'
import { startBoard, type TestBoard } from './start-board.ts'
import { separationOf, startSubmitter, startWorker } from './start-worker.ts'

/** What would run, load or show if it were taken for markup. */
export const HOSTILE = [
  '<script>alert("hit")</script>',
  '"><img src=x onerror=alert("hit")>',
  `'><svg onload=alert("hit")>`,
  '</pre></details><iframe srcdoc="<script>alert(`hit`)</script>"></iframe>',
  '<a href="javascript:alert(`hit`)">click</a>',
  'javascript:alert("hit")',
  '<style>*{display:none}</style><base href="//evil.example/"><meta http-equiv=refresh content="0;url=//evil.example/">',
  `{{constructor.constructor("alert('hit')")()}} <%= alert("hit") %>`,
].join(' ')

/** A board over all that strangers can bring there, with markup wherever there is text. */
export const startHostileBoard = async (redisUrl: string) => {
  const board = await startBoard(redisUrl)
  const submit = startSubmitter(board, redisUrl)
  startWorker(board, redisUrl)
  const receivedAt = new Date().toISOString()

  await submit(separationOf('said', { vocal: `gone:${HOSTILE}` }, { code: 400, msg: HOSTILE }))
  const info = { [`${HOSTILE}_url`]: 'ok:stem', vocal_url: `ok:"><script>alert("hit")</script>` }
  await submit(
    parseCallback({ code: 200, msg: HOSTILE, data: { task_id: 'named', vocal_separation_info: info } }, receivedAt),
  )
  await board.quarantine.keep({
    taskId: 'odd',
    reason: HOSTILE,
    receivedAt,
    payload: { [HOSTILE]: [HOSTILE, { [HOSTILE]: HOSTILE }] },
  })

  await putHostileHeartbeats(board)

  const manifestOf = (taskId: string) => board.store.readManifest(taskId)
  await expect.poll(async () => (await manifestOf('said'))?.status, { timeout: 10_000 }).toBe('failed')
  await expect.poll(async () => (await manifestOf('named'))?.status, { timeout: 10_000 }).toBe('complete')
  const written = (await manifestOf('said')) as Manifest
  await board.store.writeManifest({ ...written, stems: { ...written.stems, [HOSTILE]: { status: 'empty' } } })

  await mkdir(join(board.root, 'sound'))
  const sound = join(import.meta.dirname, '../../../test/stand-in/audio/vocal.mp3')
  await copyFile(sound, join(board.root, 'sound', 'vocal.mp3'))
  return board
}

// Host names, versions and what a provider or a far side has said come from elsewhere too.
const putHostileHeartbeats = async (board: TestBoard): Promise<void> => {
  const now = new Date().toISOString()
  const about = { host: HOSTILE, pid: 1, version: HOSTILE, started_at: now, at: now }
  const stem = { task_id: HOSTILE, stem: HOSTILE, bytes: 1, total: null, since: now }
  const worker = {
    ...about,
    ...{ app: 'worker', id: 'w', leaving: true, concurrency: 8 },
    ...{ stems_running: 1, stems: [stem], separations_running: 1, separations: [HOSTILE] },
    troubles: [{ kind: 'provider', message: HOSTILE }],
  }
  const ingress = {
    ...about,
    ...{ app: 'ingress', id: 'i', spool: { callbacks: 1, bytes: 1, max_bytes: 1, oldest_seconds: 1 } },
  }
  await putHeartbeats(board, worker, ingress)
}
