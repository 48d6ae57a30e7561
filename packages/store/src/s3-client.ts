import { S3Client } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'

/** How to reach a bucket. What is left out, the AWS SDK finds by its own rules: variables, profile, role of the machine. */
export type S3Settings = {
  endpoint?: string | undefined
  region?: string | undefined
  /** The bucket in the path, as most servers other than Amazon's want it, and not in the host name. */
  forcePathStyle?: boolean | undefined
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined
}

// Nothing may wait for ever on a server that hangs.
const CONNECT_MS = 5000
const IDLE_MS = 20_000
// Far more than DOWNLOAD_CONCURRENCY asks for, so that an upload never waits for a socket that a reader holds.
const MOST_SOCKETS = 256
const ATTEMPTS = 3

const ANY_REGION = 'us-east-1' // what servers other than Amazon's answer to, unless they were told otherwise
const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A client that gives up on what hangs, and writes nothing to the console. */
export const createS3Client = ({ endpoint, region, forcePathStyle, credentials }: S3Settings): S3Client => {
  const regionOrAny = region ?? (endpoint ? ANY_REGION : undefined)
  return new S3Client({
    ...(endpoint && { endpoint }),
    ...(regionOrAny && { region: regionOrAny }),
    ...(credentials && { credentials }),
    forcePathStyle: forcePathStyle ?? false,
    maxAttempts: ATTEMPTS,
    logger: SILENT,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
      httpAgent: { keepAlive: true, maxSockets: MOST_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MOST_SOCKETS },
      logger: SILENT,
    }),
  })
}
