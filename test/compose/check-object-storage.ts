import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Manifest, manifestSchema } from '@stems/domain/manifest'
import { documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import { waitFor } from '../support/wait-for.ts'
import { ownLinks } from './check-journeys.ts'
import type { Checks } from './checks.ts'
import { FILES, type Stage, sha256Of } from './stage.ts'

const WORKERS = 4
const SEPARATIONS = 20
const STEM_BYTES = 1_000_000 // two and a half seconds each
const KILL_EVERY_MS = 3000
const KILLS_OF_EACH = 2
const WITHIN_MS = 180_000

const BUCKET = {
  STORE_URL: 's3://stems/compose',
  AWS_ENDPOINT_URL_S3: 'http://bucket:9000',
  S3_FORCE_PATH_STYLE: 'true',
  // As far-side.yml tells them to the server.
  AWS_ACCESS_KEY_ID: 'stemkeeper',
  AWS_SECRET_ACCESS_KEY: 'a-secret-key-for-tests',
}

type StemReport = Manifest['stems'][string]

/** A store in a bucket of a real S3 server, and workers that have nothing else in common but Redis. */
export const checkObjectStorage = async (stage: Stage, { check, count }: Checks): Promise<void> => {
  const { project, post, board } = stage
  const failedBefore = count.failed

  await check(
    `docker compose up --scale worker=${WORKERS} with STORE_URL=${BUCKET.STORE_URL} comes up healthy`,
    async () => {
      await project.compose('--profile', 'bucket', 'up', '--detach', '--wait', '--no-recreate', 'bucket')
      await project.exec('board', 'node', '--input-type=module', '--eval', MAKE_BUCKET, JSON.stringify(BUCKET))
      const up = ['--profile', 'bucket', 'up', '--detach', '--wait', '--scale', `worker=${WORKERS}`]
      await project.composeWith(BUCKET, ...up)
    },
  )
  if (count.failed > failedBefore) return

  await check(
    `${SEPARATIONS} separations in a bucket, ${WORKERS} workers, each killed ${KILLS_OF_EACH} times meanwhile: all stems are there, byte for byte`,
    async () => {
      const boardUrl = await project.url('board', 3001)
      const read = async (taskId: string, file: string): Promise<Buffer | undefined> => {
        const authorization = `Basic ${btoa(`${board.username}:${board.password}`)}`
        const response = await fetch(`${boardUrl}/files/${taskId}/${file}`, { headers: { authorization } })
        return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined
      }
      const manifestOf = async (taskId: string) => {
        const text = await read(taskId, 'manifest.json')
        return text && manifestSchema.parse(JSON.parse(`${text}`))
      }
      const callbacks = Array.from({ length: SEPARATIONS }, () =>
        ownLinks(documentedPayload('separate-vocal', { files: FILES, taskId: randomUUID() }), {
          bytes: `${STEM_BYTES}`,
        }),
      )
      for (const { status } of await Promise.all(callbacks.map((callback) => post(callback)))) assert.equal(status, 200)

      await killEachInTurn(stage)
      const wait = { withinMs: WITHIN_MS, everyMs: 500 }
      const manifests = await Promise.all(
        callbacks.map(({ data }) => waitFor(`the manifest of ${data.task_id}`, () => manifestOf(data.task_id), wait)),
      )
      for (const [index, callback] of callbacks.entries()) {
        const manifest = manifests[index]
        assert.equal(manifest?.status, 'complete')
        for (const [stem, link] of Object.entries(stemLinks(callback))) {
          const saved: StemReport | undefined = manifest.stems[stem]
          assert.ok(saved?.status === 'saved', stem)
          assert.equal(saved.sha256, sha256Of(link), `${stem}: what the manifest says`)
          const bytes: Buffer | string = (await read(callback.data.task_id, saved.file)) ?? ''
          assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256Of(link), `${stem}: what the bucket has`)
        }
      }
      const local = await project.exec('worker', 'ls', '/app/data/stems')
      for (const { data } of callbacks) assert.ok(!local.includes(data.task_id), 'nothing of it lies on a disk')
    },
  )
}

// `docker kill` counts as somebody's wish, so no restart policy brings the worker back.
const killEachInTurn = async ({ project }: Stage): Promise<void> => {
  const containers = await project.containers('worker')
  for (let turn = 0; turn < KILLS_OF_EACH; turn++) {
    for (const container of containers) {
      await project.docker('kill', container)
      await project.docker('start', container)
      await sleep(KILL_EVERY_MS)
    }
  }
}

const MAKE_BUCKET = `
  import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
  const given = JSON.parse(process.argv[1])
  const client = new S3Client({
    endpoint: given.AWS_ENDPOINT_URL_S3,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: given.AWS_ACCESS_KEY_ID, secretAccessKey: given.AWS_SECRET_ACCESS_KEY },
  })
  await client.send(new CreateBucketCommand({ Bucket: 'stems' }))
`
