import { readEnvironment } from '@stems/config/environment'
import { commonVariables, flag, integer, list, port } from '@stems/config/variables'
import { isStoreUrl } from '@stems/store/open-store'
import { z } from 'zod'

const HOST_RULE = /^(\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/i

const variables = z.object({
  ...commonVariables,
  HOST: z.string().default('127.0.0.1'),
  WORKER_HEALTH_PORT: port().default(3002),
  RECONCILE_SECONDS: integer({ min: 1, max: 86_400 }).default(60),
  STORE_URL: z.string().refine(isStoreUrl, 'must be file:DIR').default('file:./data/stems'),
  STORE_RESERVE_BYTES: integer({ min: 0 }).optional(),
  WORKER_STUCK_SECONDS: integer({ min: 1, max: 86_400 }).default(120),
  DOWNLOAD_CONCURRENCY: integer({ min: 1, max: 1000 }).default(8),
  DOWNLOAD_GLOBAL_CONCURRENCY: integer({ min: 1 }).optional(),
  DOWNLOAD_ATTEMPTS: integer({ min: 1, max: 1000 }).default(10),
  DOWNLOAD_BACKOFF_MS: integer({ min: 1 }).default(1000),
  DOWNLOAD_MAX_BYTES: integer({ min: 1 }).default(536_870_912),
  DOWNLOAD_STALL_MS: integer({ min: 1, max: 3_600_000 }).default(30_000),
  DOWNLOAD_ALLOWED_HOSTS: list().superRefine((rules, context) => {
    for (const [index, rule] of rules.entries()) {
      if (HOST_RULE.test(rule)) continue
      const message = `entry ${index + 1} is neither a host, a .domain nor * (no scheme, port or path)`
      context.addIssue({ code: 'custom', message })
    }
  }),
  DOWNLOAD_ALLOW_PRIVATE: flag().default(false),
})

const PROVIDER_HOSTS = ['.aiquickdraw.com', 'cdn1.suno.ai']

/**
 * The worker's configuration.
 *
 * @param env usually `process.env`
 * @throws {ConfigError} with every problem at once
 */
export const readConfig = (env: NodeJS.ProcessEnv) => {
  const config = readEnvironment(variables, env)
  return {
    redisUrl: config.REDIS_URL,
    queuePrefix: config.QUEUE_PREFIX,
    logLevel: config.LOG_LEVEL,
    host: config.HOST,
    healthPort: config.WORKER_HEALTH_PORT,
    reconcileMs: config.RECONCILE_SECONDS * 1000,
    storeUrl: config.STORE_URL,
    reserveBytes: config.STORE_RESERVE_BYTES,
    // A download may wait that long for its far side, first for the answer and then for a byte: that is not stuck.
    stuckMs: Math.max(config.WORKER_STUCK_SECONDS * 1000, 2 * config.DOWNLOAD_STALL_MS),
    concurrency: config.DOWNLOAD_CONCURRENCY,
    globalConcurrency: config.DOWNLOAD_GLOBAL_CONCURRENCY,
    attempts: config.DOWNLOAD_ATTEMPTS,
    backoffMs: config.DOWNLOAD_BACKOFF_MS,
    maxBytes: config.DOWNLOAD_MAX_BYTES,
    stallMs: config.DOWNLOAD_STALL_MS,
    allowedHosts: config.DOWNLOAD_ALLOWED_HOSTS.length > 0 ? config.DOWNLOAD_ALLOWED_HOSTS : PROVIDER_HOSTS,
    allowPrivate: config.DOWNLOAD_ALLOW_PRIVATE,
  }
}
