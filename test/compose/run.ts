// The whole system as `docker compose up --build` gives it to somebody who has configured nothing, seen from outside.
// `npm run test:compose`; needs a Docker engine, a Chromium (CHROMIUM, default /usr/bin/chromium), and the programs of Ceph and
// Prometheus below /usr, which it lends to containers.
import { checkBoard } from './check-board.ts'
import { checkConfiguration } from './check-configuration.ts'
import { checkJourneys } from './check-journeys.ts'
import { checkLocks } from './check-locks.ts'
import { checkObjectStorage } from './check-object-storage.ts'
import { checkObservability } from './check-observability.ts'
import { checkTroubles } from './check-troubles.ts'
import { createChecks } from './checks.ts'
import { createComposeProject } from './compose.ts'
import { createStage } from './stage.ts'

const WORKERS = 3

const project = createComposeProject()
const checks = createChecks()

// `exit` comes whatever happens: the end, an error, a Ctrl-C.
process.on('exit', project.remove)
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const scale = ['--scale', `worker=${WORKERS}`]
await checks.check(
  `docker compose up --build --scale worker=${WORKERS} comes up healthy without any configuration`,
  () => project.compose('up', '--build', '--detach', '--wait', ...scale),
)
if (checks.count.failed === 0) {
  const stage = await createStage(project)
  await checkConfiguration(stage, checks)
  await checkObservability(stage, checks, WORKERS)
  await checkLocks(stage, checks)
  await checkJourneys(stage, checks, WORKERS)
  await checkBoard(stage, checks)
  await checkTroubles(stage, checks, () => project.compose('up', '--detach', '--wait', ...scale))
  await checkObjectStorage(stage, checks)
}
if (checks.count.failed > 0) {
  for (const look of [
    ['ps', '--all'],
    ['logs', '--no-color', '--tail', '15'],
  ]) {
    console.log(await project.compose(...look).catch((error: Error) => error.message))
  }
}
console.log(`${checks.count.passed} passed, ${checks.count.failed} failed`)
process.exit(checks.count.failed > 0 ? 1 : 0)
