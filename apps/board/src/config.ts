import { readEnvironment } from '@stems/config/environment'
import { commonVariables, port, proxies } from '@stems/config/variables'
import { isStoreUrl } from '@stems/store/open-store'
import { z } from 'zod'
import type { Login } from './login.ts'

const UNTYPABLE = /[\p{Cc}]/u // no browser sends these in a login

const user = () =>
  z
    .string()
    .refine((name) => !name.includes(':') && !UNTYPABLE.test(name), 'must hold neither a colon nor control characters')
const password = () =>
  z
    .string()
    .refine((given) => !UNTYPABLE.test(given), 'must not hold control characters')
    .optional()

const ADMIN = 'admin'
const VIEWER = 'viewer'

const variables = z.object({
  ...commonVariables,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(3001),
  TRUSTED_PROXIES: proxies(),
  STORE_URL: z.string().refine(isStoreUrl, 'must be file:DIR').default('file:./data/stems'),
  BOARD_USER: user().default(ADMIN),
  BOARD_PASSWORD: password(),
  BOARD_VIEWER_USER: user().default(VIEWER),
  BOARD_VIEWER_PASSWORD: password(),
})

const ONE_NAME = 'BOARD_VIEWER_USER: must differ from BOARD_USER, or nobody could tell the two logins apart'

/**
 * The board's configuration.
 *
 * @param env usually `process.env`
 * @throws {ConfigError} with every problem at once
 */
export const readConfig = (env: NodeJS.ProcessEnv) => {
  const config = readEnvironment(variables, env, (given) => {
    const isOneName = (given.BOARD_USER ?? ADMIN) === (given.BOARD_VIEWER_USER ?? VIEWER)
    return given.BOARD_VIEWER_PASSWORD !== undefined && isOneName ? [ONE_NAME] : []
  })
  return {
    redisUrl: config.REDIS_URL,
    queuePrefix: config.QUEUE_PREFIX,
    logLevel: config.LOG_LEVEL,
    host: config.HOST,
    port: config.PORT,
    trustedProxies: config.TRUSTED_PROXIES,
    storeUrl: config.STORE_URL,
    user: config.BOARD_USER,
    password: config.BOARD_PASSWORD,
    viewer: viewerOf(config.BOARD_VIEWER_USER, config.BOARD_VIEWER_PASSWORD),
  }
}

const viewerOf = (user: string, password: string | undefined): Login | undefined =>
  password === undefined ? undefined : { user, password, role: 'viewer' }
