import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { FastifyAdapter } from '@bull-board/fastify'
import type { BoardQueues } from '@stems/queue/board-queues'
import type { FastifyInstance } from 'fastify'
import { sendFailure } from './answers.ts'
import { loosenForBullBoard } from './security-headers.ts'

const BASE_PATH = '/queues'

const DESCRIPTIONS = {
  separations: 'One job per separation: it plans a stem job for each link, waits for them and writes the manifest.',
  stems: 'One job per stem: download, check, publish. Those that failed have no tries left or cannot be helped.',
  quarantine: 'Verified callbacks of a shape that this version cannot read, kept whole. No worker takes them.',
}

/** Adds Bull Board for all queues, to look at only: a stem retried there would leave its manifest behind. */
export const addBullBoard = async (app: FastifyInstance, queues: BoardQueues): Promise<void> => {
  const adapter = new FastifyAdapter().setBasePath(BASE_PATH)
  createBullBoard({
    queues: (['separations', 'stems', 'quarantine'] as const).map(
      (name) => new BullMQAdapter(queues[name], { readOnlyMode: true, description: DESCRIPTIONS[name] }),
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
    // Its read-only mode answers some requests for a change with 200 and does nothing.
    scope.addHook('onRequest', (request, reply, done) => {
      if (request.method === 'GET' || request.method === 'HEAD') return done()
      sendFailure(request, reply, 405, 'The queues can only be looked at here. To try again, replay the separation.')
    })
    scope.register(adapter.registerPlugin(), { prefix: BASE_PATH })
    added()
  })
}
