import { join } from 'node:path'
import { FLAGS, MALLOC } from '../../scripts/frugal.ts'
import type { Place } from './machine.ts'
import { type Running, start } from './process.ts'

/** An app as a process of its own. */
export type BenchApp = Running & {
  url: string
  /** A figure of its /metrics. */
  metric: (name: string) => Promise<number>
}

/**
 * Starts one of the apps as its users do, with its log at `info`; who measures reads the log, and throws it away.
 *
 * @param flags for Node, such as `--cpu-prof`
 */
export const startApp = async (
  name: 'ingress' | 'worker' | 'board',
  env: Record<string, string>,
  place: Place = 'anywhere',
  flags: string[] = (process.env.BENCH_NODE_FLAGS ?? '').split(' ').filter((flag) => flag !== ''),
): Promise<BenchApp> => {
  const main = join(import.meta.dirname, '../../apps', name, 'src/main.ts')
  const app = await start(process.execPath, [...FLAGS[name], ...flags, main], {
    place,
    env: { ...MALLOC, HOST: '127.0.0.1', PORT: '0', WORKER_HEALTH_PORT: '0', LOG_LEVEL: 'info', ...env },
    isReady: (line) => line.includes('"app.listening"'),
  })
  const url = `http://127.0.0.1:${JSON.parse(app.line).port}`
  return {
    ...app,
    url,
    metric: async (metric) => {
      const text = await (await fetch(`${url}/metrics`)).text()
      return Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(text)?.[1])
    },
  }
}
