import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { isStoreUrl, openStore, storeFolder } from '../src/open-store.ts'
import { readS3Place } from '../src/s3-place.ts'

test.each([
  ['file:./data/stems', resolve('data/stems')],
  ['file:data', resolve('data')],
  ['file:/srv/stems', '/srv/stems'],
  ['file:///srv/stems', '/srv/stems'],
  ['file:./My%20Stems', resolve('My Stems')],
  ['file:./My Stems', resolve('My Stems')],
])('%s is the directory %s', (url, folder) => {
  expect(isStoreUrl(url)).toBe(true)
  expect(storeFolder(url)).toBe(folder)
})

test.each(['', 'file:', './data', '/srv/stems', 'http://host/stems', 'FILE', 'file'])('%j names no store', (url) => {
  expect(isStoreUrl(url)).toBe(false)
})

test.each(['file:./100%', 'file:./%zz', 'file:./%ff'])(
  'a configuration that accepts %s can open it, for a crash at start tells nobody what to change',
  async (url) => {
    expect(!isStoreUrl(url) || (await openStore(url))).toBeTruthy()
  },
)

test.each([
  ['s3://bucket', { bucket: 'bucket', prefix: '' }],
  ['s3://bucket/', { bucket: 'bucket', prefix: '' }],
  ['s3://bucket/stems', { bucket: 'bucket', prefix: 'stems/' }],
  ['s3://my.bucket-1/a/b c/', { bucket: 'my.bucket-1', prefix: 'a/b c/' }],
])('%s is a place in a bucket', (url, place) => {
  expect(isStoreUrl(url)).toBe(true)
  expect(readS3Place(url)).toEqual(place)
})

test.each([
  ...['s3:bucket', 's3://', 's3://b', 's3://key:secret@bucket/stems', 's3://bucket//stems', 's3://bucket/../other'],
  ...['s3://bucket/a/./b', 's3://bucket/stems?x=1', 's3://bucket/stems#x', 's3://bucket/a\nb', 'S3://bucket'],
])('%j names no place in a bucket', (url) => {
  expect(isStoreUrl(url)).toBe(false)
})
