// npm run reindex: adds every separation in the store to the library's index. It only adds, and is safe at any time.
import { configOrExit, readEnvironment } from '@stems/config/environment'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '@stems/config/redis-variables'
import { storeOptions, storeVariables } from '@stems/config/store-variables'
import { commonVariables } from '@stems/config/variables'
import { createLibraryIndex } from '@stems/queue/library-index'
import { reindex } from '@stems/queue/reindex'
import { isStoreUrl, openStore, STORE_URL_FORM } from '@stems/store/open-store'
import { z } from 'zod'
import { withLocalRedis } from './local-files.ts'
import { withRedis } from './with-redis.ts'

const variables = z.object({
  ...commonVariables,
  ...redisVariables,
  STORE_URL: z.string().refine(isStoreUrl, STORE_URL_FORM).default('file:./data/stems'),
  ...storeVariables,
})

const main = async (args: string[]): Promise<void> => {
  if (args.length > 0) throw new Error('usage: npm run reindex   adds every separation in the store to the library')
  const config = configOrExit(() => readEnvironment(variables, withLocalRedis(process.env), redisProblems))
  const store = await openStore(config.STORE_URL, storeOptions(config))
  await withRedis(redisTarget(config), async (redis) => {
    const index = createLibraryIndex(redis, queuePrefix(config))
    const separations = await reindex({ index, store })
    console.log(`the library holds the ${separations} separations of the store`)
  })
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
