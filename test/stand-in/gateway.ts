import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { type Asked, type Charge, createApi } from './gateway/api.ts'
import { callbackBody } from './gateway/callback-body.ts'
import { createCallbacks } from './gateway/callbacks.ts'
import { type Clock, createRealClock, createSimulatedClock } from './gateway/clock.ts'
import { createFiles } from './gateway/files.ts'
import { createLinks } from './gateway/links.ts'
import { createMoods, type Endpoint, type Mood } from './gateway/moods.ts'
import { type GatewayOptions, withDefaults } from './gateway/options.ts'
import type { GatewayName } from './gateway/refusals.ts'
import type { StemFile } from './gateway/stems.ts'
import { createTasks, type Order, type Plan, type Task } from './gateway/tasks.ts'
import type { CallbackBody } from './payloads.ts'

/** One of the two public gateways, as far as its documents show it: its API, its callbacks, its files. */
export type StandInGateway = {
  /** Of the API, such as `http://127.0.0.1:1234`; what `PROVIDER_API_URL` is told. */
  url: string
  filesUrl: string
  apiKey: string
  /** Retries of callbacks, the end of tasks, and the end of links follow it. */
  clock: Clock
  /** How the next tasks will go, one each. */
  plan: (...plans: Plan[]) => void
  /** Begins a task as though somebody had bought it elsewhere: nothing is charged. */
  begin: (order?: Order) => Task
  task: (taskId: string) => Task
  tasks: () => Task[]
  /** What was paid for, in order. */
  charges: readonly Charge[]
  /** What the API was asked, in order. */
  asked: readonly Asked[]
  /** Sends a task's callback once more, now. */
  sendAgain: (taskId: string) => Promise<number | string>
  /** What the callback of a task says. */
  callbackOf: (taskId: string) => CallbackBody
  /** The next requests to an endpoint of the API meet these moods, one each. */
  behave: (endpoint: Endpoint, ...moods: Mood[]) => void
  /** Every request meets this mood, at all endpoints unless some are named. */
  alwaysBehave: (mood: Mood, endpoints?: readonly Endpoint[]) => void
  /** From now on connections to the API are refused; or no more. Files are served all the while. */
  goDown: () => Promise<void>
  comeBack: () => Promise<void>
  files: {
    /** How often the file behind a link, or at a path, was asked for. */
    hits: (link: string) => number
    /** What lies behind a link, or at a path. */
    served: (link: string) => { bytes: number; sha256: string }
    /** From now on links that have expired are answered so. */
    expireAs: (how: { status: number; html?: boolean }) => void
  }
  close: () => Promise<void>
}

/** Starts the stand-in for a gateway. Time stands still in it until `clock.advance`, unless it is given the real clock. */
export const startStandInGateway = async (options: GatewayOptions = {}): Promise<StandInGateway> => {
  const clock = options.clock ?? createSimulatedClock()
  const settings = withDefaults(clock, options)
  const { host, port, filesPort, linksLiveMs } = settings

  const links = createLinks(() => filesServer.url(), clock)
  const linkOf =
    ({ completedAt = 0, plan }: Task) =>
    ({ path }: StemFile) =>
      links.make(path, completedAt + (plan.linksLiveMs ?? linksLiveMs))
  const bodyOf = (task: Task) => callbackBody(task, settings.infoKey, linkOf(task))
  const callbacks = createCallbacks({ settings, bodyOf })
  const tasks = createTasks({ settings, onDone: callbacks.deliver })
  const moods = createMoods()
  const files = createFiles({ settings, tasks, links })
  const api = await createApi({ settings, tasks, links, moods, linkOf })

  const filesServer = await listen(host, filesPort, async (request, response) => {
    await Promise.resolve(files.answer(request, response)).catch(() => response.destroy())
  })
  const apiServer = await listen(host, port, (request, response) => api.app.routing(request, response))

  const task = (taskId: string): Task => {
    const found = tasks.find(taskId)
    if (!found) throw new Error(`the stand-in has no task ${taskId}`)
    return found
  }
  return {
    url: apiServer.url(),
    filesUrl: filesServer.url(),
    apiKey: settings.apiKey,
    clock,
    plan: tasks.plan,
    begin: (order = {}) => tasks.begin(order),
    task,
    tasks: tasks.all,
    charges: api.charges,
    asked: api.asked,
    sendAgain: (taskId) => callbacks.sendOnce(task(taskId)),
    callbackOf: (taskId) => bodyOf(task(taskId)),
    behave: moods.behave,
    alwaysBehave: moods.alwaysBehave,
    goDown: apiServer.close,
    comeBack: apiServer.open,
    files: {
      hits: (link) => files.hits(pathOf(link)),
      served: (link) => {
        const content = files.contentOf(pathOf(link))
        return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
      },
      expireAs: files.expireAs,
    },
    close: async () => {
      clock.close()
      callbacks.close()
      await Promise.all([apiServer.close(), filesServer.close()])
      await api.app.close()
    },
  }
}

const pathOf = (link: string): string => decodeURIComponent(new URL(link, 'http://files').pathname)

/** A server that may close and open again, at the same port. */
const listen = async (host: string, firstPort: number, listener: RequestListener) => {
  let server: Server | undefined
  let port = firstPort
  const open = async () => {
    server = createServer(listener).listen(port, host)
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  await open()
  return {
    url: () => `http://127.0.0.1:${port}`,
    open,
    close: async () => {
      if (!server) return
      const closing = once(server, 'close')
      server.close()
      server.closeAllConnections() // those that hang are never answered
      server = undefined
      await closing
    },
  }
}

// `node test/stand-in/gateway.ts --provider sunoapi --port 4000` runs it, in real time, until it is stopped.
if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      provider: { type: 'string', default: 'kie' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '0' },
      'files-port': { type: 'string', default: '0' },
      'api-key': { type: 'string' },
      'hmac-key': { type: 'string' },
      'takes-seconds': { type: 'string', default: '83' },
      'links-live-seconds': { type: 'string', default: '86400' },
      'no-range': { type: 'boolean', default: false },
    },
  })
  if (!['kie', 'sunoapi'].includes(values.provider)) throw new Error('--provider must be kie or sunoapi')
  const gateway = await startStandInGateway({
    clock: createRealClock(),
    provider: values.provider as GatewayName,
    host: values.host,
    port: Number(values.port),
    filesPort: Number(values['files-port']),
    ...(values['api-key'] ? { apiKey: values['api-key'] } : {}),
    webhookHmacKey: values['hmac-key'],
    takesMs: Number(values['takes-seconds']) * 1000,
    linksLiveMs: Number(values['links-live-seconds']) * 1000,
    ranges: !values['no-range'],
  })
  console.log(`PROVIDER_API_URL=${gateway.url}\nPROVIDER_API_KEY=${gateway.apiKey}\nfiles at ${gateway.filesUrl}`)
}
