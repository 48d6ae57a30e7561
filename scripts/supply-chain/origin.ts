import { isDeepStrictEqual } from 'node:util'
import { foreignEntries, type LockFile, nameOf } from './lock-file.ts'
import type { Offence, Project, Workspace } from './project.ts'

const LOCK_AGAIN = 'undo the change of package-lock.json, or make it again with `npm install`'
const SHA512 = /^sha512-[A-Za-z0-9+/]{86}==$/

/** Where packages come from: a registry, in exactly the bytes that the lock file names, or this repository. */
export const originOffences = ({ lock, workspaces }: Project): Offence[] => [
  ...versionOffences(lock),
  ...foreignOffences(lock),
  ...workspaces.flatMap((workspace) => workspaceOffences(lock, workspace)),
  ...strangeFolders(lock, workspaces),
]

const versionOffences = ({ lockfileVersion }: LockFile): Offence[] =>
  lockfileVersion === 3
    ? []
    : [
        {
          package: 'package-lock.json',
          problem: `has lockfileVersion ${lockfileVersion}, not 3`,
          remedy: 'write it with npm 9 or newer: `npm install`',
        },
      ]

const foreignOffences = (lock: LockFile): Offence[] =>
  foreignEntries(lock).flatMap(([folder, { name, resolved, integrity }]) => {
    const offence = (problem: string, remedy: string) => ({ package: nameOf(folder), problem, remedy })
    return [
      ...(integrity === undefined || !SHA512.test(integrity)
        ? [offence(`has ${integrity ? 'an integrity that is no' : 'no'} sha512, so npm takes any bytes`, LOCK_AGAIN)]
        : []),
      ...(resolved === undefined
        ? []
        : [
            offence(
              `comes from ${resolved}`,
              'take it from the registry. If that is the registry: .npmrc omits its address, so remove the line `resolved`',
            ),
          ]),
      ...(name === undefined || isAskedFor(lock, nameOf(folder), name)
        ? []
        : [offence(`is in truth the package ${name}, which nobody asks for under this name`, LOCK_AGAIN)]),
    ]
  })

// Some packages of others rename what they depend on.
const isAskedFor = ({ packages }: LockFile, alias: string, name: string): boolean =>
  Object.values(packages).some(({ dependencies }) => dependencies[alias]?.startsWith(`npm:${name}@`))

const workspaceOffences = (lock: LockFile, { path, packageJson }: Workspace): Offence[] => {
  const link = lock.packages[`node_modules/${packageJson.name}`]
  const entry = lock.packages[path]
  const isInStep =
    isDeepStrictEqual(entry?.dependencies, packageJson.dependencies) &&
    isDeepStrictEqual(entry?.devDependencies, packageJson.devDependencies)
  return [
    ...(link?.link && link.resolved === path
      ? []
      : [{ package: packageJson.name, problem: `is not the link to ${path} in the lock file`, remedy: LOCK_AGAIN }]),
    ...(isInStep
      ? []
      : [
          {
            package: packageJson.name,
            problem: `${path}/package.json and the lock file name other dependencies`,
            remedy: 'run `npm install` and commit package-lock.json',
          },
        ]),
  ]
}

// Links and folders that are no workspace: `file:` dependencies, inside of the repository or outside.
const strangeFolders = ({ packages }: LockFile, workspaces: Workspace[]): Offence[] => {
  const known = ['', ...workspaces.flatMap(({ path, packageJson }) => [path, `node_modules/${packageJson.name}`])]
  return Object.entries(packages)
    .filter(([folder, { link }]) => (link || !folder.includes('node_modules/')) && !known.includes(folder))
    .map(([folder, { resolved }]) => ({
      package: folder,
      problem: resolved ? `is a link to ${resolved}, which is no workspace` : 'is no workspace',
      remedy: 'make it a workspace, or take it from the registry',
    }))
}
