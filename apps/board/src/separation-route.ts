import type { StemAnalysis } from '@stems/domain/stem-analysis'
import type { Quarantine } from '@stems/queue/quarantine'
import type { StemStore } from '@stems/store/stem-store'
import type { Log } from '@stems/telemetry/log'
import type { FastifyInstance } from 'fastify'
import { isAskedAgain, sendFailure, sendPage } from './answers.ts'
import { UNKNOWN_TASK } from './api-routes.ts'
import { isRunning, type Library } from './library.ts'
import { layout } from './pages/layout.ts'
import { type SeparationView, separationPage } from './pages/separation-page.ts'
import { createReadCache } from './read-cache.ts'
import { forPlayers } from './security-headers.ts'
import type { WholeSeparation } from './separation-schemas.ts'

export type SeparationRouteOptions = {
  library: Pick<Library, 'find' | 'changedAt'>
  store: Pick<StemStore, 'readPeaks'>
  quarantine: Pick<Quarantine, 'count'>
  log: Log
}

/** Adds the page of one separation: `/separations/<task_id>`. */
export const addSeparationRoute = (
  app: FastifyInstance,
  { library, store, quarantine, log }: SeparationRouteOptions,
): void => {
  // A stem that was fetched again has other bytes than those that were analysed.
  const readPeaks = async ({ task_id, stems }: WholeSeparation): Promise<Map<string, StemAnalysis>> => {
    const saved = Object.entries(stems).flatMap(([name, stem]) => (stem.status === 'saved' ? [{ name, stem }] : []))
    const found = await Promise.all(
      saved.map(async ({ name, stem }) => {
        const peaks = await store.readPeaks(task_id, name).catch((error: Error) => {
          log.warn({ taskId: task_id, stem: name, error: error.message }, 'peaks.unreadable')
          return undefined
        })
        return peaks?.stemkeeper.sha256 === stem.sha256 ? [[name, peaks] as const] : []
      }),
    )
    return new Map(found.flat())
  }

  const readView = async (taskId: string): Promise<SeparationView | undefined> => {
    const separation = await library.find(taskId)
    return separation && { separation, peaks: await readPeaks(separation) }
  }

  // What has ended changes only when the index says so, and each request to a bucket costs money.
  const views = createReadCache<SeparationView>()
  const readAgain = async (taskId: string): Promise<SeparationView | undefined> =>
    views.read(taskId, await library.changedAt(taskId), () => readView(taskId), hasEnded)

  app.get<{ Params: { taskId: string } }>('/separations/:taskId', { helmet: forPlayers }, async (request, reply) => {
    const { taskId } = request.params
    const [view, quarantined] = await Promise.all([
      isAskedAgain(request) ? readAgain(taskId) : readView(taskId),
      quarantine.count(),
    ])
    if (!view) return sendFailure(request, reply, 404, UNKNOWN_TASK)
    return sendPage(reply, layout(separationPage(view, { mayAct: request.role === 'admin', quarantined })))
  })
}

const hasEnded = ({ separation }: SeparationView): boolean => !isRunning(separation)
