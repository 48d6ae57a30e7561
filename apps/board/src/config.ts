import { readEnvironment } from '@stems/config/environment'
import { buyerVariables, providerProblems } from '@stems/config/provider-variables'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '@stems/config/redis-variables'
import { storeOptions, storeProblems, storeVariables } from '@stems/config/store-variables'
import { tracingOptions, tracingVariables } from '@stems/config/tracing-variables'
import { checkedList, commonVariables, port, proxies } from '@stems/config/variables'
import { providerOf } from '@stems/provider/provider-name'
import { isStoreUrl, STORE_URL_FORM } from '@stems/store/open-store'
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

const SHORTEST_KEY = 16
// What an `Authorization: Bearer` header may hold (RFC 6750, 2.1).
const KEY_FORM = /^[A-Za-z0-9._~+/-]+=*$/

const problemOfKey = (key: string): string | undefined => {
  if (key.length < SHORTEST_KEY) {
    return `is shorter than ${SHORTEST_KEY} characters; \`openssl rand -hex 32\` makes a good one`
  }
  return KEY_FORM.test(key) ? undefined : 'holds characters other than A-Z a-z 0-9 . _ ~ + / - and = at its end'
}

const variables = z.object({
  ...commonVariables,
  ...tracingVariables,
  ...redisVariables,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(3001),
  TRUSTED_PROXIES: proxies(),
  STORE_URL: z.string().refine(isStoreUrl, STORE_URL_FORM).default('file:./data/stems'),
  ...storeVariables,
  BOARD_USER: user().default(ADMIN),
  BOARD_PASSWORD: password(),
  BOARD_VIEWER_USER: user().default(VIEWER),
  BOARD_VIEWER_PASSWORD: password(),
  API_KEYS: checkedList(problemOfKey),
  ...buyerVariables,
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
    return [
      ...(given.BOARD_VIEWER_PASSWORD !== undefined && isOneName ? [ONE_NAME] : []),
      ...storeProblems(given),
      ...providerProblems(given),
      ...redisProblems(given),
    ]
  })
  return {
    redis: redisTarget(config),
    queuePrefix: queuePrefix(config),
    logLevel: config.LOG_LEVEL,
    tracing: tracingOptions(config, 'board'),
    host: config.HOST,
    port: config.PORT,
    trustedProxies: config.TRUSTED_PROXIES,
    storeUrl: config.STORE_URL,
    storeOptions: storeOptions(config),
    apiKeys: config.API_KEYS,
    shop: shopOf(config),
    user: config.BOARD_USER,
    password: config.BOARD_PASSWORD,
    viewer: viewerOf(config.BOARD_VIEWER_USER, config.BOARD_VIEWER_PASSWORD),
  }
}

// Without all of the three nothing can be bought; tasks that were bought elsewhere can be registered all the same.
const shopOf = ({ PUBLIC_URL, PROVIDER_API_URL, PROVIDER_API_KEY, ...config }: z.output<typeof variables>) =>
  PUBLIC_URL && PROVIDER_API_URL && PROVIDER_API_KEY
    ? {
        provider: config.PROVIDER ?? providerOf(PROVIDER_API_URL),
        apiUrl: PROVIDER_API_URL,
        apiKey: PROVIDER_API_KEY,
        publicUrl: PUBLIC_URL,
        token: config.CALLBACK_TOKENS[0],
        allowPrivate: config.DOWNLOAD_ALLOW_PRIVATE,
      }
    : undefined

const viewerOf = (user: string, password: string | undefined): Login | undefined =>
  password === undefined ? undefined : { user, password, role: 'viewer' }
