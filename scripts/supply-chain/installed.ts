import { spawnSync } from 'node:child_process'
import { foreignEntries, nameOf } from './lock-file.ts'
import type { Offence, Project } from './project.ts'

const INSTALL_AGAIN = 'run `npm ci`'

/** What is installed and is not what the lock file says. */
export const installedOffences = ({ lock, installed }: Project): Offence[] =>
  foreignEntries(lock).flatMap(([folder, { name, version, optional }]) => {
    const found = installed.get(folder)
    const offence = (problem: string) => [{ package: nameOf(folder), problem, remedy: INSTALL_AGAIN }]
    // Packages for other platforms are optional, and not installed.
    if (!found) return optional ? [] : offence('is in the lock file and is not installed')
    if (found.name !== (name ?? nameOf(folder))) return offence(`is installed as the package ${found.name}`)
    if (found.version !== version)
      return offence(`is installed in version ${found.version}; the lock file says ${version}`)
    return []
  })

// The one install script that may run fetches the binary for this machine, and leaves two packages that nobody lists.
const BROUGHT_BY_NODE = /^extraneous: node-(bin-setup|(linux|darwin|win)-[a-z0-9]+)@/

/** What npm itself finds wrong with the installed tree: missing, of another version, or not asked for by anybody. */
export const treeOffences = (folder: string): Offence[] => {
  const { stdout, stderr, error } = spawnSync('npm', ['ls', '--all', '--json'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error || !stdout.startsWith('{')) {
    throw new Error(`npm ls does not work here: ${error?.message ?? stderr}`, { cause: error })
  }
  const { problems = [] } = JSON.parse(stdout) as { problems?: string[] }
  return problems
    .filter((problem) => !BROUGHT_BY_NODE.test(problem))
    .map((problem) => ({ package: 'node_modules', problem, remedy: INSTALL_AGAIN }))
}
