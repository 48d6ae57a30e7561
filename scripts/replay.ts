// npm run replay -- <task_id> …: drives separations again. Stems that are home are checked and not fetched again.
import { configOrExit, readEnvironment } from '@stems/config/environment'
import { commonVariables } from '@stems/config/variables'
import { separationOfManifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { awaitReady, connectImpatiently, disconnect } from '@stems/queue/redis'
import { createSubmitter } from '@stems/queue/submit'
import { openStore } from '@stems/store/open-store'
import { z } from 'zod'
import { withLocalRedis } from './local-redis.ts'

const variables = z.object({ ...commonVariables, STORE_URL: z.string().default('file:./data/stems') })

const ANSWERS = {
  driven: 'is being worked on again',
  running: 'has not ended yet: nothing to do',
  unknown: 'is unknown to the queue and to the store',
}

const main = async (taskIds: string[]): Promise<void> => {
  if (taskIds.length === 0) throw new Error('usage: npm run replay -- <task_id> …')
  const config = configOrExit(() => readEnvironment(variables, withLocalRedis(process.env)))
  const redis = connectImpatiently(config.REDIS_URL, { debug: () => {}, info: () => {}, warn: () => {} })
  const submitter = createSubmitter({ redis, prefix: config.QUEUE_PREFIX, deadlineMs: 5000 })
  const store = openStore(config.STORE_URL)
  try {
    await awaitReady(redis, 5000)
    if (redis.status !== 'ready')
      throw new Error('Redis does not answer: start the system, or set REDIS_URL to its Redis')
    for (const taskId of taskIds) {
      if (!taskIdSchema.safeParse(taskId).success) throw new Error(`${JSON.stringify(taskId)} is no task id`)
      const answer = await submitter.replay(taskId, async () => {
        const manifest = await store.readManifest(taskId)
        return manifest && separationOfManifest(manifest)
      })
      console.log(`${taskId} ${ANSWERS[answer]}`)
      if (answer === 'unknown') process.exitCode = 1
    }
  } finally {
    await submitter.close()
    disconnect(redis)
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
