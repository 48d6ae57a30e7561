import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { FastifyAdapter } from '@bull-board/fastify'
import type { Queues } from '@stems/queue/open-queue'
import type { FastifyInstance } from 'fastify'
import { loosenForBullBoard } from './security-headers.ts'

const BASE_PATH = '/queues'

const DESCRIPTIONS = {
  separations: 'One job per separation: it plans a stem job for each link, waits for them and writes the manifest.',
  stems: 'One job per stem: download, check, publish. Those that failed have no tries left or cannot be helped.',
  quarantine: 'Verified callbacks of a shape that this version cannot read, kept whole. No worker takes them.',
  notifications: 'One job per event that the app behind NOTIFY_URL is told. /notifications sends again what failed.',
  analyses: 'One job per separation whose stems are home: it looks at their audio. Nothing waits for it.',
}

/** Adds Bull Board for all queues, read-only: a stem that is retried there would leave its manifest behind. */
export const addBullBoard = async (app: FastifyInstance, queues: Queues): Promise<void> => {
  const adapter = new LookOnlyAdapter().setBasePath(BASE_PATH)
  createBullBoard({
    queues: Object.values(queues).map(
      (queue) => new BullMQAdapter(queue, { readOnlyMode: true, description: DESCRIPTIONS[queue.name as QueueName] }),
    ),
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'Stemkeeper queues',
        miscLinks: [{ text: 'Separations', url: '/' }],
        hideDocsLink: true,
      },
    },
  })
  await app.register((scope, _options, added) => {
    loosenForBullBoard(scope)
    dropWebFonts(scope)
    scope.register(adapter.registerPlugin(), { prefix: BASE_PATH })
    added()
  })
}

type QueueName = keyof typeof DESCRIPTIONS

// In its read-only mode its routes for changes are there all the same, and some answer 200 and do nothing.
class LookOnlyAdapter extends FastifyAdapter {
  override setApiRoutes(routes: Parameters<FastifyAdapter['setApiRoutes']>[0]): FastifyAdapter {
    return super.setApiRoutes(routes.filter(({ method }) => [method].flat().every((each) => each === 'get')))
  }
}

// They would tell another host who works here. The policy refuses them; the system's fonts take their place.
const dropWebFonts = (scope: FastifyInstance): void => {
  scope.addHook('onSend', (_request, reply, payload, done) => {
    const isPage = typeof payload === 'string' && `${reply.getHeader('content-type')}`.startsWith('text/html')
    done(null, isPage ? payload.replaceAll(/<link [^>]*\/\/fonts\.[^>]*>/g, '') : payload)
  })
}
