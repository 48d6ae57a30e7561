import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3'
import { taskIdSchema } from '@stems/domain/task-id'
import { isPublishedFileName } from './file-name.ts'
import { isNotImplemented } from './s3-errors.ts'

/**
 * Aborts uploads that were begun so long ago, or longer, and never completed: a worker that was killed left them, and their
 * parts cost money though nobody sees them.
 *
 * @param prefix of their keys; uploads of anything but a stem are somebody else's, and left alone
 * @returns how many
 */
export const abortAbandoned = async (
  client: S3Client,
  bucket: string,
  prefix: string,
  olderThanMs: number,
): Promise<number> => {
  let aborted = 0
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
  while (marker) {
    const page: Awaited<ReturnType<typeof listUploads>> = await listUploads(client, bucket, prefix, marker)
    for (const { Key, UploadId, Initiated } of page?.Uploads ?? []) {
      if (!Key || !UploadId || !Initiated || !isOfStem(Key, prefix)) continue
      if (Date.now() - Initiated.getTime() < olderThanMs) continue
      const isGone = await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId })).then(
        () => true,
        (error: Error) => {
          if (error.name === 'NoSuchUpload') return false // another worker was quicker
          throw error
        },
      )
      if (isGone) aborted++
    }
    marker = page?.IsTruncated
      ? { KeyMarker: page.NextKeyMarker ?? '', UploadIdMarker: page.NextUploadIdMarker ?? '' }
      : undefined
  }
  return aborted
}

const listUploads = (
  client: S3Client,
  bucket: string,
  prefix: string,
  marker: { KeyMarker?: string; UploadIdMarker?: string },
) =>
  client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...marker })).catch((error) => {
    if (isNotImplemented(error)) return undefined
    throw error
  })

const isOfStem = (key: string, prefix: string): boolean => {
  const [taskId, file = '', ...rest] = key.slice(prefix.length).split('/')
  const isOurs = key.startsWith(prefix) && rest.length === 0
  return isOurs && taskIdSchema.safeParse(taskId).success && isPublishedFileName(file)
}
