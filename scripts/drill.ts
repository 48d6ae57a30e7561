// The fault drill: the real processes, a hostile far side, callbacks with duplicates, and everything that can fail
// failing meanwhile. Then every callback that was answered 200 and every stem it named is accounted for.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drawUpAccount } from './drill/account.ts'
import { createDice } from './drill/dice.ts'
import { injectFaults } from './drill/faults.ts'
import { startHostileFarSide } from './drill/hostile-far-side.ts'
import { truthOf } from './drill/moods.ts'
import { type DrillOptions, HELP, readOptions } from './drill/options.ts'
import { startOrchestrator } from './drill/orchestrator.ts'
import { planCallbacks } from './drill/plan-callbacks.ts'
import { planFaults } from './drill/plan-faults.ts'
import { createProgress } from './drill/progress.ts'
import { watchQueues } from './drill/queues.ts'
import { isClean, type Outcome, report } from './drill/report.ts'
import { createSender } from './drill/sender.ts'
import { untilSettled } from './drill/settle.ts'
import { mountSmallDisk, type SmallDisk } from './drill/small-disk.ts'
import { createSystemUnderDrill } from './drill/system-under-drill.ts'

const INGRESSES = 2
const BYTES_PER_CALLBACK = 600_000 // more than three times what one brings home on average
const SMALLEST_DISK_BYTES = 64_000_000
const PATIENCE_MS = 120_000

const main = async (): Promise<void> => {
  const options = readOptions(process.argv.slice(2))
  if (options === 'help') return console.log(HELP)
  const stop = new AbortController()
  const folder = mkdtempSync(join(tmpdir(), 'stemkeeper-drill-'))
  const disk = options.disk ? mountSmallDisk(join(folder, 'disk'), diskBytes(options)) : 'as told by --no-disk'
  const usable = typeof disk === 'string' ? undefined : disk
  let isTold = false
  // Each time: npm passes a Ctrl-C on once more, and that one must not cut the cleaning short.
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      isTold = true
      stop.abort(new Error(`ended by ${name}`))
    })
  }

  console.log(`seed ${options.seed}: ${options.callbacks} callbacks, ${options.minutes} minutes of faults`)
  if (typeof disk === 'string') console.log(`left out: a disk that fills up; ${disk}`)
  let outcome: Outcome | undefined
  try {
    outcome = await drill(options, folder, usable, stop.signal)
    console.log(report(outcome))
  } catch (error) {
    if (!isTold) throw error
    console.log('ended before its time; all that it started is gone')
  } finally {
    stop.abort()
    const isKept = outcome ? !isClean(outcome) : !isTold
    if (isKept && usable) cpSync(join(folder, 'disk'), join(folder, 'disk-as-it-was'), { recursive: true })
    usable?.unmount()
    if (isKept) console.log(`logs, store and Redis data are kept in ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }
  process.exit(isTold ? 130 : outcome && isClean(outcome) ? 0 : 1)
}

const drill = async (
  options: DrillOptions,
  folder: string,
  disk: SmallDisk | undefined,
  signal: AbortSignal,
): Promise<Outcome> => {
  const startedAt = Date.now()
  const dice = createDice(options.seed)
  const overMs = options.minutes * 60_000
  const store = join(folder, disk ? 'disk' : '', 'stems')
  mkdirSync(store, { recursive: true })
  const farSide = await startHostileFarSide()
  const system = await createSystemUnderDrill({
    ...{ folder, storeFolder: store, workers: options.workers, ingresses: INGRESSES },
  })
  const queues = watchQueues(system.redisUrl)
  let orchestrator: ReturnType<typeof startOrchestrator> | undefined
  try {
    await system.start()
    const tasks = planCallbacks(dice.fork('callbacks'), { callbacks: options.callbacks, overMs, files: farSide.url })
    const sender = createSender({ doors: openDoors(system), pickDoor: dice.fork('doors').pick, signal })
    const progress = createProgress({ sender, startedAt })
    orchestrator = startOrchestrator(system.workers, (name, reason) => progress.tell(`${name} is restarted: ${reason}`))
    const faults = planFaults(dice.fork('faults'), targetsOf(system, disk), overMs)
    await Promise.all([
      sender.sendAll(tasks),
      injectFaults(faults, { system, disk, signal, onFault: progress.fault }),
    ]).finally(progress.close)

    const spools = system.ingresses.map(({ spoolFolder }) => spoolFolder)
    const promised = sender.promised()
    const settling = { store, spools, promised, queues, patienceMs: PATIENCE_MS, onProgress: progress.tell, signal }
    const underWay = await untilSettled(settling)
    const quarantined = await queues.quarantined()
    orchestrator.close()
    await system.close() // before the account, so that nothing changes under it
    return {
      seed: options.seed,
      seconds: Math.round((Date.now() - startedAt) / 1000),
      account: await drawUpAccount({ store, promised, truthOf, quarantined }),
      sender,
      faults: progress.faults,
      farSide: { met: farSide.met(), sentAgain: farSide.sentAgain() },
      restarts: orchestrator.restarts(),
      endsOfItsOwn: system.all.flatMap((one) => one.endsOfItsOwn()),
      underWay,
    }
  } finally {
    orchestrator?.close()
    await queues.close()
    await system.close()
    await farSide.close()
  }
}

type System = Awaited<ReturnType<typeof createSystemUnderDrill>>

const openDoors = (system: System) => () =>
  system.ingresses.map(({ callbackUrl }) => callbackUrl()).filter((url) => url !== undefined)

const targetsOf = (system: System, disk: SmallDisk | undefined) => ({
  workers: system.workers.map(({ process }) => process.name),
  ingresses: system.ingresses.map(({ process }) => process.name),
  redis: [system.redis.name],
  disk: disk && 'disk',
})

const diskBytes = ({ callbacks }: DrillOptions): number => Math.max(SMALLEST_DISK_BYTES, callbacks * BYTES_PER_CALLBACK)

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
