import { dependencyOffences } from './dependencies.ts'
import { installScriptOffences } from './install-scripts.ts'
import { installedOffences, treeOffences } from './installed.ts'
import { licenceOffences } from './licences.ts'
import { originOffences } from './origin.ts'
import { type Offence, readProject } from './project.ts'

/**
 * All that is wrong with what a project installs: where it comes from, what it may do, its licences.
 *
 * @throws Error when package.json or package-lock.json cannot be read, or npm cannot be run
 */
export const supplyChainOffences = (folder: string): Offence[] => {
  const project = readProject(folder)
  return [
    ...originOffences(project),
    ...installScriptOffences(project),
    ...licenceOffences(project),
    ...dependencyOffences(project),
    ...installedOffences(project),
    ...treeOffences(folder),
  ]
}
