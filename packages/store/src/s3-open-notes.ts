import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { type Separation, separationSchema } from '@stems/domain/separation'
import { taskIdSchema } from '@stems/domain/task-id'
import { isMissing } from './s3-errors.ts'
import { listObjects } from './s3-listing.ts'
import { parseJson } from './stored-json.ts'

/**
 * One small object for each separation that is being worked on, so that it can be driven again should Redis forget it.
 *
 * @param prefix of their keys
 */
export const createS3OpenNotes = (client: S3Client, bucket: string, prefix: string) => {
  const noteOf = (taskId: string) => ({ Bucket: bucket, Key: `${prefix}${taskIdSchema.parse(taskId)}.json` })

  const readNote = async (key: string): Promise<Separation | undefined> => {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
      return parseJson(separationSchema, await Body?.transformToString())
    } catch (error) {
      if (isMissing(error)) return undefined // taken away meanwhile: then there is nothing to go by
      throw error
    }
  }

  return {
    noteOpen: async (separation: Separation): Promise<void> => {
      const Body = JSON.stringify(separation)
      await client.send(new PutObjectCommand({ ...noteOf(separation.taskId), Body, ContentType: 'application/json' }))
    },
    noteClosed: async (taskId: string): Promise<void> => {
      await client.send(new DeleteObjectCommand(noteOf(taskId)))
    },
    listOpen: async (olderThanMs: number): Promise<Separation[]> => {
      const notes: Separation[] = []
      for await (const { key, modifiedAtMs } of listObjects(client, bucket, prefix)) {
        if (Date.now() - modifiedAtMs < olderThanMs) continue
        const note = await readNote(key)
        if (note) notes.push(note)
      }
      return notes
    },
  }
}
