import type { Backlog } from '@stems/queue/counts'
import { createLog } from '@stems/telemetry/log'
import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from '../../../test/support/wait-for.ts'
import { createWatchdog } from '../src/watchdog.ts'

const JOBS_WAIT: Backlog[] = [{ queue: 'stems', waiting: 2, isHeld: false }]

const watchdogWith = (look: () => Promise<Backlog[]>, isLeftAlone = () => false) => {
  let looks = 0
  const backlogs = () => {
    looks++
    return look()
  }
  const log = createLog('test', 'silent')
  const watchdog = createWatchdog({ counter: { backlogs }, stuckMs: 80, isLeftAlone, log })
  onTestFinished(watchdog.close)
  watchdog.start()
  return { ...watchdog, looked: (times: number) => waitFor(`${times} looks`, () => looks >= times, { everyMs: 5 }) }
}

test('it looks by itself, and says when the process is stuck', async () => {
  const watchdog = watchdogWith(async () => JOBS_WAIT)
  expect(await waitFor('stuck', watchdog.stuck)).toContain('2 jobs are waiting in stems')
})

test('it goes on looking after Redis was away', async () => {
  let isAway = true
  const watchdog = watchdogWith(async () => {
    if (isAway) throw new Error('connection refused')
    return JOBS_WAIT
  })
  await watchdog.looked(20)
  expect(watchdog.stuck()).toBeUndefined()
  isAway = false
  await waitFor('stuck', watchdog.stuck)
})

test('a queue that is left alone for a reason makes nobody stuck', async () => {
  const watchdog = watchdogWith(
    async () => JOBS_WAIT,
    () => true,
  )
  await watchdog.looked(20)
  expect(watchdog.stuck()).toBeUndefined()
})
