import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { createS3Client, type S3Settings } from '@stems/store/s3-client'
import { freePort } from '../../scripts/ports.ts'
import { waitFor } from './wait-for.ts'

/** A real S3 server, and a bucket in it. Tests keep apart by their prefixes. */
export type S3Server = {
  settings: S3Settings & { endpoint: string; credentials: { accessKeyId: string; secretAccessKey: string } }
  bucket: string
  /** What the apps are told, besides `STORE_URL`. */
  env: Record<string, string>
  /** Is it the one that `TEST_S3_ENDPOINT` names, of which nothing is known beforehand? */
  isForeign: boolean
  close: () => Promise<void>
}

/**
 * Starts Ceph's gateway (Debian's packages `radosgw ceph-mon ceph-osd`) on a free port; with `TEST_S3_ENDPOINT` the server there
 * is taken, with `TEST_S3_BUCKET`, `TEST_S3_ACCESS_KEY_ID` and `TEST_S3_SECRET_ACCESS_KEY`.
 *
 * @throws when there is none
 */
export const startS3Server = async (): Promise<S3Server> => {
  const { TEST_S3_ENDPOINT } = process.env
  return TEST_S3_ENDPOINT ? foreign(TEST_S3_ENDPOINT) : startCeph()
}

const foreign = (endpoint: string): S3Server => {
  const { TEST_S3_BUCKET, TEST_S3_ACCESS_KEY_ID, TEST_S3_SECRET_ACCESS_KEY, TEST_S3_REGION } = process.env
  const keys = { accessKeyId: TEST_S3_ACCESS_KEY_ID ?? '', secretAccessKey: TEST_S3_SECRET_ACCESS_KEY ?? '' }
  const server = describeServer(endpoint, keys, TEST_S3_BUCKET ?? 'stemkeeper-test', TEST_S3_REGION)
  return { ...server, isForeign: true, close: async () => {} }
}

const startCeph = async (): Promise<S3Server> => {
  const [monitorPort, port] = [await freePort(), await freePort()]
  const keys = { accessKeyId: 'stemkeeper', secretAccessKey: 'a-secret-key-for-tests' }
  const child = spawn(
    'bash',
    [join(import.meta.dirname, 'ceph.sh'), '127.0.0.1', `${monitorPort}`, `${port}`, ...Object.values(keys)],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  )
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => said.push(`${text}`))
  const failed = once(child, 'close').then(() => Promise.reject(new Error(`${MISSING}\n${said.join('')}`)))
  failed.catch(() => {})
  const isReady = () => said.join('').includes('ready\n')
  await Promise.race([failed, waitFor('Ceph’s gateway is ready', isReady, { withinMs: 50_000 })])
  const server = describeServer(`http://127.0.0.1:${port}`, keys, 'stemkeeper-test')
  const client = createS3Client(server.settings)
  await client.send(new CreateBucketCommand({ Bucket: server.bucket }))
  client.destroy()
  return { ...server, isForeign: false, close: () => end(child) }
}

const MISSING =
  'no S3 server for the tests: `apt-get install --no-install-recommends radosgw ceph-mon ceph-osd`, or name one by ' +
  'TEST_S3_ENDPOINT, TEST_S3_BUCKET, TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY.'

const describeServer = (
  endpoint: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
  bucket: string,
  region = 'us-east-1',
) => ({
  settings: { endpoint, region, forcePathStyle: true, credentials },
  bucket,
  env: {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    S3_FORCE_PATH_STYLE: 'true',
  },
})

// It ends with its standard input, so nothing is left of it when these tests are killed either.
const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.stdin?.end()
  await gone
}
