import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const sources = globSync('{apps,packages}/*/src/**/*.ts', { cwd: ROOT }).map((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return { path, room: path.split('/').slice(0, 2).join('/'), code: withoutComments(text), imports: importsOf(text) }
})
const imports = sources.flatMap(({ path, room, imports }) => imports.map((to) => ({ path, room, to })))

/** What a source imports: static, for its side effects, re-exported, or by `import()` and `require()`. */
function importsOf(text: string): string[] {
  const statements = /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]/gm
  const calls = /\b(?:import|require|resolve)\(\s*['"`]([^'"`]+)['"`]/g
  const code = withoutComments(text)
  return [...code.matchAll(statements), ...code.matchAll(calls)].map(([, from, bare]) => from ?? bare ?? '')
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$| \/\/ .*$/gm, '')
}

const roomOf = (to: string) => (to.startsWith('@stems/') ? `packages/${to.split('/')[1]}` : undefined)
const isPackage = (to: string, ...names: string[]) => names.some((name) => to === name || to.startsWith(`${name}/`))
const breaches = (breaks: (statement: { path: string; room: string; to: string }) => boolean) =>
  imports.filter(breaks).map(({ path, to }) => `${path} imports ${to}`)
const filesThatImport = (...names: string[]) =>
  [...new Set(imports.filter(({ to }) => isPackage(to, ...names)).map(({ path }) => path))].sort()

test('every way to import is seen', () => {
  const text = `import a from 'a'\nimport {\n  b,\n} from "b"\nimport 'c'\nimport type { D } from 'd'
export * from 'e'\nexport { f } from 'f'\nconst g = await import('g')\n// import h from 'h'\n/** from 'i' */`
  expect(importsOf(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
})

test('every room is looked at', () => {
  const rooms = globSync('{apps,packages}/*/package.json', { cwd: ROOT }).map(dirname).sort()
  expect([...new Set(sources.map(({ room }) => room))].sort()).toEqual(rooms)
})

test('apps import packages and never each other', () => {
  const apps = globSync('apps/*/package.json', { cwd: ROOT }).map(
    (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8')).name,
  )
  expect(apps).toContain('@stems/ingress')
  expect(breaches(({ to }) => isPackage(to, ...apps))).toEqual([])
})

test('packages import domain and nothing else of ours', () => {
  const isNeighbour = (room: string, to: string) => ![undefined, 'packages/domain', room].includes(roomOf(to))
  expect(breaches(({ room, to }) => room.startsWith('packages/') && isNeighbour(room, to))).toEqual([])
})

test('domain imports zod and node:crypto', () => {
  const allowed = (to: string) => to.startsWith('./') || to === 'zod' || to === 'node:crypto'
  expect(breaches(({ room, to }) => room === 'packages/domain' && !allowed(to))).toEqual([])
})

test('relative imports end in .ts, exist, and stay in their room', () => {
  // Which version this is: all rooms have one, that of the project.
  const isVersion = (path: string, to: string) => path.endsWith('/src/main.ts') && to === '../../../package.json'
  const isWrong = ({ path, room, to }: { path: string; room: string; to: string }) => {
    if (isVersion(path, to)) return false
    const target = join(ROOT, dirname(path), to)
    return !to.endsWith('.ts') || !existsSync(target) || relative(join(ROOT, room, 'src'), target).startsWith('..')
  }
  expect(breaches((statement) => statement.to.startsWith('.') && isWrong(statement))).toEqual([])
})

test('what is ours is imported file by file', () => {
  const isWhole = (to: string) =>
    roomOf(to) !== undefined &&
    !existsSync(join(ROOT, roomOf(to) ?? '', 'src', `${to.split('/').slice(2).join('/')}.ts`))
  expect(breaches(({ to }) => isWhole(to))).toEqual([])
  expect(sources.map(({ path }) => path).filter((path) => /\/index\.ts$|\/utils?(\.ts|\/)/.test(path))).toEqual([])
})

test('every package that a room imports is a dependency of that room', () => {
  const dependenciesOf = (room: string) =>
    Object.keys(JSON.parse(readFileSync(join(ROOT, room, 'package.json'), 'utf8')).dependencies ?? {})
  const isForeign = (to: string) => !to.startsWith('.') && !to.startsWith('node:')
  expect(breaches(({ room, to }) => isForeign(to) && !isPackage(to, ...dependenciesOf(room)))).toEqual([])
})

test('only the queue knows BullMQ and ioredis', () => {
  expect(filesThatImport('bullmq', 'ioredis').length).toBeGreaterThan(0)
  expect(breaches(({ room, to }) => room !== 'packages/queue' && isPackage(to, 'bullmq', 'ioredis'))).toEqual([])
})

test('only the store knows the AWS SDK', () => {
  const isSdk = (name: string) => /^@(aws-sdk|smithy)\//.test(name)
  expect(breaches(({ room, to }) => room !== 'packages/store' && isSdk(to))).toEqual([])
})

test('only those who must touch the disk do', () => {
  expect(filesThatImport('node:fs', 'fs')).toEqual([
    'apps/board/src/assets-route.ts', // stylesheet and scripts, read once at start
    'packages/config/src/environment.ts', // NAME_FILE
    'packages/store/src/boot-id.ts',
    'packages/store/src/durable-file.ts',
    'packages/store/src/file-part.ts',
    'packages/store/src/file-retention.ts',
    'packages/store/src/file-store.ts',
    'packages/store/src/free-space.ts',
    'packages/store/src/missing.ts',
    'packages/store/src/open-notes.ts',
    'packages/store/src/s3-upload.ts',
    'packages/store/src/spool.ts',
    'packages/store/src/task-folders.ts',
  ])
})

const CLIENTS = ['got', 'undici', 'request-filtering-agent', 'axios', 'ws', 'node-fetch', 'ky', 'superagent']
const NETWORK = ['http', 'https', 'http2', 'net', 'tls', 'dgram', 'dns'].flatMap((name) => [name, `node:${name}`])
// Taken from the network's modules, and yet nothing leaves by them.
const HARMLESS = [
  ...['STATUS_CODES', 'isIP', 'isIPv4', 'isIPv6', 'BlockList'],
  ...['IncomingMessage', 'ServerResponse', 'Server', 'createServer'], // what comes in
]

/** The ways by which a source could send a request. */
function waysOut(code: string): string[] {
  const harmless = /^\s*import\s+(?:type\b[^'"`;]*|\{([^}]*)\}\s*)from\s*['"][^'"]+['"]/gm
  const rest = code.replaceAll(harmless, (statement, names?: string) => {
    const values = (names ?? '').split(',').map((name) => name.trim())
    return values.every((name) => name === '' || name.startsWith('type ') || HARMLESS.includes(name)) ? '' : statement
  })
  const modules = importsOf(rest).filter((to) => isPackage(to, ...CLIENTS, ...NETWORK))
  const globals = rest.match(
    /(?<![\w.-])fetch(?![\w-])|\bglobalThis\W{1,3}fetch\b|\b(?:WebSocket|EventSource|XMLHttpRequest)\b/g,
  )
  return [...modules, ...(globals ?? [])]
}

test('every way out is seen', () => {
  const text = `import got from 'got'\nimport { request, STATUS_CODES } from 'node:http'\nimport * as net from 'node:net'
import { lookup } from 'dns/promises'\nexport { connect } from "node:tls"\nconst u = await import('undici')
await fetch(url)\nconst send = fetch\nglobalThis.fetch(url)\nnew WebSocket(url)`
  expect(waysOut(text)).toEqual(
    ['got', 'node:http', 'node:net', 'dns/promises', 'node:tls', 'undici'].concat(
      ...[['fetch', 'fetch', 'globalThis.fetch', 'WebSocket']],
    ),
  )
  const harmless = `import type { IncomingMessage } from 'node:http'\nimport { isIP, type Socket } from 'node:net'
import { STATUS_CODES } from 'node:http'\nheaders['sec-fetch-site']\nlibrary.fetch()\nconst fetchStem = 1`
  expect(waysOut(harmless)).toEqual([])
})

test('requests leave from the room outgoing, and from nowhere else', () => {
  const exits = sources.filter(({ room, code }) => room !== 'packages/outgoing' && waysOut(code).length > 0)
  expect(exits.map(({ path, code }) => `${path}: ${waysOut(code)}`)).toEqual([])
  const within = sources.filter(({ code }) => waysOut(code).length > 0)
  expect(within.map(({ path }) => path).sort()).toEqual([
    'packages/outgoing/src/client.ts',
    'packages/outgoing/src/url-guard.ts', // the connector
  ])
})

test('only main.ts reads the environment', () => {
  const readers = sources.filter(({ code }) =>
    /\bprocess\??\.env\b|\{[^}]*\benv\b[^}]*\} = process\b|from 'node:process'/.test(code),
  )
  expect(readers.map(({ path }) => path).sort()).toEqual(
    ['board', 'ingress', 'worker'].map((app) => `apps/${app}/src/main.ts`),
  )
})
