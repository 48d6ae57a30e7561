// npm run replay: drives separations again, or tries again what the quarantine holds or could not be announced; see USAGE.
import { configOrExit, readEnvironment } from '@stems/config/environment'
import { commonVariables } from '@stems/config/variables'
import { separationOfManifest } from '@stems/domain/manifest'
import { taskIdSchema } from '@stems/domain/task-id'
import { createNotifications } from '@stems/queue/notifications'
import { createQuarantine } from '@stems/queue/quarantine'
import { awaitReady, connectImpatiently, disconnect } from '@stems/queue/redis'
import { createSubmitter, type Submitter } from '@stems/queue/submit'
import { openStore } from '@stems/store/open-store'
import type { StemStore } from '@stems/store/stem-store'
import { z } from 'zod'
import { withLocalRedis } from './local-files.ts'
import { releaseQuarantine } from './replay/release-quarantine.ts'
import { sendNotificationsAgain } from './replay/send-notifications-again.ts'

const USAGE = `usage: npm run replay -- <task_id> …                   drives separations again; what is home is not fetched again
       npm run replay -- quarantine [<task_id> …]      tries again what the quarantine holds, after an upgrade
       npm run replay -- notifications [<task_id> …]   sends notifications again that failed
       npm run replay -- -- quarantine                 drives the separation whose task id is «quarantine»`

const variables = z.object({ ...commonVariables, STORE_URL: z.string().default('file:./data/stems') })

const DEADLINE_MS = 5000

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
  const config = configOrExit(() => readEnvironment(variables, withLocalRedis(process.env)))
  const redis = connectImpatiently(config.REDIS_URL, { debug: () => {}, info: () => {}, warn: () => {} })
  const room = { redis, prefix: config.QUEUE_PREFIX, deadlineMs: DEADLINE_MS }
  const submitter = createSubmitter(room)
  const quarantine = createQuarantine(room)
  const notifications = createNotifications(room)
  const print = (line: string) => console.log(line)
  try {
    await awaitReady(redis, DEADLINE_MS)
    if (redis.status !== 'ready')
      throw new Error('Redis does not answer: start the system, or set REDIS_URL to its Redis')
    let done: boolean
    if (verb === 'quarantine') done = await releaseQuarantine({ quarantine, submitter, taskIds, print })
    else if (verb === 'notifications') done = await sendNotificationsAgain({ notifications, taskIds, print })
    else done = await replayAll({ submitter, store: openStore(config.STORE_URL), taskIds })
    if (!done) process.exitCode = 1
  } finally {
    await submitter.close()
    await quarantine.close()
    await notifications.close()
    disconnect(redis)
  }
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
