import { readEnvironment } from '@stems/config/environment'
import { commonVariables, port } from '@stems/config/variables'
import { isStoreUrl } from '@stems/store/open-store'
import { z } from 'zod'

const UNTYPABLE = /[\p{Cc}]/u // no browser sends these in a login

const variables = z.object({
  ...commonVariables,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(3001),
  STORE_URL: z.string().refine(isStoreUrl, 'must be file:DIR').default('file:./data/stems'),
  BOARD_USER: z
    .string()
    .refine((name) => !name.includes(':') && !UNTYPABLE.test(name), 'must hold neither a colon nor control characters')
    .default('admin'),
  BOARD_PASSWORD: z
    .string()
    .refine((password) => !UNTYPABLE.test(password), 'must not hold control characters')
    .optional(),
})

/**
 * The board's configuration.
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
    port: config.PORT,
    storeUrl: config.STORE_URL,
    user: config.BOARD_USER,
    password: config.BOARD_PASSWORD,
  }
}
