// npm run expect -- <task_id> …: registers tasks that were paid for, so that they come home without their callback too.
import { configOrExit, readEnvironment } from '@stems/config/environment'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '@stems/config/redis-variables'
import { storeOptions, storeVariables } from '@stems/config/store-variables'
import { commonVariables } from '@stems/config/variables'
import { taskIdSchema } from '@stems/domain/task-id'
import { createSubmitter } from '@stems/queue/submit'
import { isStoreUrl, openStore, STORE_URL_FORM } from '@stems/store/open-store'
import { z } from 'zod'
import { withLocalRedis } from './local-files.ts'
import { DEADLINE_MS, withRedis } from './with-redis.ts'

const USAGE = 'usage: npm run expect -- <task_id> …   registers tasks whose callbacks have not come (yet)'

const ANSWERS = {
  expected: 'is expected: if its callback does not come, the provider is asked',
  known: 'is known: its callback has come already, or it is home',
}

const variables = z.object({
  ...commonVariables,
  ...redisVariables,
  STORE_URL: z.string().refine(isStoreUrl, STORE_URL_FORM).default('file:./data/stems'),
  ...storeVariables,
})

const main = async (taskIds: string[]): Promise<void> => {
  if (taskIds.length === 0) throw new Error(USAGE)
  for (const taskId of taskIds) {
    if (!taskIdSchema.safeParse(taskId).success) throw new Error(`${JSON.stringify(taskId)} is no task id`)
  }
  const config = configOrExit(() => readEnvironment(variables, withLocalRedis(process.env), redisProblems))
  const store = await openStore(config.STORE_URL, storeOptions(config))
  await withRedis(redisTarget(config), async (redis) => {
    const submitter = createSubmitter({ redis, prefix: queuePrefix(config), deadlineMs: DEADLINE_MS })
    for (const taskId of taskIds) {
      const isHome = async () => (await store.readManifest(taskId))?.status === 'complete'
      console.log(`${taskId} ${ANSWERS[await submitter.expect(taskId, isHome)]}`)
    }
  })
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
