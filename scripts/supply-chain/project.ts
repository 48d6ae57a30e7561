import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { foreignEntries, type LockFile, lockFileSchema } from './lock-file.ts'

const stringsSchema = z.record(z.string(), z.string()).default({})

const packageJsonSchema = z.object({
  name: z.string(),
  dependencies: stringsSchema,
  devDependencies: stringsSchema,
})

const rootPackageSchema = packageJsonSchema.extend({
  workspaces: z.array(z.string()).default([]),
  allowScripts: z.record(z.string(), z.boolean()).default({}),
})

const installedPackageSchema = z.object({
  name: z.string().optional(),
  version: z.string().optional(),
  // Old packages have an object, or a list of objects named `licenses`.
  license: z.unknown().optional(),
  licenses: z.unknown().optional(),
  scripts: z.record(z.string(), z.unknown()).default({}),
  gypfile: z.unknown().optional(),
})

export type InstalledPackage = z.infer<typeof installedPackageSchema> & { hasBindingGyp: boolean }

export type Workspace = {
  path: string
  packageJson: z.infer<typeof packageJsonSchema>
  /** Its sources, tests excepted. */
  sources: string[]
}

/** What the checks look at. */
export type Project = {
  root: z.infer<typeof rootPackageSchema>
  workspaces: Workspace[]
  lock: LockFile
  /** The packages that are installed, by the folder that the lock file gives them. */
  installed: Map<string, InstalledPackage>
}

/** Something that must not be, and what to do about it. */
export type Offence = { package: string; problem: string; remedy: string }

/**
 * Reads a project from its folder.
 *
 * @throws Error when package.json or package-lock.json is missing or has another shape
 */
export const readProject = (folder: string): Project => {
  const root = readJson(join(folder, 'package.json'), rootPackageSchema)
  const lock = readJson(join(folder, 'package-lock.json'), lockFileSchema)
  const manifests = globSync(root.workspaces.map((pattern) => `${pattern}/package.json`).sort(), { cwd: folder })
  return {
    root,
    lock,
    workspaces: manifests.sort().map((manifest) => readWorkspace(folder, manifest.slice(0, -'/package.json'.length))),
    installed: new Map(
      foreignEntries(lock)
        .filter(([path]) => existsSync(join(folder, path, 'package.json')))
        .map(([path]) => [path, readInstalled(join(folder, path))]),
    ),
  }
}

const readWorkspace = (folder: string, path: string): Workspace => ({
  path,
  packageJson: readJson(join(folder, path, 'package.json'), packageJsonSchema),
  sources: globSync('src/**/*.ts', { cwd: join(folder, path) }).map((source) =>
    readFileSync(join(folder, path, source), 'utf8'),
  ),
})

const readInstalled = (folder: string): InstalledPackage => ({
  ...readJson(join(folder, 'package.json'), installedPackageSchema),
  hasBindingGyp: existsSync(join(folder, 'binding.gyp')),
})

const readJson = <Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> => {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw new Error(`${file} cannot be read: ${reason}`, { cause: error })
  }
}
