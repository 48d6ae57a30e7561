// npm run separate: buys a separation, has its callback sent here, and registers its task; see USAGE.
import { configOrExit, readEnvironment } from '@stems/config/environment'
import { buyerVariables, providerProblems } from '@stems/config/provider-variables'
import { queuePrefix, redisProblems, redisTarget, redisVariables } from '@stems/config/redis-variables'
import { commonVariables } from '@stems/config/variables'
import { ORDER_TYPES, type Order } from '@stems/domain/purchase'
import { createHostAsk } from '@stems/outgoing/host-ask'
import { createProviderApi } from '@stems/provider/provider-api'
import { providerOf } from '@stems/provider/provider-name'
import { createPurchaseClient } from '@stems/provider/purchase'
import { createPurchases, type PurchaseAnswer } from '@stems/queue/purchases'
import { createAskLimit } from '@stems/queue/rate-limit'
import { createSubmitter } from '@stems/queue/submit'
import { z } from 'zod'
import { withLocalRedis, withLocalToken } from './local-files.ts'
import { DEADLINE_MS, withRedis } from './with-redis.ts'

const USAGE = `usage: npm run separate -- <source_task_id> <audio_id> <type> [<stem_name>] [--again]
       buys the separation of a song: type is ${ORDER_TYPES.join(', ')}
       --again buys it although the same was bought, or may have been bought, before`

const variables = z.object({ ...commonVariables, ...redisVariables, ...buyerVariables })

const main = async (args: string[]): Promise<void> => {
  const again = args.includes('--again')
  const order = readOrder(args.filter((arg) => arg !== '--again'))
  const config = configOrExit(() =>
    readEnvironment(variables, withLocalToken(withLocalRedis(process.env)), (given) => [
      ...providerProblems(given),
      ...redisProblems(given),
    ]),
  )
  const { PROVIDER_API_URL: apiUrl, PROVIDER_API_KEY: apiKey, PUBLIC_URL: publicUrl } = config
  if (!apiUrl || !apiKey || !publicUrl) {
    throw new Error('nothing can be bought without PROVIDER_API_URL, PROVIDER_API_KEY and PUBLIC_URL')
  }
  await withRedis(redisTarget(config), async (redis) => {
    const queue = { redis, prefix: queuePrefix(config), deadlineMs: DEADLINE_MS }
    const submitter = createSubmitter(queue)
    const ask = createHostAsk({
      url: apiUrl,
      allowPrivate: config.DOWNLOAD_ALLOW_PRIVATE,
      setting: 'PROVIDER_API_URL',
      before: createAskLimit(queue),
    })
    const { buy } = createProviderApi({ provider: config.PROVIDER ?? providerOf(apiUrl), apiUrl, apiKey, ask })
    const { purchase, close } = createPurchases({
      ...queue,
      expect: submitter.expect,
      buy: createPurchaseClient({ buy, publicUrl, token: config.CALLBACK_TOKENS[0] }),
    })
    try {
      tell(await purchase(order, { again }))
    } finally {
      close()
    }
  })
}

const readOrder = ([sourceTaskId, audioId, type, stemName, ...rest]: string[]): Order => {
  const known = ORDER_TYPES.find((each) => each === type)
  if (!sourceTaskId || !audioId || !known || rest.length > 0) throw new Error(USAGE)
  return { sourceTaskId, audioId, type: known, ...(stemName ? { stemName } : {}) }
}

const tell = (answer: PurchaseAnswer): void => {
  switch (answer.status) {
    case 'bought':
      if (answer.isRegistered) {
        console.log(`bought: task ${answer.taskId}, which is expected now`)
        return
      }
      process.exitCode = 1
      console.log(`bought: task ${answer.taskId}; Redis is away, so register it: npm run expect -- ${answer.taskId}`)
      return
    case 'already':
      console.log(`bought before, nothing was bought now: task ${answer.taskId} (--again buys it once more)`)
      return
    case 'buying':
      process.exitCode = 1
      console.log('somebody else is buying the same right now: look again in a minute')
      return
    case 'maybe':
      process.exitCode = 1
      console.log(
        `${answer.why}\nordered at ${answer.since}. If its callback comes, the purchase is settled by itself.`,
      )
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
