// BullMQ itself with empty processors: flows of one parent and so many children, made and worked off in one process.
// Each line on standard input is `TAG COUNT CHILDREN`; each on standard output says that they have ended.
import { createInterface } from 'node:readline'
import { FlowProducer, Worker } from 'bullmq'

const connection = { url: process.env.REDIS_URL as string }
const flows = new FlowProducer({ connection })
const concurrency = Number(process.env.CONCURRENCY ?? 8)
const nothing = async () => {}
const children = new Worker('stems', nothing, { connection, concurrency })
const parents = new Worker('separations', nothing, { connection, concurrency: 16 })
let left = 0
parents.on('completed', () => {
  left -= 1
  if (left === 0) console.log('done')
})
await Promise.all([children.waitUntilReady(), parents.waitUntilReady()])
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [tag, count, each] = line.split(' ') as [string, string, string]
  left = Number(count)
  for (let index = 0; index < Number(count); ) {
    const batch = Math.min(32, Number(count) - index)
    await Promise.all(
      Array.from({ length: batch }, (_, offset) => flows.add(flow(`${tag}-${index + offset}`, Number(each)))),
    )
    index += batch
  }
}
await Promise.all([children.close(), parents.close()])
process.exit()

function flow(id: string, each: number) {
  const jobs = Array.from({ length: each }, (_, stem) => ({
    name: 'stem',
    queueName: 'stems',
    data: {},
    opts: { jobId: `${id}.${stem}` },
  }))
  return { name: 'separation', queueName: 'separations', data: {}, opts: { jobId: id }, children: jobs }
}
