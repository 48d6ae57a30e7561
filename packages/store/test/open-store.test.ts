import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { isStoreUrl, openStore, storeFolder } from '../src/open-store.ts'

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
  (url) => {
    expect(!isStoreUrl(url) || openStore(url)).toBeTruthy()
  },
)
