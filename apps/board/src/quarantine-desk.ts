import { parseCallback } from '@stems/provider/callback'
import type { Quarantine, QuarantineEntry, Released } from '@stems/queue/quarantine'
import type { TaskSubmitter } from '@stems/queue/submit'

export type QuarantinePage = { page: number; pages: number; total: number; entries: QuarantineEntry[] }

/** How many entries ended in which way; `unreadable` and `unconfirmed` ones stay. */
export type ReleaseCounts = Record<Released['answer'], number>

const PAGE_LENGTH = 20 // each may be as large as a callback

/** What the board does with the quarantine: shows it, and tries its entries again. */
export const createQuarantineDesk = (
  quarantine: Pick<Quarantine, 'count' | 'list' | 'release'>,
  { submit, compareAgain }: Pick<TaskSubmitter, 'submit' | 'compareAgain'>,
) => ({
  /**
   * How many entries there are.
   *
   * @throws {QueueAwayError}
   */
  count: quarantine.count,
  /**
   * One page, newest first.
   *
   * @param page from 1
   * @throws {QueueAwayError}
   */
  page: async (page: number): Promise<QuarantinePage> => {
    const { total, entries } = await quarantine.list((page - 1) * PAGE_LENGTH, PAGE_LENGTH)
    return { page, pages: Math.max(1, Math.ceil(total / PAGE_LENGTH)), total, entries }
  },
  /**
   * Tries again what this version may be able to read by now.
   *
   * @param taskId only the entries of this task
   * @throws {QueueAwayError} entries that were released until then have left the quarantine
   */
  release: async (taskId?: string): Promise<ReleaseCounts> => {
    const counts = { accepted: 0, duplicate: 0, unreadable: 0, unconfirmed: 0 }
    const taskIds = taskId === undefined ? undefined : [taskId]
    const released = quarantine.release({ parse: parseCallback, submit, compareAgain, taskIds })
    for await (const { answer } of released) counts[answer]++
    return counts
  },
})

export type QuarantineDesk = ReturnType<typeof createQuarantineDesk>
