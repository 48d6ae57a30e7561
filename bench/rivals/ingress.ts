// The least that one could write in place of Stemkeeper's ingress: it believes everybody, checks nothing, and looks at nothing.
import { Queue } from 'bullmq'
import fastify from 'fastify'

const queue = new Queue('callbacks', { connection: { url: process.env.REDIS_URL as string } })
const app = fastify()
app.post<{ Body: { data: { task_id: string } } }>('/callbacks', async ({ body }) => {
  await queue.add('callback', body, { jobId: body.data.task_id })
  return { status: 'accepted' }
})
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
process.once('SIGTERM', () => process.exit())
