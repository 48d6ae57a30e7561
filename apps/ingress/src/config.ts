import { readEnvironment } from '@stems/config/environment'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '@stems/config/redis-variables'
import { tracingOptions, tracingVariables } from '@stems/config/tracing-variables'
import { commonVariables, integer, list, port, proxies } from '@stems/config/variables'
import { z } from 'zod'

const variables = z.object({
  ...commonVariables,
  ...tracingVariables,
  ...redisVariables,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(3000),
  CALLBACK_TOKENS: list(),
  CALLBACK_HMAC_KEYS: list(),
  CALLBACK_TOLERANCE_SECONDS: integer({ min: 1, max: 86_400 }).default(300),
  CALLBACK_AUTH: z.enum(['required', 'none'], 'must be required or none').default('required'),
  SPOOL_DIR: z.string().default('./data/spool'),
  SPOOL_MAX_BYTES: integer({ min: 0 }).default(268_435_456),
  QUARANTINE_MAX: integer({ min: 1, max: 10_000 }).default(1000),
  QUARANTINE_MAX_BYTES: integer({ min: 1 }).default(67_108_864),
  RATE_LIMIT_PER_MINUTE: integer({ min: 0, max: 1_000_000 }).default(300),
  TRUSTED_PROXIES: proxies(),
})

const NO_SECRET =
  'CALLBACK_TOKENS or CALLBACK_HMAC_KEYS: one of them must be set, or anybody could send callbacks ' +
  '(CALLBACK_AUTH=none accepts that)'

/**
 * Ingress's configuration.
 *
 * @param env usually `process.env`
 * @throws {ConfigError} with every problem at once
 */
export const readConfig = (env: NodeJS.ProcessEnv) => {
  const config = readEnvironment(variables, env, ({ CALLBACK_AUTH, CALLBACK_TOKENS, CALLBACK_HMAC_KEYS, ...given }) => {
    const hasSecret = /[^\s,]/.test(`${CALLBACK_TOKENS ?? ''}${CALLBACK_HMAC_KEYS ?? ''}`)
    return [...(CALLBACK_AUTH === 'none' || hasSecret ? [] : [NO_SECRET]), ...redisProblems(given)]
  })
  return {
    redis: redisTarget(config),
    queuePrefix: queuePrefix(config),
    logLevel: config.LOG_LEVEL,
    tracing: tracingOptions(config, 'ingress'),
    host: config.HOST,
    port: config.PORT,
    authRequired: config.CALLBACK_AUTH === 'required',
    secrets: {
      tokens: config.CALLBACK_TOKENS,
      hmacKeys: config.CALLBACK_HMAC_KEYS,
      toleranceSeconds: config.CALLBACK_TOLERANCE_SECONDS,
    },
    spoolDir: config.SPOOL_DIR,
    spoolMaxBytes: config.SPOOL_MAX_BYTES,
    quarantine: { limit: config.QUARANTINE_MAX, maxBytes: config.QUARANTINE_MAX_BYTES },
    limits: { strangersPerMinute: config.RATE_LIMIT_PER_MINUTE, trustedProxies: config.TRUSTED_PROXIES },
  }
}
