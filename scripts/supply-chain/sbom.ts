import { spawnSync } from 'node:child_process'
import { z } from 'zod'
import { isInImage, type LockFile, nameOf } from './lock-file.ts'
import { readProject } from './project.ts'

const licenceSchema = z.union([
  z.object({ license: z.union([z.object({ id: z.string().min(1) }), z.object({ name: z.string().min(1) })]) }),
  z.object({ expression: z.string().min(1) }),
])

const componentSchema = z.looseObject({
  'bom-ref': z.string().min(1),
  type: z.enum(['application', 'library']),
  name: z.string().min(1),
  version: z.string().min(1),
  purl: z.string().startsWith('pkg:npm/'),
  licenses: z.array(licenceSchema).optional(),
  hashes: z.array(z.object({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) })).optional(),
})

const sbomSchema = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string().regex(/^1\.\d$/),
  serialNumber: z.string().regex(/^urn:uuid:[0-9a-f-]{36}$/),
  metadata: z.looseObject({ timestamp: z.iso.datetime(), component: componentSchema }),
  components: z.array(componentSchema).min(1),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
})

/** A bill of materials: https://cyclonedx.org/docs/1.5/json/ */
export type Sbom = z.infer<typeof sbomSchema>

/**
 * The packages that are in the image, with version, licence, sha512 and purl, out of the lock file in `folder`. Optional
 * ones are those of other processors than the image's own, too.
 *
 * @throws Error when npm cannot make it, or when something in it is missing
 */
export const createSbom = (folder: string): Sbom => {
  const { lock, root, workspaces } = readProject(folder)
  const own = workspaces.map(({ packageJson }) => packageJson.name)
  const sbom = sbomSchema.parse(withoutDevelopment(askNpm(folder), lock))
  // npm names these after the folders that they are in.
  const named = { ...sbom.metadata.component, name: root.name }
  const components = sbom.components.map((component) => ({
    ...component,
    name: own.find((name) => component['bom-ref'].startsWith(`${name}@`)) ?? component.name,
  }))
  for (const { name, licenses, hashes } of components) {
    if (own.includes(name)) continue
    if (!licenses?.length) throw new Error(`the SBOM has no licence of ${name}`)
    if (!hashes?.length) throw new Error(`the SBOM has no sha512 of ${name}`)
  }
  return { ...sbom, metadata: { ...sbom.metadata, component: named }, components }
}

const askNpm = (folder: string): Sbom => {
  // Not `--omit dev`: that leaves out production packages which a devDependency wants too, such as `tslib`.
  const options = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only']
  const { stdout, stderr, error } = spawnSync('npm', ['sbom', ...options], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error || !stdout.startsWith('{')) {
    throw new Error(`npm sbom does not work here: ${error?.message ?? stderr}`, { cause: error })
  }
  return sbomSchema.parse(JSON.parse(stdout))
}

const withoutDevelopment = (sbom: Sbom, { packages }: LockFile): Sbom => {
  const inImage = new Set([
    sbom.metadata.component['bom-ref'],
    ...Object.entries(packages)
      .filter(([folder, entry]) => folder.includes('node_modules/') && isInImage(folder, entry))
      .map(([folder, { name = nameOf(folder), version, resolved = '', link }]) =>
        // A workspace: its version is with its folder.
        link ? `${name}@${packages[resolved]?.version}` : `${name}@${version}`,
      ),
  ])
  const known = new Set([sbom.metadata.component, ...sbom.components].map((component) => component['bom-ref']))
  const missing = [...inImage].filter((ref) => !known.has(ref))
  if (missing.length > 0) throw new Error(`npm sbom leaves out ${missing.join(', ')}`)
  return {
    ...sbom,
    components: sbom.components.filter((component) => inImage.has(component['bom-ref'])),
    dependencies: sbom.dependencies
      .filter(({ ref }) => inImage.has(ref))
      .map((edges) => ({ ...edges, dependsOn: edges.dependsOn.filter((ref) => inImage.has(ref)) })),
  }
}
