import { readEnvironment } from '@stems/config/environment'
import { providerProblems, providerVariables } from '@stems/config/provider-variables'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '@stems/config/redis-variables'
import { storeOptions, storeProblems, storeVariables } from '@stems/config/store-variables'
import { tracingOptions, tracingVariables } from '@stems/config/tracing-variables'
import { checkedList, commonVariables, flag, integer, list, port } from '@stems/config/variables'
import { KEPT_DAYS } from '@stems/domain/file-deadline'
import { PROVIDER_HOSTS } from '@stems/provider/hosts'
import { providerOf } from '@stems/provider/provider-name'
import { isStoreUrl, STORE_URL_FORM } from '@stems/store/open-store'
import { z } from 'zod'
import { notifyContradictions, notifyVariables, readNotifyConfig } from './notify-config.ts'

const HOST_RULE = /^(\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/i
const PORT = integer({ min: 1, max: 65_535 })
const DAY_MS = 24 * 3600_000

const variables = z.object({
  ...commonVariables,
  ...tracingVariables,
  ...redisVariables,
  HOST: z.string().default('127.0.0.1'),
  WORKER_HEALTH_PORT: port().default(3002),
  RECONCILE_SECONDS: integer({ min: 1, max: 86_400 }).default(60),
  STORE_URL: z.string().refine(isStoreUrl, STORE_URL_FORM).default('file:./data/stems'),
  ...storeVariables,
  STORE_RESERVE_BYTES: integer({ min: 0 }).optional(),
  RETAIN_STEMS_DAYS: integer({ min: 1, max: 36_500 }).optional(),
  // The provider keeps files for so long: what answers repeats must not forget earlier.
  RETAIN_JOBS_DAYS: integer({ min: KEPT_DAYS, max: 3650 }).default(30),
  RETAIN_DRY_RUN: flag().default(false),
  WORKER_STUCK_SECONDS: integer({ min: 1, max: 86_400 }).default(120),
  ANALYZE_STEMS: flag().default(true),
  DOWNLOAD_CONCURRENCY: integer({ min: 1, max: 1000 }).default(8),
  DOWNLOAD_GLOBAL_CONCURRENCY: integer({ min: 1 }).optional(),
  DOWNLOAD_HOST_REQUESTS_PER_SECOND: integer({ min: 1, max: 1000 }).optional(),
  DOWNLOAD_ATTEMPTS: integer({ min: 1, max: 1000 }).default(10),
  DOWNLOAD_BACKOFF_MS: integer({ min: 1 }).default(1000),
  DOWNLOAD_MAX_BYTES: integer({ min: 1 }).default(536_870_912),
  DOWNLOAD_STALL_MS: integer({ min: 1, max: 3_600_000 }).default(30_000),
  DOWNLOAD_ALLOWED_HOSTS: checkedList((rule) =>
    HOST_RULE.test(rule) ? undefined : 'is neither a host, a .domain nor * (no scheme, port or path)',
  ),
  DOWNLOAD_ALLOWED_PORTS: list()
    .refine((ports) => ports.every((port) => PORT.safeParse(port).success), 'must be ports from 1 to 65535')
    .transform((ports) => ports.map(Number)),
  ...providerVariables,
  CALLBACK_READBACK: z.enum(['off', 'suspicious', 'always'], 'must be off, suspicious or always').default('off'),
  READBACK_PATIENCE_SECONDS: integer({ min: 0, max: 86_400 }).default(600),
  EXPECTED_POLL_SECONDS: integer({ min: 1, max: 3600 }).default(30),
  EXPECTED_MAX_HOURS: integer({ min: 1, max: 336 }).default(24),
  ...notifyVariables,
  QUARANTINE_MAX: integer({ min: 1, max: 10_000 }).default(1000),
  QUARANTINE_MAX_BYTES: integer({ min: 1 }).default(67_108_864),
})

const NO_API = 'CALLBACK_READBACK: needs PROVIDER_API_URL and PROVIDER_API_KEY, to ask the provider with'

/**
 * The worker's configuration.
 *
 * @param env usually `process.env`
 * @throws {ConfigError} with every problem at once
 */
export const readConfig = (env: NodeJS.ProcessEnv) => {
  const config = readEnvironment(variables, env, (given) => {
    const isAsked = ['suspicious', 'always'].includes(given.CALLBACK_READBACK ?? 'off')
    return [
      ...(isAsked && !(given.PROVIDER_API_URL && given.PROVIDER_API_KEY) ? [NO_API] : []),
      ...storeProblems(given),
      ...providerProblems(given),
      ...notifyContradictions(given),
      ...redisProblems(given),
    ]
  })
  return {
    redis: redisTarget(config),
    queuePrefix: queuePrefix(config),
    logLevel: config.LOG_LEVEL,
    tracing: tracingOptions(config, 'worker'),
    host: config.HOST,
    healthPort: config.WORKER_HEALTH_PORT,
    reconcileMs: config.RECONCILE_SECONDS * 1000,
    storeUrl: config.STORE_URL,
    storeOptions: storeOptions(config),
    reserveBytes: config.STORE_RESERVE_BYTES,
    retention: {
      retainMs: config.RETAIN_STEMS_DAYS && config.RETAIN_STEMS_DAYS * DAY_MS,
      isDryRun: config.RETAIN_DRY_RUN,
    },
    retainJobsS: (config.RETAIN_JOBS_DAYS * DAY_MS) / 1000,
    // A download may wait that long for its far side, first for the answer and then for a byte: that is not stuck.
    stuckMs: Math.max(config.WORKER_STUCK_SECONDS * 1000, 2 * config.DOWNLOAD_STALL_MS),
    isAnalysed: config.ANALYZE_STEMS,
    concurrency: config.DOWNLOAD_CONCURRENCY,
    globalConcurrency: config.DOWNLOAD_GLOBAL_CONCURRENCY,
    hostRequestsPerSecond: config.DOWNLOAD_HOST_REQUESTS_PER_SECOND,
    attempts: config.DOWNLOAD_ATTEMPTS,
    backoffMs: config.DOWNLOAD_BACKOFF_MS,
    maxBytes: config.DOWNLOAD_MAX_BYTES,
    stallMs: config.DOWNLOAD_STALL_MS,
    allowedHosts: config.DOWNLOAD_ALLOWED_HOSTS.length > 0 ? config.DOWNLOAD_ALLOWED_HOSTS : PROVIDER_HOSTS,
    allowedPorts: config.DOWNLOAD_ALLOWED_PORTS.length > 0 ? config.DOWNLOAD_ALLOWED_PORTS : [443],
    allowPrivate: config.DOWNLOAD_ALLOW_PRIVATE,
    settingNames: { hosts: 'DOWNLOAD_ALLOWED_HOSTS', ports: 'DOWNLOAD_ALLOWED_PORTS' },
    expected: {
      everyMs: config.EXPECTED_POLL_SECONDS * 1000,
      maxAgeMs: config.EXPECTED_MAX_HOURS * 3600_000,
      unknownMs: config.READBACK_PATIENCE_SECONDS * 1000,
    },
    readback: config.CALLBACK_READBACK,
    readbackPatienceMs: config.READBACK_PATIENCE_SECONDS * 1000,
    providerApi:
      config.PROVIDER_API_URL && config.PROVIDER_API_KEY
        ? {
            provider: config.PROVIDER ?? providerOf(config.PROVIDER_API_URL),
            apiUrl: config.PROVIDER_API_URL,
            apiKey: config.PROVIDER_API_KEY,
          }
        : undefined,
    notify: readNotifyConfig(config),
    quarantine: { limit: config.QUARANTINE_MAX, maxBytes: config.QUARANTINE_MAX_BYTES },
  }
}
