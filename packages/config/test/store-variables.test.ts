import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { readEnvironment } from '../src/environment.ts'
import { storeOptions, storeProblems, storeVariables } from '../src/store-variables.ts'

const read = (env: Record<string, string>) =>
  storeOptions(readEnvironment(z.object(storeVariables), env, storeProblems))

test('what is not set is left to the AWS SDK to find', () => {
  expect(read({ AWS_REGION: '', S3_FORCE_PATH_STYLE: '' })).toEqual({
    s3: { endpoint: undefined, region: undefined, forcePathStyle: false, credentials: undefined },
    partsFolder: './data/parts',
  })
})

test('the endpoint for S3 comes before the one for all of AWS', () => {
  const both = { AWS_ENDPOINT_URL_S3: 'https://s3.example', AWS_ENDPOINT_URL: 'https://aws.example' }
  expect(read(both).s3.endpoint).toBe('https://s3.example')
  expect(read({ AWS_ENDPOINT_URL: both.AWS_ENDPOINT_URL }).s3.endpoint).toBe('https://aws.example')
})

test('the secret key may come from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-config-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'key'), 'hunter2\n')
  const env = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY_FILE: join(folder, 'key'), AWS_SESSION_TOKEN: 'token' }
  expect(read(env).s3.credentials).toEqual({ accessKeyId: 'key', secretAccessKey: 'hunter2', sessionToken: 'token' })
})

test.each([
  [{ AWS_ACCESS_KEY_ID: 'key' }, /AWS_ACCESS_KEY_ID: goes with AWS_SECRET_ACCESS_KEY/],
  [{ AWS_SECRET_ACCESS_KEY: 'hunter2' }, /AWS_ACCESS_KEY_ID: goes with AWS_SECRET_ACCESS_KEY/],
  [{ AWS_ENDPOINT_URL_S3: 'minio:9000' }, /AWS_ENDPOINT_URL_S3: must be a URL/],
  [{ S3_FORCE_PATH_STYLE: 'yes' }, /S3_FORCE_PATH_STYLE: must be true or false/],
])('%j is a problem, told without its value', (env, words) => {
  expect(() => read(env as unknown as Record<string, string>)).toThrow(words)
  expect(() => read(env as unknown as Record<string, string>)).not.toThrow(/hunter2/)
})
