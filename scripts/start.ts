// Everything in one terminal on one machine: a private Redis, ingress, worker, board. Ctrl-C ends all.
import { resolve } from 'node:path'
import { ConfigError, configOrExit, readEnvironment } from '@stems/config/environment'
import { port } from '@stems/config/variables'
import pretty from 'pino-pretty'
import { z } from 'zod'
import { type LocalSystem, startLocalSystem } from './local-system.ts'
import { isFree } from './ports.ts'

const DATA_DIR = resolve('data')

const variables = z.object({
  PORT: port().default(3000),
  BOARD_PORT: port().default(3001),
  WORKER_HEALTH_PORT: port().default(3002),
})

const main = async (): Promise<void> => {
  const config = configOrExit(() => readEnvironment(variables, process.env))
  await exitIfTaken(config)
  const lines = pretty({
    singleLine: true,
    ignore: 'app',
    messageFormat: '{app}: {msg}',
    translateTime: 'SYS:HH:MM:ss',
  })
  const system = await startLocalSystem({
    dataDir: DATA_DIR,
    ports: { ingress: config.PORT, board: config.BOARD_PORT, worker: config.WORKER_HEALTH_PORT },
    env: process.env,
    onLine: (line) => lines.write(`${line}\n`),
  })
  console.log(banner(system))
  await untilTheEnd(system)
}

const exitIfTaken = async (config: z.infer<typeof variables>): Promise<void> => {
  const host = process.env.HOST || '127.0.0.1'
  for (const [variable, number] of Object.entries(config)) {
    if (await isFree(host, number)) continue
    throw new ConfigError([`${host}:${number} is taken by another process; set ${variable} to a free port`])
  }
}

const untilTheEnd = async (system: LocalSystem): Promise<void> => {
  const told = new Promise<'told'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve('told'))
  })
  const reason = await Promise.race([told, system.appEnded])
  console.log(
    reason === 'told' ? '\nending; downloads that run may finish …' : `${reason} has ended; ending the others`,
  )
  await system.close()
  process.exit(reason === 'told' ? 0 : 1)
}

const banner = ({ shown, boardUrl, login, storeUrl }: LocalSystem): string => `
  Stemkeeper is running. Ctrl-C ends it.

  callbacks  ${shown.callbackUrl}
  library    ${boardUrl}
  queues     ${boardUrl}/queues
  login      ${login.user} / ${shown.password}
  stems      ${storeUrl.replace(/^file:/, '')}

  try it     curl ${shown.callbackUrl} \\
               -H 'content-type: application/json' \\
               -d '{"code":500,"msg":"only a trial","data":{"task_id":"trial","vocal_separation_info":null}}'
             npm run demo
`

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
