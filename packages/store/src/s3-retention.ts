import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { taskIdSchema } from '@stems/domain/task-id'
import { isReadableFileName, MANIFEST_FILE } from './file-name.ts'
import { finishedOf } from './finished.ts'
import { listObjects } from './s3-listing.ts'
import type { FinishedSeparation, StemStore } from './stem-store.ts'

// No task id begins with a dot.
const LEAVING_FOLDER = '.leaving/'

export type S3RetentionOptions = {
  client: S3Client
  bucket: string
  prefix: string
  readManifest: StemStore['readManifest']
}

/**
 * What ends the keeping of separations in a bucket. Objects go one by one, so a note `.leaving/<task_id>` stands while they do:
 * whoever finds it later finishes what was begun.
 */
export const createS3Retention = ({ client, bucket, prefix, readManifest }: S3RetentionOptions) => {
  const drop = (key: string) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
  const noteOf = (taskId: string): string => `${prefix}${LEAVING_FOLDER}${taskIdSchema.parse(taskId)}`
  const filesOf = (taskId: string) => listObjects(client, bucket, `${prefix}${taskIdSchema.parse(taskId)}/`)

  const dropStems = async (taskId: string, olderThanMs = Number.POSITIVE_INFINITY): Promise<void> => {
    for await (const { key, modifiedAtMs } of filesOf(taskId)) {
      const file = key.slice(`${prefix}${taskId}/`.length)
      const isOurs = isReadableFileName(file) && file !== MANIFEST_FILE
      if (isOurs && modifiedAtMs <= olderThanMs) await drop(key)
    }
  }

  // Only the manifest of one that may be old enough is read.
  async function* listFinished(olderThanMs: number): AsyncGenerator<FinishedSeparation> {
    const until = Date.now() - olderThanMs
    for await (const { key, modifiedAtMs } of listObjects(client, bucket, prefix)) {
      const [taskId = '', file, ...rest] = key.slice(prefix.length).split('/')
      if (file !== MANIFEST_FILE || rest.length > 0 || modifiedAtMs > until) continue
      if (!taskIdSchema.safeParse(taskId).success) continue
      const manifest = await readManifest(taskId)
      if (manifest && Date.parse(manifest.finished_at) <= until) yield finishedOf(manifest)
    }
  }

  return {
    listFinished,
    removeSeparation: async (taskId: string): Promise<void> => {
      const note = noteOf(taskId)
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: note, Body: '' }))
      await drop(`${prefix}${taskId}/${MANIFEST_FILE}`)
      await dropStems(taskId)
      await drop(note)
    },
    /** Finishes removals that were cut short so long ago or longer. What has been saved anew since then stays. */
    finishRemovals: async (olderThanMs: number): Promise<void> => {
      for await (const { key, modifiedAtMs } of listObjects(client, bucket, prefix + LEAVING_FOLDER)) {
        if (Date.now() - modifiedAtMs < olderThanMs) continue
        const taskId = key.slice(`${prefix}${LEAVING_FOLDER}`.length)
        // With a manifest it was never begun in earnest, or the task was driven again.
        if (taskIdSchema.safeParse(taskId).success && !(await readManifest(taskId)))
          await dropStems(taskId, modifiedAtMs)
        await drop(key)
      }
    },
  }
}
