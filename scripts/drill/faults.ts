import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultKind, PlannedFault } from './plan-faults.ts'
import type { SmallDisk } from './small-disk.ts'
import type { SystemUnderDrill } from './system-under-drill.ts'

export type FaultsOptions = {
  system: SystemUnderDrill
  disk: SmallDisk | undefined
  signal: AbortSignal
  onFault: (fault: PlannedFault) => void
}

/**
 * Makes the faults happen, each at its time, and heals them.
 *
 * @returns when all are healed
 */
export const injectFaults = async (plan: PlannedFault[], options: FaultsOptions): Promise<void> => {
  await Promise.all(plan.map((fault) => injectFault(fault, options)))
}

const injectFault = async (fault: PlannedFault, { system, disk, signal, onFault }: FaultsOptions): Promise<void> => {
  await sleep(fault.atMs, undefined, { signal })
  onFault(fault)
  const target = system.all.find(({ name }) => name === fault.target)
  const { begin, end } = effectOf(fault.kind, target, disk)
  await begin?.()
  try {
    await sleep(fault.forMs, undefined, { signal })
  } finally {
    if (!signal.aborted) await end?.()
  }
}

type Target = SystemUnderDrill['all'][number] | undefined
type Effect = { begin?: () => Promise<void> | void; end?: () => Promise<void> | void }

const effectOf = (kind: FaultKind, target: Target, disk: SmallDisk | undefined): Effect => {
  if (kind === 'fill disk') return disk ? { begin: disk.fill, end: disk.free } : {}
  if (!target) return {}
  const isPause = kind === 'pause worker' || kind === 'hang redis'
  return isPause ? { begin: target.pause, end: target.goOn } : { begin: target.kill, end: target.start }
}
