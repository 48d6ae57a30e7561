import { ConfigError, readEnvironment } from '@stems/config/environment'
import { commonVariables, integer, list, port } from '@stems/config/variables'
import { z } from 'zod'

const variables = z.object({
  ...commonVariables,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(3000),
  CALLBACK_TOKENS: list(),
  CALLBACK_HMAC_KEYS: list(),
  CALLBACK_TOLERANCE_SECONDS: integer({ min: 1, max: 86_400 }).default(300),
  CALLBACK_AUTH: z.enum(['required', 'none'], 'must be required or none').default('required'),
  QUARANTINE_MAX: integer({ min: 1 }).default(1000),
})

/**
 * Ingress's configuration.
 *
 * @param env usually `process.env`
 * @throws {ConfigError} with every problem at once
 */
export const readConfig = (env: NodeJS.ProcessEnv) => {
  const config = readEnvironment(variables, env)
  if (config.CALLBACK_AUTH === 'required' && config.CALLBACK_TOKENS.length + config.CALLBACK_HMAC_KEYS.length === 0) {
    throw new ConfigError([
      'CALLBACK_TOKENS or CALLBACK_HMAC_KEYS: one of them must be set, or anybody could send callbacks ' +
        '(CALLBACK_AUTH=none accepts that)',
    ])
  }
  return {
    redisUrl: config.REDIS_URL,
    queuePrefix: config.QUEUE_PREFIX,
    logLevel: config.LOG_LEVEL,
    host: config.HOST,
    port: config.PORT,
    authRequired: config.CALLBACK_AUTH === 'required',
    secrets: {
      tokens: config.CALLBACK_TOKENS,
      hmacKeys: config.CALLBACK_HMAC_KEYS,
      toleranceSeconds: config.CALLBACK_TOLERANCE_SECONDS,
    },
    quarantineMax: config.QUARANTINE_MAX,
  }
}
