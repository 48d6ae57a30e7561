import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { type Answer, ask } from './ask.ts'
import { authorizationOf, LOGIN, startBoard, VIEWER } from './start-board.ts'

const redisUrl = inject('redisUrl')
const NO_REDIS = 'redis://127.0.0.1:1'

const authorization = authorizationOf(LOGIN)
const wrong = authorizationOf({ user: 'admin', password: 'a guess' })

const boardWithFiles = async (url = redisUrl) => {
  const board = await startBoard(url, { redisIsAway: url === NO_REDIS })
  const folder = join(board.root, 'task-1')
  await mkdir(folder)
  await writeFile(join(folder, 'vocal.mp3'), 'sound')
  await writeFile(join(folder, 'odd.html'), '<script>alert(1)</script>')
  await writeFile(join(folder, 'odd.svg'), '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
  await writeFile(join(folder, 'manifest.json'), '{"msg":"<script>alert(1)</script>"}')
  await symlink('loop.mp3', join(folder, 'loop.mp3'))
  const get = (path: string, headers = {}, method = 'GET') =>
    ask(board.origin, path, { method, headers: { authorization, ...headers } })
  return { ...board, get }
}

const expectSecured = ({ status, headers }: Answer, name: string) => {
  expect(headers, `${name} ${status}`).toMatchObject({
    'content-security-policy': expect.stringMatching(
      /default-src 'none'.*frame-ancestors 'none'|frame-ancestors 'none'.*default-src 'none'/,
    ),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'permissions-policy': expect.stringContaining('camera=(), '),
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': expect.stringMatching(/^(no-store|private, no-cache)$/),
  })
  expect(headers['x-powered-by']).toBeUndefined()
  expect(headers.server).toBeUndefined()
}

test('every kind of answer carries the security headers', async () => {
  const board = await boardWithFiles()
  const post = (path: string, headers = {}) => board.get(path, headers, 'POST')
  const answers: Record<string, [number, Answer]> = {
    page: [200, await board.get('/')],
    quarantine: [200, await board.get('/quarantine')],
    style: [200, await board.get('/style.css')],
    api: [200, await board.get('/api/separations')],
    file: [200, await board.get('/files/task-1/vocal.mp3')],
    head: [200, await board.get('/files/task-1/vocal.mp3', {}, 'HEAD')],
    manifest: [200, await board.get('/files/task-1/manifest.json')],
    'Bull Board': [200, await board.get('/queues')],
    'its API': [200, await board.get('/queues/api/queues')],
    'its images': [200, await board.get('/queues/static/favicon.ico')],
    alive: [200, await ask(board.origin, '/livez')],
    ready: [200, await ask(board.origin, '/readyz')],
    redirect: [303, await post('/quarantine/release')],
    'bad limit': [400, await board.get('/api/separations?limit=x')],
    'bad address': [400, await board.get('/%')],
    'no login': [401, await ask(board.origin, '/')],
    'no login for a program': [401, await ask(board.origin, '/api/separations')],
    'no login for a bad address': [401, await ask(board.origin, '/%')],
    'no login for Bull Board': [401, await ask(board.origin, '/queues/api/queues')],
    viewer: [403, await post('/quarantine/release', { authorization: authorizationOf(VIEWER) })],
    'another site': [403, await post('/quarantine/release', { 'sec-fetch-site': 'cross-site' })],
    'no page': [404, await board.get('/nothing')],
    'no file': [404, await board.get('/files/task-1/nothing.mp3')],
    'no separation': [404, await board.get('/api/separations/nobody')],
    'nothing of Bull Board': [404, await board.get('/queues/api/nothing')],
    'no image of Bull Board': [404, await board.get('/queues/static/nothing.js')],
    'no content type': [
      415,
      await post('/quarantine/release', { 'content-type': 'text/plain', 'content-length': '0' }),
    ],
    broken: [500, await board.get('/files/task-1/loop.mp3')],
  }
  for (let n = 0; n < 30; n++) await board.get('/', { authorization: wrong })
  answers['too many'] = [429, await board.get('/', { authorization: wrong })]
  for (const [name, [status, answer]] of Object.entries(answers)) {
    expect([name, answer.status]).toEqual([name, status])
    expectSecured(answer, name)
  }
})

test('they are there while Redis is away', async () => {
  const board = await boardWithFiles(NO_REDIS)
  for (const [path, status] of [
    ['/', 503],
    ['/quarantine', 503],
    ['/overview', 503],
    ['/metrics', 200],
    ['/api/quarantine', 503],
    ['/readyz', 503],
    ['/queues/api/queues', 500],
  ] as const) {
    const answer = await board.get(path)
    expect([path, answer.status]).toEqual([path, status])
    expectSecured(answer, path)
  }
})

test('what stands behind the login is stored nowhere, and by no shared cache', async () => {
  const board = await boardWithFiles()
  for (const path of [
    '/',
    '/quarantine',
    '/overview',
    '/metrics',
    '/nothing',
    '/api/separations',
    '/queues',
    '/queues/api/queues',
  ]) {
    expect((await board.get(path)).headers['cache-control'], path).toBe('no-store')
  }
  const page = (await board.get('/queues')).body
  const [, script] = /src="(static\/[^"]+)"/.exec(page) ?? []
  for (const path of ['/style.css', '/files/task-1/vocal.mp3', `/queues/${script}`]) {
    expect((await board.get(path)).headers['cache-control'], path).toBe('private, no-cache')
  }
})

test('a file runs no script, and is shown only if it is sound or a manifest', async () => {
  const board = await boardWithFiles()
  const answers = {
    'vocal.mp3': ['audio/mpeg', 'inline'],
    'manifest.json': ['application/json', 'inline'],
    'odd.html': ['text/html', 'attachment'],
    'odd.svg': ['image/svg+xml', 'attachment'],
  }
  for (const [file, [type, disposition]] of Object.entries(answers)) {
    const { headers } = await board.get(`/files/task-1/${file}`)
    expect(headers['content-type']).toContain(type)
    expect(headers['content-disposition']).toBe(`${disposition}; filename="${file}"`)
    const policy = `${headers['content-security-policy']}`.split(';')
    expect(policy).toContain('sandbox allow-same-origin') // without allow-scripts
    expect(policy.some((part) => part.startsWith('script-src'))).toBe(false)
  }
})

test('pages run scripts of their own alone, as Bull Board does, and neither asks another host for anything', async () => {
  const board = await boardWithFiles()
  const policyOf = async (path: string) => `${(await board.get(path)).headers['content-security-policy']}`
  for (const path of ['/', '/quarantine', '/queues']) expect(await policyOf(path)).toMatch(/script-src 'self'(;|$)/)
  for (const path of ['/', '/quarantine']) expect(await policyOf(path)).not.toMatch(/unsafe|data:|blob:/)
  for (const path of ['/', '/queues']) {
    expect(await policyOf(path)).not.toMatch(/https?:|\*/)
    expect((await board.get(path)).body).not.toMatch(/(src|href)="(https?:)?\/\//)
  }
})
