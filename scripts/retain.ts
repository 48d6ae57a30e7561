// npm run retain: removes what finished long ago, once; see USAGE.
import { parseArgs } from 'node:util'
import { configOrExit, readEnvironment } from '@stems/config/environment'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '@stems/config/redis-variables'
import { storeOptions, storeVariables } from '@stems/config/store-variables'
import { commonVariables, integer } from '@stems/config/variables'
import { awaitReady, connectImpatiently, disconnect, isReady } from '@stems/queue/redis'
import { type Retired, retire } from '@stems/queue/retire'
import { createRetiredJobs } from '@stems/queue/retired-jobs'
import { isStoreUrl, openStore, STORE_URL_FORM } from '@stems/store/open-store'
import { z } from 'zod'
import { withLocalRedis } from './local-files.ts'
import { DEADLINE_MS } from './with-redis.ts'

const USAGE = `usage: npm run retain                removes the separations that finished more than RETAIN_STEMS_DAYS ago, with their jobs
       npm run retain -- --dry-run   removes nothing, and tells what would go
       npm run retain -- --list      names each of them`

const DAY_MS = 24 * 3600_000
const HOLD_MS = 5 * 60_000
const SILENT = { debug: () => {}, info: () => {}, warn: () => {} }

const variables = z.object({
  ...commonVariables,
  ...redisVariables,
  ...storeVariables,
  STORE_URL: z.string().refine(isStoreUrl, STORE_URL_FORM).default('file:./data/stems'),
  RETAIN_STEMS_DAYS: integer({ min: 1, max: 36_500 }).optional(),
})

const main = async (args: string[]): Promise<void> => {
  const { isDryRun, isListed } = readArguments(args)
  const config = configOrExit(() => readEnvironment(variables, withLocalRedis(process.env), redisProblems))
  if (config.RETAIN_STEMS_DAYS === undefined)
    throw new Error('RETAIN_STEMS_DAYS is not set: everything is kept for ever')
  const store = await openStore(config.STORE_URL, storeOptions(config))
  const redis = connectImpatiently(redisTarget(config), SILENT)
  const jobs = createRetiredJobs(redis, queuePrefix(config), HOLD_MS)
  try {
    await awaitReady(redis, DEADLINE_MS)
    if (!isDryRun && !isReady(redis)) {
      throw new Error('Redis does not answer: start the system, or set REDIS_URL to its Redis')
    }
    const retired = await retire({
      store,
      jobs,
      retainMs: config.RETAIN_STEMS_DAYS * DAY_MS,
      isDryRun,
      onGone: ({ taskId, finishedAt, bytes }) => {
        if (isListed) console.log(`${taskId} ${finishedAt} ${bytes}`)
      },
      onFailed: (taskId, error) => console.error(`${taskId} could not be removed: ${error.message}`),
    })
    console.log(inWords(retired, isDryRun))
    if (retired.failed > 0) process.exitCode = 1
  } finally {
    disconnect(redis)
  }
}

const readArguments = (args: string[]) => {
  try {
    const flag = { type: 'boolean', default: false } as const
    const { values } = parseArgs({ args, options: { 'dry-run': flag, list: flag } })
    return { isDryRun: values['dry-run'], isListed: values.list }
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${USAGE}`)
  }
}

const inWords = ({ separations, files, bytes, oldest, newest, busy, failed }: Retired, isDryRun: boolean): string => {
  const what = `${separations} separations, ${files} stems, ${bytes} bytes`
  const range = oldest === null ? '' : `, finished from ${oldest} to ${newest}`
  const rest = [busy > 0 ? `${busy} are being worked on` : '', failed > 0 ? `${failed} could not be removed` : '']
  return [`${isDryRun ? 'would remove' : 'removed'} ${what}${range}`, ...rest.filter((part) => part !== '')].join('; ')
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
