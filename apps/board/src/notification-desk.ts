import { askShards } from '@stems/queue/ask-shards'
import {
  byStateAndAge,
  type ListedNotification,
  type NotificationState,
  type Notifications,
  type SendAgainAnswer,
} from '@stems/queue/notifications'
import { partLength } from './page-parts.ts'

/** A notification; `shard` where there are several. */
export type ShownNotification = ListedNotification & { shard?: string }

export type NotificationsPage = {
  page: number
  pages: number
  /** All that the page is a part of. */
  total: number
  counts: Record<NotificationState, number>
  notifications: ShownNotification[]
  /** Shards of which nothing is shown. */
  away: string[]
}

const PAGE_LENGTH = 50

type Notified = { name: string; notifications: Pick<Notifications, 'list' | 'sendAgain' | 'sendFailedAgain'> }

/** What can be done with the notifications at the board: look at them, and have them sent again. */
export const createNotificationDesk = (shards: readonly Notified[]) => ({
  /**
   * One page: what failed, then what waits, then what was delivered; the newest of each first. Of several shards a part each.
   *
   * @param state only those in this state
   * @param page from 1
   * @throws {QueueAwayError} when all are away
   */
  page: async (state: NotificationState | undefined, page: number): Promise<NotificationsPage> => {
    const length = partLength(PAGE_LENGTH, shards)
    const { answers, away } = await askShards(shards, ({ notifications }) =>
      notifications.list(state, (page - 1) * length, length),
    )
    const counts = { failed: 0, waiting: 0, delivered: 0 }
    for (const { answer } of answers) {
      for (const [name, count] of Object.entries(answer.counts)) counts[name as NotificationState] += count
    }
    const shown = answers.flatMap(({ shard, answer }) =>
      answer.notifications.map((one): ShownNotification => (shards.length > 1 ? { ...one, shard: shard.name } : one)),
    )
    return {
      page,
      pages: Math.max(1, ...answers.map(({ answer }) => Math.ceil(totalOf(answer.counts, state) / length))),
      total: totalOf(counts, state),
      counts,
      notifications: shards.length > 1 ? shown.sort(byStateAndAge) : shown,
      away,
    }
  },
  /**
   * Sends one again, or now, in whatever shard it is.
   *
   * @throws {QueueAwayError} when it is in none that is there, and one is away
   */
  sendAgain: async (id: string): Promise<SendAgainAnswer> => {
    const results = await Promise.allSettled(shards.map(({ notifications }) => notifications.sendAgain(id)))
    for (const result of results) {
      if (result.status === 'fulfilled' && result.value !== 'unknown') return result.value
    }
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return 'unknown'
  },
  /**
   * Sends all again that failed.
   *
   * @returns how many, and the shards of which not all were
   * @throws {QueueAwayError} when all are away; some may be sent again by then
   */
  sendFailedAgain: async (): Promise<{ sent: number; away: string[] }> => {
    let sent = 0
    const { away } = await askShards(shards, async ({ notifications }) => {
      for await (const _ of notifications.sendFailedAgain()) sent++
    })
    return { sent, away }
  },
})

export type NotificationDesk = ReturnType<typeof createNotificationDesk>

const totalOf = (counts: Record<NotificationState, number>, state: NotificationState | undefined): number =>
  state ? counts[state] : Object.values(counts).reduce((sum, count) => sum + count, 0)
