import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startApp } from '../parts/app.ts'
import { KEY } from '../parts/callbacks.ts'
import { type Finding, inRotation, median } from '../parts/finding.ts'
import type { Measure } from '../parts/measure.ts'
import { startRedis } from '../parts/redis.ts'

const LOOK_MS = 2
const APPS = ['ingress', 'worker', 'board'] as const

/** How long each app takes from its start until `/readyz` answers 200, beside a Node that does nothing. */
export const p11: Measure = async ({ folder, rounds, scale }) => {
  const starts = Math.max(1, Math.round(5 * scale))
  await mkdir(join(folder, 'redis'))
  const redis = await startRedis(join(folder, 'redis'), 'always')
  const env = {
    REDIS_URL: redis.url,
    STORE_URL: `file:${join(folder, 'stems')}`,
    SPOOL_DIR: join(folder, 'spool'),
    CALLBACK_HMAC_KEYS: KEY,
    BOARD_PASSWORD: KEY,
  }
  const medianOf = async (take: () => Promise<number>): Promise<number> => {
    const figures: number[] = []
    for (let index = 0; index < starts; index++) figures.push(await take())
    return median(figures)
  }
  try {
    const [nothing = [], ...apps] = await inRotation(rounds, [
      () => medianOf(startNothing),
      ...APPS.map((name) => () => medianOf(() => timeToReady(name, env))),
    ])
    return apps.map(
      (ours, index): Finding => ({
        ...{ id: 'P11', what: `${APPS[index]} is ready, from its start`, unit: 'ms', rival: 'node -e 0' },
        ...{ by: 'difference', ours, theirs: nothing },
      }),
    )
  } finally {
    await redis.close()
  }
}

const startNothing = async (): Promise<number> => {
  const startedAt = performance.now()
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit')
  return performance.now() - startedAt
}

const timeToReady = async (name: (typeof APPS)[number], env: Record<string, string>): Promise<number> => {
  const startedAt = performance.now()
  const app = await startApp(name, env)
  try {
    while (!(await fetch(`${app.url}/readyz`)).ok) await sleep(LOOK_MS)
    return performance.now() - startedAt
  } finally {
    await app.close()
  }
}
