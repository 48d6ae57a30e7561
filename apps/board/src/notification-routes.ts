import {
  type ListedNotification,
  NOTIFICATION_STATES,
  type NotificationState,
  type Notifications,
} from '@stems/queue/notifications'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { refusal, sendPage } from './answers.ts'
import type { DocumentedApp } from './documented.ts'
import { pageSchema, pagesOf, readPageNumber } from './page-number.ts'
import { type NotificationsPage, notificationsPage } from './pages/notifications-page.ts'
import { actionProblems, commonProblems, problemResponse } from './problem.ts'

const PAGE_LENGTH = 50

const stateSchema = z
  .enum(NOTIFICATION_STATES)
  .describe(
    '`failed`: it is not sent again by itself. `waiting`: it is about to be sent, for the first time or once more.',
  )

const notificationSchema = z.object({
  id: z.string().describe('The `webhook-id` that the receiver sees, the same for every repeat'),
  type: z.string(),
  task_id: z.string(),
  stem: z.string().nullable().describe('Where it is about one stem'),
  state: stateSchema,
  attempts: z.number().int().describe('That have ended, since it was announced or sent again'),
  announced_at: z.iso.datetime(),
  ended_at: z.iso.datetime().nullable(),
  next_try_at: z.iso.datetime().nullable(),
  last_answer: z.string().nullable().describe('What the last attempt came to, for people'),
})

const listSchema = {
  summary: "Lists what the user's own app was told, or is to be told",
  description: 'What failed, then what waits, then what was delivered; the newest of each first.',
  querystring: z.object({
    state: stateSchema.optional(),
    page: pageSchema,
  }),
  response: {
    200: z.object({
      page: z.number().int(),
      pages: z.number().int(),
      total: z.number().int(),
      counts: z.object({ failed: z.number().int(), waiting: z.number().int(), delivered: z.number().int() }),
      notifications: z.array(notificationSchema),
    }),
    400: problemResponse('A page or state that makes no sense; `errors` names it'),
    ...commonProblems,
  },
}

const sendAllSchema = {
  summary: 'Sends all notifications again that failed',
  response: { 200: z.object({ sent_again: z.number().int() }), ...actionProblems },
}

const sendOneSchema = {
  summary: 'Sends a notification again, or now',
  description: 'Under the same id and with the same bytes; it is then tried for a day anew.',
  params: z.object({ id: z.string() }),
  response: {
    202: z.object({ id: z.string(), state: z.literal('waiting') }),
    404: problemResponse('Nobody remembers it'),
    409: problemResponse('It is about to be sent anyway'),
    ...actionProblems,
  },
}

const sentSchema = z.object({
  sent_again: z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number),
})

type ListedNotifications = Pick<Notifications, 'list' | 'sendAgain' | 'sendFailedAgain'>

/** Adds the notifications, for people and for programs. */
export const addNotificationsRoutes = (app: DocumentedApp, notifications: ListedNotifications): void => {
  const show = async (state: NotificationState | undefined, request: FastifyRequest, reply: FastifyReply) => {
    const shown = await readPage(notifications, state, readPageNumber(request.query))
    const sentAgain = sentSchema.safeParse(request.query).data?.sent_again
    return sendPage(reply, notificationsPage(shown, { state, sentAgain, mayAct: request.role === 'admin' }))
  }
  app.get('/notifications', (request, reply) => show(undefined, request, reply))
  for (const state of NOTIFICATION_STATES) {
    app.get(`/notifications/${state}`, (request, reply) => show(state, request, reply))
  }
  app.post('/notifications/replay', async (request, reply) =>
    reply.redirect(`/notifications?sent_again=${await sendAll(notifications, request)}`, 303),
  )
  app.post('/notifications/:id/replay', async (request, reply) => {
    await sendOne(notifications, request)
    return reply.redirect('/notifications?sent_again=1', 303)
  })
  app.get('/api/notifications', { schema: listSchema }, async (request) => {
    const { state, page } = request.query
    const shown = await readPage(notifications, state, page)
    return { ...shown, notifications: shown.notifications.map(toApi) }
  })
  app.post('/api/notifications/replay', { schema: sendAllSchema }, async (request) => ({
    sent_again: await sendAll(notifications, request),
  }))
  app.post('/api/notifications/:id/replay', { schema: sendOneSchema }, async (request, reply) => {
    await sendOne(notifications, request)
    return reply.code(202).send({ id: request.params.id, state: 'waiting' })
  })
}

// What failed, then what waits, then what was delivered; the newest of each first.
const readPage = async (
  { list }: ListedNotifications,
  state: NotificationState | undefined,
  page: number,
): Promise<NotificationsPage> => {
  const { counts, notifications } = await list(state, (page - 1) * PAGE_LENGTH, PAGE_LENGTH)
  const total = state ? counts[state] : Object.values(counts).reduce((sum, count) => sum + count, 0)
  return { page, pages: pagesOf(total, PAGE_LENGTH), total, counts, notifications }
}

const sendAll = async ({ sendFailedAgain }: ListedNotifications, request: FastifyRequest): Promise<number> => {
  let sent = 0
  for await (const _ of sendFailedAgain()) sent++
  request.log.info({ sent }, 'notifications.sent_again')
  return sent
}

const sendOne = async ({ sendAgain }: ListedNotifications, request: FastifyRequest): Promise<void> => {
  const { id } = request.params as { id: string }
  const answer = ID.test(id) ? await sendAgain(id) : 'unknown'
  if (answer === 'unknown') throw refusal(404, 'No notification with this ID.')
  if (answer === 'running') throw refusal(409, 'This notification is about to be sent anyway.')
  request.log.info({ notification: id }, 'notification.sent_again')
}

// What is no id must not be looked for: other keys of the queue have names too.
const ID = /^msg_[0-9a-f]{1,64}$/

const toApi = (notification: ListedNotification) => ({
  id: notification.id,
  type: notification.type,
  task_id: notification.taskId,
  stem: notification.stem ?? null,
  state: notification.state,
  attempts: notification.attempts,
  announced_at: notification.announcedAt,
  ended_at: notification.endedAt ?? null,
  next_try_at: notification.nextTryAt ?? null,
  last_answer: notification.lastAnswer ?? null,
})
