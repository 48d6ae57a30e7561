import { createHash } from 'node:crypto'
import { parse } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { stemNameSchema } from '@stems/domain/stem-name'
import { taskIdSchema } from '@stems/domain/task-id'
import { createDocuments } from './documents.ts'
import { sweepParts } from './durable-file.ts'
import { contentTypeOf, isPublishedFileName, isReadableFileName, MANIFEST_FILE, peaksFileName } from './file-name.ts'
import { createFilePart } from './file-part.ts'
import { freeSpace } from './free-space.ts'
import { createS3Check } from './s3-check.ts'
import { createS3Client, type S3Settings } from './s3-client.ts'
import { explainS3, isMissing } from './s3-errors.ts'
import { listObjects } from './s3-listing.ts'
import { createS3OpenNotes } from './s3-open-notes.ts'
import type { S3Place } from './s3-place.ts'
import { createS3Retention } from './s3-retention.ts'
import { streamObject } from './s3-stream.ts'
import { createS3Upload, type S3UploadOptions } from './s3-upload.ts'
import type { StemStore } from './stem-store.ts'
import { explainDisk, guardAll, guardWith } from './store-errors.ts'

// No task id begins with a dot.
const OPEN_FOLDER = '.open/'
const CHECKPOINT = '.checkpoint'

export type S3StoreOptions = S3Place &
  Pick<S3UploadOptions, 'backoffMs'> & {
    settings: S3Settings
    /** Where downloads are written on this machine until they are whole; absolute. */
    partsFolder: string
  }

/**
 * A store in a bucket, for workers on many machines. A download is a file of this machine until it is whole; then it goes up.
 * Nothing else of a store is on a machine.
 */
