import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendPage } from './answers.ts'
import { EventStream } from './event-stream.ts'
import type { EventStreams } from './event-streams.ts'
import { type Block, blockHtml, type Layout, layout } from './pages/layout.ts'
import type { forPlayers } from './security-headers.ts'

/** A page that tells those who look at it what has changed. */
export type LivePage = {
  /** As Fastify writes it. */
  path: string
  /**
   * Reads the page; its `liveFrom` names the stream of its changes. Those who look again and again may be shown what was
   * remembered. `undefined`: there is no such page.
   */
  read: (request: FastifyRequest, isAgain: boolean) => Promise<Layout | undefined>
  /** Where the page needs other security headers than most. */
  helmet?: typeof forPlayers
  /** Answers when there is no such page. */
  sayMissing?: (request: FastifyRequest, reply: FastifyReply) => FastifyReply
}

/**
 * Adds a page, and below `/live` a stream of its changes: which blocks there are, in their order, and those that are others
 * than before. The blocks are finished HTML, made here: whoever writes a page writes it once, and what strangers wrote is
 * escaped in one place.
 */
export const addLivePage = (
  app: FastifyInstance,
  streams: EventStreams,
  { path, read, sayMissing, helmet }: LivePage,
): void => {
  app.get(path, { ...(helmet && { helmet }) }, async (request, reply) => {
    const page = await read(request, false)
    if (page) return sendPage(reply, layout(page))
    return sayMissing ? sayMissing(request, reply) : reply.callNotFound()
  })
  // No HEAD: it would be a stream that nobody reads.
  app.get(`/live${path}`, { exposeHeadRoute: false }, async (request, reply) => {
    if (streams.isFull()) return streams.sayFull(request, reply)
    const page = await read(request, true)
    if (!page) return sayMissing ? sayMissing(request, reply) : reply.callNotFound()
    const stream = new BlockStream()
    const stop = streams.watch.watch(
      `page ${request.role} ${page.liveFrom}`,
      () => read(request, true),
      (now) => (now ? stream.show(now.blocks ?? []) : stream.end()),
      () => stream.end(), // the reader comes back, is refused, and says so
    )
    stream.show(page.blocks ?? [])
    return streams.answer(request, reply, stream, stop)
  })
}

/** The changes of a page for one reader. */
class BlockStream extends EventStream {
  #shown = new Map<string, string>()

  show(blocks: Block[]): void {
    if (!this.isOpen() || this.isCongested()) return
    const changed = blocks.filter(({ id, html }) => this.#shown.get(id) !== html)
    this.#shown = new Map(blocks.map(({ id, html }) => [id, html]))
    this.sendNews('blocks', '', {
      order: blocks.map(({ id }) => id),
      changed: Object.fromEntries(changed.map((block) => [block.id, blockHtml(block)])),
    })
  }
}
