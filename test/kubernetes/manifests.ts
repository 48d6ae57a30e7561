import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'

const ROOT = join(import.meta.dirname, '../..')

/** One document of a manifest. What stands in it is checked by whoever reads it. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is what the test is about
export type Manifest = { file: string; kind: string; apiVersion: string; body: any }

/** All documents of the manifests, those of the kustomization itself left out. */
export const readManifests = (folder = 'deploy/kubernetes'): Manifest[] =>
  globSync('*.yaml', { cwd: join(ROOT, folder) })
    .filter((file) => file !== 'kustomization.yaml')
    .toSorted()
    .flatMap((file) => parseManifests(basename(file), readFileSync(join(ROOT, folder, file), 'utf8')))

/** @throws when it is no YAML, or a key stands twice */
export const parseManifests = (file: string, text: string): Manifest[] =>
  parseAllDocuments(text, { strict: true, uniqueKeys: true }).map((document) => {
    const [error] = document.errors
    if (error) throw error
    const body = document.toJS()
    return { file, kind: body.kind, apiVersion: body.apiVersion, body }
  })

// Where the typed models keep each kind: made from Kubernetes' own schemas and KEDA's.
const moduleOf = ({ apiVersion }: Manifest): string => {
  if (apiVersion.startsWith('keda.sh/')) return `@kubernetes-models/keda/${apiVersion}`
  return `kubernetes-models/${apiVersion}`
}

/**
 * Compares manifests with the schemas of their kinds. The compiler knows what the schemas' own validators let pass: a field
 * that there is not.
 *
 * @returns what is wrong, empty when nothing is
 */
export const problemsOf = async (manifests: Manifest[]): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'stemkeeper-manifests-'))
  try {
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const lines = manifests.map((manifest, index) => {
      const { kind, body } = manifest
      return `import type { I${kind} as K${index} } from '${moduleOf(manifest)}'
export const m${index}: K${index} = ${JSON.stringify(body)}`
    })
    await writeFile(join(folder, 'manifests.ts'), lines.join('\n'))
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      module: 'nodenext',
      target: 'es2024',
      types: [],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['manifests.ts'] }))
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    return await promisify(execFile)(tsc, ['-p', folder, '--pretty', 'false'], { cwd: folder }).then(
      () => '',
      ({ stdout, message }: Error & { stdout?: string }) => stdout || message,
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
