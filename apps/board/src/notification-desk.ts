import type { ListedNotification, NotificationState, Notifications } from '@stems/queue/notifications'

export type NotificationsPage = {
  page: number
  pages: number
  /** All that the page is a part of. */
  total: number
  counts: Record<NotificationState, number>
  notifications: ListedNotification[]
}

const PAGE_LENGTH = 50

/** What the board does with the notifications: shows them, and sends them again. */
export const createNotificationDesk = ({
  list,
  sendAgain,
  sendFailedAgain,
}: Pick<Notifications, 'list' | 'sendAgain' | 'sendFailedAgain'>) => ({
  /**
   * One page: what failed, then what waits, then what was delivered; the newest of each first.
   *
   * @param state only those in this state
   * @param page from 1
   * @throws {QueueAwayError}
   */
  page: async (state: NotificationState | undefined, page: number): Promise<NotificationsPage> => {
    const { counts, notifications } = await list(state, (page - 1) * PAGE_LENGTH, PAGE_LENGTH)
    const total = state ? counts[state] : Object.values(counts).reduce((sum, count) => sum + count, 0)
    return { page, pages: Math.max(1, Math.ceil(total / PAGE_LENGTH)), total, counts, notifications }
  },
  /**
   * Sends one again, or now.
   *
   * @throws {QueueAwayError}
   */
  sendAgain,
  /**
   * Sends all again that failed.
   *
   * @returns how many
   * @throws {QueueAwayError} some may be sent again by then
   */
  sendFailedAgain: async (): Promise<number> => {
    let sent = 0
    for await (const _ of sendFailedAgain()) sent++
    return sent
  },
})

export type NotificationDesk = ReturnType<typeof createNotificationDesk>
