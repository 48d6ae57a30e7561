/** A bucket, and where in it a store lies: `prefix` is empty or ends with a slash. */
export type S3Place = { bucket: string; prefix: string }

/**
 * Reads `s3://bucket/prefix`.
 *
 * @returns `undefined` for what names no place in a bucket
 */
export const readS3Place = (url: string): S3Place | undefined => {
  const [, bucket, path = ''] = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9])(?:\/(.*))?$/.exec(url) ?? []
  if (!bucket) return undefined
  const segments = path.replace(/\/$/, '').split('/')
  if (segments.length === 1 && segments[0] === '') return { bucket, prefix: '' }
  // Names that some clients and servers read as steps in a tree, or not at all.
  const isOdd = segments.some((segment) => !/^[\w!.*'() -]+$/.test(segment) || /^\.+$/.test(segment))
  return isOdd || path.length > 512 ? undefined : { bucket, prefix: `${segments.join('/')}/` }
}