export const createS3Store = ({ bucket, prefix, settings, partsFolder, ...uploading }: S3StoreOptions): StemStore => {
  const client = createS3Client(settings)
  const place = `s3://${bucket}/${prefix}`
  const explainParts = explainDisk(partsFolder, { what: 'the folder of parts', setting: 'PARTS_DIR' })
  const explainAnswer = explainS3(place, bucket)
  const explain = (error: unknown): unknown => explainAnswer(explainParts(error))
  const guard = guardWith(explain)
  const { upload, withoutConditions } = createS3Upload({ client, bucket, ...uploading })

  // Whatever came before, no id leaves the store's prefix.
  const folderOf = (taskId: string): string => `${prefix}${taskIdSchema.parse(taskId)}/`
  const at = (key: string) => ({ Bucket: bucket, Key: key })

  const head = (key: string): Promise<HeadObjectCommandOutput | undefined> =>
    client.send(new HeadObjectCommand(at(key))).catch(ignoreMissing)

  const find: StemStore['find'] = async (taskId, stem) => {
    const folder = folderOf(taskId)
    if (!stemNameSchema.safeParse(stem).success) return undefined
    for await (const { key } of listObjects(client, bucket, `${folder}${stem}.`)) {
      const file = key.slice(folder.length)
      if (!isPublishedFileName(file) || parse(file).name !== stem) continue
      const found = await head(key)
      if (!found?.ETag) continue // taken away meanwhile
      const [bytes, savedAt] = [found.ContentLength ?? 0, (found.LastModified ?? new Date()).toISOString()]
      const sha256 = recordedSha256(found) ?? (await sha256Of(key, bytes, found.ETag))
      return { file, bytes, sha256, contentType: contentTypeOf(file), savedAt }
    }
    return undefined
  }

  // Somebody else laid it there, or copied it without what we had noted.
  const sha256Of = async (key: string, bytes: number, etag: string): Promise<string> => {
    const hash = createHash('sha256')
    const range = { first: 0, last: bytes - 1 }
    await pipeline(streamObject({ client, bucket, key, etag, range, explain }), hash)
    return hash.digest('hex')
  }

  const createPart: StemStore['createPart'] = (taskId, stem) => {
    const folder = folderOf(taskId)
    stemNameSchema.parse(stem)
    const publishAs = (path: string, file: string) => upload(path, folder + file, contentTypeOf(file))
    return createFilePart({ partsFolder, taskId, stem, guard, publishAs })
  }

  const putJson = async (key: string, Body: string): Promise<void> => {
    const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64')
    await client.send(new PutObjectCommand({ ...at(key), Body, ContentType: 'application/json', ChecksumSHA256 }))
  }

  const readText = async (key: string): Promise<string | undefined> => {
    const found = await client.send(new GetObjectCommand(at(key))).catch(ignoreMissing)
    return found?.Body && (await found.Body.transformToString())
  }

  const putBesideManifest = async (taskId: string, file: string, text: string): Promise<void> => {
    const [manifestKey, key] = [folderOf(taskId) + MANIFEST_FILE, folderOf(taskId) + file]
    if (!(await head(manifestKey))) return
    await putJson(key, text)
    // A removal deletes the manifest first, so this write may have come after everything else was deleted.
    if (!(await head(manifestKey))) await client.send(new DeleteObjectCommand(at(key)))
  }

  const documents = createDocuments({
    read: (taskId, file) => readText(folderOf(taskId) + file),
    write: (taskId, file, text) => putJson(folderOf(taskId) + file, text),
    writeBesideManifest: putBesideManifest,
  })

  const remove: StemStore['remove'] = async (taskId, file) => {
    if (!isPublishedFileName(file)) throw new Error(`${JSON.stringify(file)} is no file name of a stem`)
    await client.send(new DeleteObjectCommand(at(folderOf(taskId) + file)))
    await client.send(new DeleteObjectCommand(at(folderOf(taskId) + peaksFileName(parse(file).name))))
  }

  const open: StemStore['open'] = async (taskId, file) => {
    if (!isReadableFileName(file) || !taskIdSchema.safeParse(taskId).success) return undefined
    const key = folderOf(taskId) + file
    const found = await head(key)
    if (!found?.ETag) return undefined
    const [bytes, etag] = [found.ContentLength ?? 0, found.ETag]
    const all = { first: 0, last: bytes - 1 }
    return {
      bytes,
      contentType: contentTypeOf(file),
      version: createHash('sha256').update(etag).digest('hex').slice(0, 32), // an ETag may hold any character
      stream: (range = all) => streamObject({ client, bucket, key, etag, range, explain }),
    }
  }

  const retention = createS3Retention({ client, bucket, prefix, readManifest: documents.readManifest })

  async function* listFinished(olderThanMs: number) {
    try {
      yield* retention.listFinished(olderThanMs)
    } catch (error) {
      throw explain(error)
    }
  }

  const writeCheckpoint: StemStore['writeCheckpoint'] = async (time) => {
    await client.send(new PutObjectCommand({ ...at(prefix + CHECKPOINT), Body: time }))
  }

  const sweep: StemStore['sweepParts'] = async (olderThanMs) => {
    await retention.finishRemovals(olderThanMs)
    return sweepParts(partsFolder, olderThanMs)
  }

  const operations = {
    ...createS3OpenNotes(client, bucket, prefix + OPEN_FOLDER),
    ...documents,
    ...{ find, createPart, remove, open, sweepParts: sweep, removeSeparation: retention.removeSeparation },
    readCheckpoint: () => readText(prefix + CHECKPOINT),
    writeCheckpoint,
    check: createS3Check({ client, bucket, prefix, withoutConditions }),
    freeSpace: () => freeSpace(partsFolder),
  }
  return { ...guardAll(guard, operations), listFinished }
}

// What `publish` noted when it uploaded the bytes; the server keeps both together.
const recordedSha256 = ({ Metadata }: HeadObjectCommandOutput): string | undefined =>
  /^[0-9a-f]{64}$/.test(Metadata?.sha256 ?? '') ? Metadata?.sha256 : undefined

const ignoreMissing = (error: unknown): undefined => {
  if (!isMissing(error)) throw error
  return undefined
}
