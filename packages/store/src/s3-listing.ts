import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3'

/** An object as a listing shows it. */
export type ListedObject = { key: string; modifiedAtMs: number }

/** Every object whose key begins so, in the order of the keys; however many, one page of them at a time is in memory. */
export async function* listObjects(client: S3Client, bucket: string, prefix: string): AsyncGenerator<ListedObject> {
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
    for (const { Key, LastModified } of Contents) {
      if (Key) yield { key: Key, modifiedAtMs: LastModified?.getTime() ?? Date.now() }
    }
  }
}
