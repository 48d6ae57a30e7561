import { foreignEntries, nameOf } from './lock-file.ts'
import type { InstalledPackage, Offence, Project } from './project.ts'

// Brings Node 24 for the npm scripts. Nothing else may run code while it is being installed.
const MAY_RUN = ['node']

/** Code that would run while packages are being installed, with the rights of whoever installs them. */
export const installScriptOffences = ({ lock, root, installed }: Project): Offence[] => {
  const answers = new Map(Object.entries(root.allowScripts).map(([key, allowed]) => [nameOfKey(key), allowed]))
  const withScript = new Set<string>()
  const offences: Offence[] = []
  for (const [folder, { hasInstallScript }] of foreignEntries(lock)) {
    const name = nameOf(folder)
    const isDeclared = hasInstallScript
    const found = installed.get(folder)
    if (!isDeclared && !(found && runsCode(found))) continue
    withScript.add(name)
    if (!isDeclared) {
      offences.push({
        package: name,
        problem: 'has an install script that the lock file does not mention',
        remedy: 'look at what it does; then make the lock file again with `npm install`',
      })
    }
    if (!answers.has(name)) {
      offences.push({
        package: name,
        problem: 'has an install script, and `allowScripts` in package.json says nothing of it',
        remedy: `add "${name}": false there, and see whether it works without`,
      })
    }
  }
  for (const [name, allowed] of answers) {
    if (allowed && !MAY_RUN.includes(name)) {
      offences.push({
        package: name,
        problem: 'may run its install script by `allowScripts` in package.json',
        remedy: `set it to false; only ${MAY_RUN.join(', ')} may run one`,
      })
    }
    if (!withScript.has(name)) {
      offences.push({
        package: name,
        problem: 'is named in `allowScripts` and has no install script, or is no dependency any more',
        remedy: 'remove it there: a later version of it would run unseen',
      })
    }
  }
  return offences
}

const nameOfKey = (key: string): string => key.replace(/(?<=.)@.*$/, '')

// npm builds a package that has a binding.gyp even if it names no script.
const runsCode = ({ scripts, hasBindingGyp, gypfile }: InstalledPackage): boolean =>
  ['preinstall', 'install', 'postinstall'].some((name) => name in scripts) || (hasBindingGyp && gypfile !== false)
