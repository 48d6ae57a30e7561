import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** An app as a process of its own; its log is read for its address, and else thrown away. */
export const startApp = async (name: 'ingress' | 'worker', env: Record<string, string>) => {
  const main = join(import.meta.dirname, '../apps', name, 'src/main.ts')
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH ?? '', HOST: '127.0.0.1', PORT: '0', WORKER_HEALTH_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const listening = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.includes('"app.listening"')) return
    listening.resolve(`http://127.0.0.1:${JSON.parse(line).port}`)
  })
  const ended = once(child, 'exit')
  const failed = ended.then(() => Promise.reject(new Error(`${name} ended at its start`)))
  failed.catch(() => {})
  const url = await Promise.race([listening.promise, failed])
  return {
    /** A figure of its /metrics. */
    metric: async (metric: string): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text()
      return Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(text)?.[1])
    },
    url,
    close: async (): Promise<void> => {
      child.kill('SIGTERM')
      await ended
    },
  }
}
