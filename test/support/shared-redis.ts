import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { GenericContainer, Wait } from 'testcontainers'
import type { TestProject } from 'vitest/node'
import { startRedisServer } from './redis-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string
  }
}

/**
 * One real Redis for the whole run: by Testcontainers where a Docker engine answers, else a `redis-server` of its own.
 * `TEST_REDIS=container` or `TEST_REDIS=server` decides for one of them. Tests keep apart by their key prefixes.
 */
export default async (project: TestProject): Promise<() => Promise<void>> => {
  const { url, close } = await (STARTS[process.env.TEST_REDIS ?? 'auto'] ?? startWhatIsThere)()
  project.provide('redisUrl', url)
  return close
}

type Started = { url: string; close: () => Promise<void> }

const startWhatIsThere = async (): Promise<Started> => {
  const engine = await promisify(execFile)('docker', ['info'], { timeout: 5000 }).catch(() => undefined)
  if (!engine) return startServer()
  return startContainer().catch((error: Error) => {
    console.log(`the Docker engine has no Redis image for us (${error.message.trim()})`)
    return startServer()
  })
}

const startServer = async (): Promise<Started> => {
  const server = await startRedisServer()
  console.log('tests run on a real Redis: redis-server')
  return server
}

const startContainer = async (): Promise<Started> => {
  const container = await new GenericContainer(process.env.REDIS_IMAGE ?? 'redis:8-alpine')
    .withCommand(['redis-server', '--appendonly', 'yes', '--maxmemory-policy', 'noeviction'])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .start()
  console.log('tests run on a real Redis: Testcontainers')
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(6379)}`,
    close: async () => {
      await container.stop()
    },
  }
}

const STARTS: Record<string, () => Promise<Started>> = { container: startContainer, server: startServer }
