import { existsSync, readFileSync } from 'node:fs'

/** Where a running `npm start` leaves the address of its Redis for other commands; relative to the working directory. */
export const LOCAL_REDIS_URL_FILE = 'data/redis-url'

/** Where `npm start` keeps the callback token that it has made up. */
export const LOCAL_TOKEN_FILE = 'data/callback-token'

/** The environment, with the Redis that `npm start` brought along where no other is given. */
export const withLocalRedis = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  if (env.REDIS_URL || env.REDIS_URL_FILE || !existsSync(LOCAL_REDIS_URL_FILE)) return env
  return { ...env, REDIS_URL: readFileSync(LOCAL_REDIS_URL_FILE, 'utf8').trim() }
}

/** The environment, with the callback token that `npm start` made up where no other is given. */
export const withLocalToken = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  if (env.CALLBACK_TOKENS || env.CALLBACK_TOKENS_FILE || !existsSync(LOCAL_TOKEN_FILE)) return env
  return { ...env, CALLBACK_TOKENS_FILE: LOCAL_TOKEN_FILE }
}
