import type { Manifest } from '@stems/domain/manifest'
import type { StandInGateway } from '../../test/stand-in/gateway.ts'
import type { LocalSystem } from '../local-system.ts'
import type { Watch } from './watch.ts'

/** What the stories are told with. */
export type Stage = { gateway: StandInGateway; system: LocalSystem; watch: Watch }

/** A callback gets lost on its way. The task was registered, so that its record is asked for. */
export const tellLostCallback = async ({ gateway, system, watch }: Stage): Promise<Manifest> => {
  console.log('\n── a callback that never comes ──\n')
  gateway.plan({ callback: 'drop' })
  const { taskId } = gateway.begin({ callBackUrl: system.callbackUrl })
  const { user, password } = system.login
  const response = await fetch(`${system.boardUrl}/api/separations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${user}:${password}`)}` },
    body: JSON.stringify({ task_id: taskId }),
  })
  const answer = await response.text()
  console.log(`POST /api/separations {"task_id":"${taskId}"} → ${response.status} ${answer}`)
  if (response.status !== 202) throw new Error(`the board did not register the task: ${response.status} ${answer}`)
  const manifest = await watch(taskId)
  const asked = gateway.asked.filter((each) => each.taskId === taskId).length
  console.log(`\nthe provider lost its callback; record-info was asked ${asked} times, until it told of the stems`)
  return manifest
}

/** A callback names links that have expired. The provider is asked for fresh ones. */
export const tellExpiredLinks = async ({ gateway, system, watch }: Stage): Promise<Manifest> => {
  console.log('\n── links that have expired ──\n')
  const before = gateway.asked.length
  gateway.plan({ linksLiveMs: 0, takesMs: 0 })
  const { taskId } = gateway.begin({ callBackUrl: system.callbackUrl })
  const manifest = await watch(taskId)
  const hits = gateway.task(taskId).files.map(({ path }) => gateway.files.hits(path))
  const asked = gateway.asked.slice(before).filter(({ endpoint }) => endpoint === 'download-url').length
  console.log(`\nthe links of the callback had expired (403); download-url was asked ${asked} times for fresh ones`)
  console.log(`each file was asked for ${Math.max(...hits)} times, in vain first, then by its fresh link`)
  return manifest
}
