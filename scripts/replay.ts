// npm run replay: drives separations again, or tries again what the quarantine holds or could not be announced; see USAGE.
import { configOrExit, readEnvironment } from '@stems/config/environment'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '@stems/config/redis-variables'
import { storeOptions, storeVariables } from '@stems/config/store-variables'
import { commonVariables } from '@stems/config/variables'
import { separationOfManifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { createNotifications } from '@stems/queue/notifications'
import { createQuarantine } from '@stems/queue/quarantine'
import { createSubmitter, type Submitter } from '@stems/queue/submit'
import { isStoreUrl, openStore, STORE_URL_FORM } from '@stems/store/open-store'
import type { StemStore } from '@stems/store/stem-store'
import { z } from 'zod'
import { withLocalRedis } from './local-files.ts'
import { releaseQuarantine } from './replay/release-quarantine.ts'
import { sendNotificationsAgain } from './replay/send-notifications-again.ts'
import { DEADLINE_MS, withRedis } from './with-redis.ts'

const USAGE = `usage: npm run replay -- <task_id> …                   drives separations again; what is home is not fetched again
       npm run replay -- quarantine [<task_id> …]      tries again what the quarantine holds, after an upgrade
       npm run replay -- notifications [<task_id> …]   sends notifications again that failed
       npm run replay -- -- quarantine                 drives the separation whose task id is «quarantine»`

const variables = z.object({
  ...commonVariables,
  ...redisVariables,
  STORE_URL: z.string().refine(isStoreUrl, STORE_URL_FORM).default('file:./data/stems'),
  ...storeVariables,
})

const ANSWERS = {
  driven: 'is being worked on again',
  running: 'has not ended yet: nothing to do',
  unknown: 'is unknown to the queue and to the store',
}

const main = async (args: string[]): Promise<void> => {
  const [verb, ...rest] = args
  const isVerb = verb === 'quarantine' || verb === 'notifications'
  const taskIds = isVerb || verb === '--' ? rest : args
  if (!isVerb && taskIds.length === 0) throw new Error(USAGE)
  const config = configOrExit(() => readEnvironment(variables, withLocalRedis(process.env), redisProblems))
  const print = (line: string) => console.log(line)
  await withRedis(redisTarget(config), async (redis) => {
    const queue = { redis, prefix: queuePrefix(config), deadlineMs: DEADLINE_MS }
    const [submitter, quarantine, notifications] = [
      createSubmitter(queue),
      createQuarantine(queue),
      createNotifications(queue),
    ]
    let done: boolean
    if (verb === 'quarantine') done = await releaseQuarantine({ quarantine, submitter, taskIds, print })
    else if (verb === 'notifications') done = await sendNotificationsAgain({ notifications, taskIds, print })
    else {
      const store = await openStore(config.STORE_URL, storeOptions(config))
      done = await replayAll({ submitter, store, taskIds })
    }
    if (!done) process.exitCode = 1
  })
}

const replayAll = async ({
  submitter,
  store,
  taskIds,
}: {
  submitter: Submitter
  store: StemStore
  taskIds: string[]
}): Promise<boolean> => {
  let areAllKnown = true
  for (const taskId of taskIds) {
    if (!taskIdSchema.safeParse(taskId).success) throw new Error(`${JSON.stringify(taskId)} is no task id`)
    const answer = await submitter.replay(taskId, async () => {
      const manifest = await store.readManifest(taskId)
      return manifest && separationOfManifest(manifest)
    })
    console.log(`${taskId} ${ANSWERS[answer]}`)
    if (answer === 'unknown') areAllKnown = false
  }
  return areAllKnown
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
