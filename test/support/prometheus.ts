import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFailed, onTestFinished, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { freePort } from '../../scripts/ports.ts'
import { emptyDirectory } from './script.ts'
import { waitFor } from './wait-for.ts'

const isInstalled = ['prometheus', 'promtool'].every((program) => !spawnSync(program, ['--version']).error)

/** Whoever has no Prometheus (Debian's package `prometheus`) can work on the rest; CI cannot do without. */
export const withPrometheus = test.skipIf(!isInstalled && !process.env.CI)

/** A server that watches over targets, with the rules that it was given. */
export type PrometheusServer = {
  /** Asks its API, such as `query`; throws what it says of a mistake. */
  // biome-ignore lint/suspicious/noExplicitAny: each path has an answer of its own
  api: (path: string, parameters?: Record<string, string>) => Promise<any>
}

/** `promtool …`: its exit code, and all that it wrote. */
export const promtool = (...args: string[]): { code: number | null; output: string } => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  return { code: status, output: stdout + stderr }
}

/**
 * Starts a Prometheus that scrapes every second. It ends with the test.
 *
 * @param config as text, for targets that it finds by name
 * @param targets host and port of those of each job, in place of the names
 */
export const startPrometheus = async (
  config: string,
  rules: string,
  targets: Record<string, string[]>,
): Promise<PrometheusServer> => {
  const { global, scrape_configs, ...rest } = parse(config)
  const scrapes = scrape_configs.map(
    ({ dns_sd_configs, ...scrape }: { job_name: string; dns_sd_configs: unknown }) => ({
      ...scrape,
      static_configs: [{ targets: targets[scrape.job_name] }],
    }),
  )
  const directory = await emptyDirectory()
  await mkdir(join(directory, 'data'))
  await writeFile(join(directory, rest.rule_files[0]), rules)
  const everySecond = { ...global, scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' }
  await writeFile(
    join(directory, 'prometheus.yml'),
    stringify({ ...rest, global: everySecond, scrape_configs: scrapes }),
  )

  const url = `http://127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus',
    [
      ...['--config.file', join(directory, 'prometheus.yml'), '--storage.tsdb.path', join(directory, 'data')],
      ...['--web.listen-address', new URL(url).host, '--log.level', 'warn'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => output.push(`${text}`))
  onTestFailed(() => console.log(`--- prometheus\n${output.join('')}`))
  onTestFinished(() => end(child))
  await waitFor('Prometheus is ready', () => {
    if (child.exitCode !== null) throw new Error(`prometheus has ended:\n${output.join('')}`)
    return fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return {
    api: async (path, parameters = {}) => {
      const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
      const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string }
      if (status !== 'success') throw new Error(`${JSON.stringify(parameters)}: ${error}`)
      return data
    },
  }
}

// Before its directory is removed: `onTestFinished` runs the last one first.
const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
