import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** A Compose project of this run alone, as somebody without any configuration gets it. */
export type ComposeProject = {
  name: string
  /** `docker compose …`; what it wrote to stderr is the error's message when it fails. */
  compose: (...args: string[]) => Promise<string>
  /** `docker compose …` where a person has set something. */
  composeWith: (given: Record<string, string>, ...args: string[]) => Promise<string>
  /** `docker …` */
  docker: (...args: string[]) => Promise<string>
  /** `docker compose exec` in the first container of a service. */
  exec: (service: string, ...command: string[]) => Promise<string>
  /** The ids of a service's containers, ended ones too. */
  containers: (service: string) => Promise<string[]>
  inspect: (container: string) => Promise<Container>
  /** Where a service is published, such as `http://127.0.0.1:49153`. */
  url: (service: string, port: number) => Promise<string>
  /** Removes all that the project has made. Blocks, so that it works while the process ends. */
  remove: () => void
}

/** What is asked of `docker inspect`. */
export type Container = {
  Name: string
  RestartCount: number
  State: { Running: boolean; ExitCode: number; Status: string }
  Config: { User: string; Env: string[]; Image: string; Entrypoint: string[]; Cmd: string[] }
  HostConfig: {
    ReadonlyRootfs: boolean
    CapDrop: string[] | null
    SecurityOpt: string[] | null
    Init: boolean | null
    Privileged: boolean
  }
  NetworkSettings: { Ports: Record<string, Array<{ HostIp: string; HostPort: string }> | null> }
}

export const createComposeProject = (): ComposeProject => {
  const name = process.env.TEST_PROJECT ?? `stemkeeper-test-${randomBytes(4).toString('hex')}`
  const env = {
    ...unconfigured(),
    COMPOSE_PROJECT_NAME: name,
    INGRESS_PUBLISH: '127.0.0.1:0',
    BOARD_PUBLISH: '127.0.0.1:0',
  }
  const files = ['--file', 'docker-compose.yml', '--file', 'test/compose/far-side.yml']
  const interruption = new AbortController()
  const { signal } = interruption
  // An empty --env-file keeps the .env of whoever runs this out of it.
  const composeArgs = (args: string[]) => [
    'compose',
    '--env-file',
    '/dev/null',
    '--project-name',
    name,
    ...files,
    ...args,
  ]

  const docker: ComposeProject['docker'] = async (...args) => {
    const { stdout } = await run('docker', args, { cwd: ROOT, env, maxBuffer: MAX_OUTPUT_BYTES, signal })
    return stdout
  }
  const compose: ComposeProject['compose'] = (...args) => docker(...composeArgs(args))

  const composeWith: ComposeProject['composeWith'] = async (given, ...args) => {
    const options = { cwd: ROOT, env: { ...env, ...given }, maxBuffer: MAX_OUTPUT_BYTES, signal }
    return (await run('docker', composeArgs(args), options)).stdout
  }

  return {
    name,
    docker,
    compose,
    composeWith,
    exec: (service, ...command) => compose('exec', '-T', service, ...command),
    containers: async (service) => (await compose('ps', '--all', '--quiet', service)).split('\n').filter(Boolean),
    inspect: async (container) => JSON.parse(await docker('inspect', container))[0],
    url: async (service, port) => `http://${(await compose('port', service, `${port}`)).trim()}`,
    remove: () => {
      interruption.abort()
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000) // an `up` under way leaves off first
      // A group of its own: a second Ctrl-C must not stop the clean-up.
      const options = { cwd: ROOT, env, stdio: 'ignore', detached: true } as const
      const down = composeArgs(['--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '5'])
      // The engine may still hold a network's last endpoint when Compose asks it to remove the network.
      for (let tries = 0; tries < 3 && isThere(name); tries++) spawnSync('docker', down, options)
      spawnSync('docker', ['rm', '--force', '--volumes', `${name}-unprotected`], options)
      spawnSync('docker', ['image', 'rm', '--force', name], options)
    },
  }
}

const isThere = (project: string): boolean =>
  [
    ['ps', '--all'],
    ['network', 'ls'],
    ['volume', 'ls'],
  ].some((list) => {
    const options = { encoding: 'utf8', detached: true } as const
    const label = ['--quiet', '--filter', `label=com.docker.compose.project=${project}`]
    return spawnSync('docker', [...list, ...label], options).stdout?.trim() !== ''
  })

// Neither shell nor CI may have a say in what is tested, except for the base images.
const unconfigured = (): NodeJS.ProcessEnv => {
  const configurable = variablesOf('.env.example').filter((variable) => !/^(NODE|REDIS)_IMAGE$/.test(variable))
  return Object.fromEntries(
    Object.entries(process.env).filter(([variable]) => !configurable.includes(variable) && !/^COMPOSE_/.test(variable)),
  )
}

/** The variables that a file of the repository names: `NAME=`, `NAME:` or `${NAME`. */
export const variablesOf = (file: string): string[] => {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [...new Set([...text.matchAll(/(?:^\s*#?|\$\{)([A-Z][A-Z0-9_]+)(?=[=:}])/gm)].map(([, name]) => name ?? ''))]
}
