import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'

/** An object as a listing shows it. */
export type ListedObject = { key: string; bytes: number; modifiedAtMs: number }

/** Every object whose key begins so, in the order of the keys; however many, one page of them at a time is in memory. */
export async function* listObjects(client: S3Client, bucket: string, prefix: string): AsyncGenerator<ListedObject> {
  let token: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(token && { ContinuationToken: token }) }),
    )
    for (const { Key, Size = 0, LastModified } of page.Contents ?? []) {
      if (Key) yield { key: Key, bytes: Size, modifiedAtMs: LastModified?.getTime() ?? Date.now() }
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token)
}
