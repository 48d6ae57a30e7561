// The `secrets` service of docker-compose.yml: runs before all others, writes the secrets where they read them, and ends.
// What the environment gives is taken; what it does not give is made up once and kept. `--show` prints what there is.
import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'

const FOLDER = new URL('../secrets/', import.meta.url)
const OWNER_ONLY = 0o400
const OTHERS_TOO = 0o444 // Redis and Grafana run under other users; only containers that mount the volume see the file

type Secret = { value: string; origin: 'given' | 'kept' | 'generated' }

const main = () => {
  if (process.argv.includes('--show')) {
    announce(shown(read('ingress/callback-tokens')), shown(read('board/password')))
    return say(
      `grafana       ${address('GRAFANA_PUBLISH')}/  user admin, password ${shown(read('grafana/password')).value}`,
    )
  }
  const redisPassword = choose('REDIS_PASSWORD', 'redis/password')
  const callbackTokens = choose('CALLBACK_TOKENS', 'ingress/callback-tokens')
  const boardPassword = choose('BOARD_PASSWORD', 'board/password')
  const grafanaPassword = choose('GRAFANA_PASSWORD', 'grafana/password')

  write('redis/redis.conf', `requirepass "${redisPassword.value.replace(/["\\]/g, '\\$&')}"`, OTHERS_TOO)
  write('redis/url', redisUrl(redisPassword.value), OWNER_ONLY)
  write('redis/password', redisPassword.value, OTHERS_TOO) // last of the three: Redis waits for it
  write('ingress/callback-tokens', callbackTokens.value, OWNER_ONLY)
  write('board/password', boardPassword.value, OWNER_ONLY)
  write('board/callback-tokens', callbackTokens.value, OWNER_ONLY) // it tells the provider where callbacks are to go
  write('grafana/password', grafanaPassword.value, OTHERS_TOO) // told by --show alone: few start Grafana
  announce(callbackTokens, boardPassword)
}

const choose = (variable: string, file: string): Secret => {
  const given = process.env[variable]
  if (given && /^\s|\s$|\p{Cc}/u.test(given))
    fail(`${variable}: must have no spaces at its ends and no control characters`)
  if (given) return { value: given, origin: 'given' }
  const kept = read(file)
  if (kept) return { value: kept, origin: 'kept' }
  return { value: randomBytes(24).toString('base64url'), origin: 'generated' }
}

const redisUrl = (password: string): string => {
  const own = `redis://:${encodeURIComponent(password)}@redis:6379`
  const given = process.env.REDIS_URL?.trim()
  if (!given) return own
  const host = URL.parse(given)?.hostname
  if (host !== 'localhost' && host !== '[::1]' && !host?.startsWith('127.')) return given
  // Set for `npm start`, most likely; in a container it would lead nowhere.
  say(`REDIS_URL names ${host}, which in a container is the container itself: using the redis service instead.`)
  return own
}

/** Tells what was generated, this once; the log stays, so nothing that a person has chosen gets into it. */
const announce = (callbackTokens: Secret, boardPassword: Secret) => {
  const [token = ''] = callbackTokens.value.split(',')
  const user = process.env.BOARD_USER || 'admin'
  const callbackUrl = `${address('INGRESS_PUBLISH')}/callbacks/separation/${token.trim()}`
  const origins = { given: 'with the tokens that were given', kept: 'as before' }
  say(`callback URL  ${callbackTokens.origin === 'generated' ? callbackUrl : origins[callbackTokens.origin]}`)
  const password = { given: 'as given', kept: 'as before', generated: boardPassword.value }[boardPassword.origin]
  say(`board         ${address('BOARD_PUBLISH')}/  user ${user}, password ${password}`)
  if (callbackTokens.origin !== 'generated' || boardPassword.origin !== 'generated') {
    say('`docker compose run --rm secrets --show` prints them in full.')
  }
}

const shown = (value: string): Secret => ({
  value: value || fail('no secrets yet: `docker compose up` makes them'),
  origin: 'generated',
})

const address = (variable: string): string => {
  const published = process.env[variable] || '?'
  return `http://${published.includes(':') ? published : `127.0.0.1:${published}`}`
}

const read = (name: string): string => {
  try {
    return readFileSync(new URL(name, FOLDER), 'utf8').trim()
  } catch {
    return ''
  }
}

// By rename, so that a crash leaves the old secret or the new one, never half of it.
const write = (name: string, value: string, mode: number) => {
  const path = new URL(name, FOLDER)
  if (read(name) === value) return
  const temporary = new URL(`${name}.new`, FOLDER)
  writeFileSync(temporary, `${value}\n`, { mode })
  renameSync(temporary, path)
}

const say = (line: string) => process.stdout.write(`${line}\n`)

const fail = (line: string): never => {
  process.stderr.write(`configuration: ${line}\n`)
  process.exit(1)
}

main()
