import type { LockFile } from './lock-file.ts'
import type { Offence, Project, Workspace } from './project.ts'

const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/
const RANGE = /^[\^~]?\d+\.\d+\.\d+(-[\w.]+)?$/

/** What the package.json files ask for: from the registry, the tools in one version only, and nothing that nobody uses. */
export const dependencyOffences = ({ root, workspaces, lock }: Project): Offence[] => [
  ...Object.entries(root.devDependencies)
    .filter(([, version]) => !EXACT.test(version))
    .map(([name, version]) => ({
      package: name,
      problem: `is a devDependency of the root in version ${version}, not in an exact one`,
      remedy: 'name the version that package-lock.json has',
    })),
  ...workspaces.flatMap((workspace) => [...rangeOffences(workspace), ...unusedOffences(workspace, lock)]),
]

const rangeOffences = ({ packageJson }: Workspace): Offence[] =>
  Object.entries({ ...packageJson.devDependencies, ...packageJson.dependencies })
    .filter(([, version]) => !RANGE.test(version))
    .map(([name, version]) => ({
      package: name,
      problem: `is asked for as ${version} by ${packageJson.name}`,
      remedy: 'name a version of the registry, such as ^1.2.3',
    }))

const unusedOffences = ({ path, packageJson, sources }: Workspace, { packages }: LockFile): Offence[] => {
  const code = sources.map(withoutComments).join('\n')
  const names = Object.keys(packageJson.dependencies)
  // Whoever depends on a package has to bring the peers that it wants.
  const isPeer = (name: string) => names.some((other) => packages[`node_modules/${other}`]?.peerDependencies[name])
  return names
    .filter((name) => !isImported(name, code) && !isPeer(name))
    .map((name) => ({
      package: name,
      problem: `is a dependency of ${packageJson.name}, and no file in ${path}/src imports it`,
      remedy: `remove it: \`npm uninstall ${name} --workspace ${path}\``,
    }))
}

const isImported = (name: string, code: string): boolean =>
  ["'", '"', '`'].some((quote) => code.includes(`${quote}${name}${quote}`) || code.includes(`${quote}${name}/`))

const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$| \/\/ .*$/gm, '')
