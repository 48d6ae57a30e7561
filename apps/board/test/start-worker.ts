import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { StemError } from '@stems/domain/errors'
import { buildManifest } from '@stems/domain/manifest'
import type { Separation } from '@stems/domain/separation'
import { connectImpatiently, connectPatiently, disconnect } from '@stems/queue/redis'
import { createSeparationsWorker } from '@stems/queue/separations-worker'
import { createStemsWorker } from '@stems/queue/stems-worker'
import { createSubmitter } from '@stems/queue/submit'
import { createLog } from '@stems/telemetry/log'
import { onTestFinished } from 'vitest'
import type { TestBoard } from './start-board.ts'

export const stemBytes = (stem: string): Buffer => Buffer.alloc(70_000, `bytes of ${stem}`)

/** A separation whose stems have the given links. */
export const separationOf = (taskId: string, stems: Record<string, string | null>, more: Partial<Separation> = {}) => ({
  taskId,
  type: 'split_stem' as const,
  code: 200,
  msg: 'success',
  receivedAt: new Date().toISOString(),
  stems: Object.entries(stems).map(([name, url]) => ({ name, url })),
  ...more,
})

/** The way into the queue. */
export const startSubmitter = (board: TestBoard, redisUrl: string) => {
  const redis = connectImpatiently({ url: redisUrl }, createLog('test', 'silent'))
  const ready = new Promise<void>((resolve) => redis.once('ready', resolve))
  const submitter = createSubmitter({ redis, prefix: board.prefix, deadlineMs: 5000 })
  onTestFinished(async () => {
    disconnect(redis)
  })
  return async (separation: Separation) => {
    await ready
    return submitter.submit(separation)
  }
}

/**
 * The real workers over the board's queues and store; only the far side is made up. A link to `gone:<message>` is dead,
 * one to `held:` is never answered before the end of the test, any other brings the stem's bytes.
 *
 * @returns stops them; they end with the test at the latest
 */
export const startWorker = (board: TestBoard, redisUrl: string) => {
  const log = createLog('test', 'silent')
  const redis = connectPatiently({ url: redisUrl }, log)
  const { store, prefix } = board
  const queue = { redis, prefix, log }
  const separations = createSeparationsWorker({
    ...queue,
    attempts: 1,
    begin: store.noteOpen,
    finish: async (separation, outcomes) => {
      const manifest = buildManifest(separation, outcomes, new Date().toISOString())
      await store.writeManifest(manifest)
      return manifest.status
    },
  })
  const stems = createStemsWorker({
    ...queue,
    concurrency: 10,
    globalConcurrency: undefined,
    backoffMs: 1,
    save: async ({ taskId, stem, url }, { signal }) => {
      if (url.startsWith('gone:')) throw new StemError('gone', 'never', url.slice('gone:'.length))
      if (url.startsWith('held:')) await new Promise((_, reject) => signal.addEventListener('abort', reject))
      const part = await store.createPart(taskId, stem)
      const bytes = stemBytes(stem)
      await part.write(Readable.from([bytes]), 0)
      const file = (await part.publish('mp3')) ?? `${stem}.mp3`
      return {
        status: 'saved',
        file,
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        content_type: 'audio/mpeg',
        source_url: url,
        saved_at: new Date().toISOString(),
      }
    },
  })
  const stop = async () => {
    await Promise.all([stems.close(0), separations.close()])
    disconnect(redis)
  }
  onTestFinished(stop)
  return stop
}
