// Sends the documented callbacks through a system of the kind that `npm start` runs, against a stand-in for the
// provider that serves real mp3 files, and shows what was saved. It touches no system that is already running.
import { resolve } from 'node:path'
import type { Manifest } from '@stems/domain/manifest'
import { createProgressReader, type ProgressReader } from '@stems/queue/progress'
import { connectImpatiently, disconnect } from '@stems/queue/redis'
import { openStore, storeFolder } from '@stems/store/open-store'
import type { StemStore } from '@stems/store/stem-store'
import Table from 'cli-table3'
import { type DocumentedPayload, documentedPayload } from '../test/stand-in/payloads.ts'
import { type StandInProvider, startStandInProvider } from '../test/stand-in/provider.ts'
import { type LocalSystem, startLocalSystem } from './local-system.ts'
import { freePort } from './ports.ts'

const PAYLOADS: DocumentedPayload[] = ['split-stem', 'separate-vocal', 'split-stem-advanced', 'separate-vocal-failed']
const BYTES_PER_SECOND = 20_000 // slow enough to watch
const PREFIX = 'stemkeeper-demo'

const main = async (): Promise<void> => {
  const provider = await startStandInProvider({ bytesPerSecond: BYTES_PER_SECOND })
  console.log(`a stand-in for the provider serves mp3 files at ${provider.url}`)
  const system = await startDemoSystem()
  console.log(`ingress, worker and board are running; the board is at ${system.boardUrl} (${login(system)})\n`)
  process.on('SIGINT', () => void system.close().then(() => process.exit(130)))

  const redis = connectImpatiently(system.redisUrl, silent)
  const progress = createProgressReader(redis, PREFIX)
  const store = openStore(system.storeUrl)
  try {
    const tasks = await sendCallbacks(system, provider)
    const manifests = await Promise.all(tasks.map((taskId) => finished(taskId, store, progress)))
    process.exitCode = showSaved(manifests, provider, storeFolder(system.storeUrl)) ? 0 : 1
  } finally {
    await progress.close()
    disconnect(redis)
    await system.close()
    await provider.close()
  }
}

const startDemoSystem = async (): Promise<LocalSystem> =>
  startLocalSystem({
    dataDir: resolve('data/demo'),
    ports: { ingress: await freePort(), worker: await freePort(), board: await freePort() },
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      QUEUE_PREFIX: PREFIX,
      STORE_URL: '',
      LOG_LEVEL: 'warn',
      DOWNLOAD_ALLOW_PRIVATE: 'true', // the stand-in is on this machine
      DOWNLOAD_ALLOWED_HOSTS: '127.0.0.1',
    },
    onLine: (line) => {
      if (!line.startsWith('{')) console.log(line)
    },
  })

const login = ({ login: { user, password } }: LocalSystem): string => `${user} / ${password}`

const sendCallbacks = async (system: LocalSystem, provider: StandInProvider): Promise<string[]> => {
  const run = Date.now().toString(36)
  const tasks: string[] = []
  for (const name of PAYLOADS) {
    const taskId = `demo-${run}-${name}`
    const body = JSON.stringify(documentedPayload(name, { taskId, files: provider.url }))
    const response = await fetch(system.callbackUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    console.log(`POST ${taskId} → ${response.status} ${await response.text()}`)
    tasks.push(taskId)
  }
  console.log()
  return tasks
}

// One line for each stem when it starts, is half way, and ends: readable in a terminal, a log and a pipe alike.
const finished = async (taskId: string, store: StemStore, progress: ProgressReader): Promise<Manifest> => {
  const shown = new Map<string, number>()
  for (;;) {
    for (const { stem, bytes, total } of (await progress.read(taskId).catch(() => [])) ?? []) {
      const percent = bytes === null || !total ? 0 : Math.floor((bytes / total) * 100)
      if (percent - (shown.get(stem) ?? 0) < 30 && !(percent === 100 && shown.get(stem) !== 100)) continue
      shown.set(stem, percent)
      console.log(`  ${taskId.padEnd(36)} ${stem.padEnd(20)} ${bar(percent)} ${`${percent}`.padStart(3)} %`)
    }
    const manifest = await store.readManifest(taskId)
    if (manifest) return manifest
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const bar = (percent: number): string => '█'.repeat(Math.round(percent / 5)).padEnd(20, '░')

/** @returns whether every saved file is what the far side served */
const showSaved = (manifests: Manifest[], provider: StandInProvider, folder: string): boolean => {
  let allTrue = true
  for (const { task_id, status, type, code, msg, stems } of manifests) {
    console.log(`\n${task_id}: ${status} (${type}, code ${code}: ${msg})\n${folder}/${task_id}/`)
    const table = new Table({ head: ['stem', 'file', 'bytes', 'sha256', 'as served'], style: { head: [], border: [] } })
    for (const [stem, outcome] of Object.entries(stems)) {
      if (outcome.status !== 'saved') {
        table.push([stem, `– ${outcome.status}`, '', outcome.status === 'failed' ? outcome.error.message : '', ''])
        continue
      }
      const same = provider.file(decodeURI(new URL(outcome.source_url).pathname)).sha256 === outcome.sha256
      allTrue &&= same
      table.push([
        stem,
        outcome.file,
        { content: `${outcome.bytes}`, hAlign: 'right' },
        outcome.sha256,
        same ? 'yes' : 'NO',
      ])
    }
    console.log(
      Object.keys(stems).length > 0 ? table.toString() : '  no stems: the provider said that the separation failed',
    )
  }
  return allTrue
}

const silent = { debug: () => {}, info: () => {}, warn: () => {} }

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
