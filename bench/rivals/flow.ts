// BullMQ itself with empty processors: flows of a parent, which holds a callback, and a child for each of its links, made and
// worked off in one process. A line `TAG COUNT` on standard input makes so many; `done` says that all of them have ended. With
// SAVE_TO the processors do the least that keeps a file in that folder.
import { hash } from 'node:crypto'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FlowProducer, type Job, Worker } from 'bullmq'
import { Agent, request } from 'undici'
import { documentedPayload } from '../../test/stand-in/payloads.ts'

const connection = { url: process.env.REDIS_URL as string }
const concurrency = Number(process.env.CONCURRENCY)
const AT_ONCE = 32 // as the callbacks of the other side come

const flows = new FlowProducer({ connection })
const nothing = async () => {}
const folder = process.env.SAVE_TO
const agent = new Agent({ keepAliveTimeout: 4000 })

// The least that keeps a stem: fetched, hashed, and on the disk under its name. Nothing is checked, guarded, limited or repeated.
const save = async ({ data: { taskId, stem, url } }: Job) => {
  const answer = await request(url, { dispatcher: agent })
  const body = Buffer.from(await answer.body.arrayBuffer())
  const sha256 = hash('sha256', body)
  const path = join(folder as string, taskId, `${stem}.mp3`)
  await mkdir(join(folder as string, taskId), { recursive: true })
  await writeFile(`${path}.part`, body, { flush: true })
  await rename(`${path}.part`, path)
  const directory = await open(join(folder as string, taskId))
  await directory.sync()
  await directory.close()
  return { sha256, bytes: body.length }
}

const children = new Worker('stems', folder ? save : nothing, { connection, concurrency })
const parents = new Worker('separations', nothing, { connection, concurrency: 16 })
let left = 0
parents.on('completed', () => {
  left -= 1
  if (left === 0) console.log('done')
})

const flowOf = (taskId: string) => {
  const data = documentedPayload('split-stem', { taskId, files: process.env.FILES as string })
  const links = Object.entries(data.data.vocal_separation_info ?? {}).filter(([, link]) => link !== '')
  const stems = links.map(([stem, url]) => {
    const opts = { jobId: `${taskId}.${stem}` }
    return { name: 'stem', queueName: 'stems', data: { taskId, stem, url }, opts }
  })
  return { name: 'separation', queueName: 'separations', data, opts: { jobId: taskId }, children: stems }
}

await Promise.all([children.waitUntilReady(), parents.waitUntilReady()])
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [tag, count] = line.split(' ') as [string, string]
  const ids = Array.from({ length: Number(count) }, (_, index) => `${tag}-${index}`)
  left = ids.length
  const makeAll = async () => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) await flows.add(flowOf(id))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, makeAll))
}
process.exit()
