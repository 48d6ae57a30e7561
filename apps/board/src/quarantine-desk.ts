import { parseCallback } from '@stems/provider/callback'
import { askShards } from '@stems/queue/ask-shards'
import type { Quarantine, QuarantineEntry, Released } from '@stems/queue/quarantine'
import type { TaskSubmitter } from '@stems/queue/shard-submitter'
import { partLength } from './page-parts.ts'

/** An entry; `shard` where there are several. */
export type HeldEntry = QuarantineEntry & { shard?: string }

/** `away`: shards of which nothing is shown. */
export type QuarantinePage = { page: number; pages: number; total: number; entries: HeldEntry[]; away: string[] }

/** How many entries have come to which end; `unreadable` and `unconfirmed` ones stay. */
export type ReleaseCounts = Record<Released['answer'], number>

const PAGE_LENGTH = 20 // each may be as large as a callback

type Held = { name: string; quarantine: Pick<Quarantine, 'count' | 'list' | 'release'> }

/** What can be done with the quarantine at the board: look into it, and try its entries again. */
export const createQuarantineDesk = (
  shards: readonly Held[],
  { submit, compareAgain }: Pick<TaskSubmitter, 'submit' | 'compareAgain'>,
) => {
  const releaseOf = async (
    { quarantine }: Held,
    counts: ReleaseCounts,
    taskIds: string[] | undefined,
  ): Promise<void> => {
    const released = quarantine.release({ parse: parseCallback, submit, compareAgain, taskIds })
    for await (const { answer } of released) counts[answer]++
  }

  return {
    /**
     * How many entries there are, in the shards that are there.
     *
     * @throws {QueueAwayError} when all are away
     */
    count: async (): Promise<number> => {
      const { answers } = await askShards(shards, ({ quarantine }) => quarantine.count())
      return answers.reduce((sum, { answer }) => sum + answer, 0)
    },
    /**
     * One page, newest first; of several shards a part each.
     *
     * @param page from 1
     * @throws {QueueAwayError} when all are away
     */
    page: async (page: number): Promise<QuarantinePage> => {
      const length = partLength(PAGE_LENGTH, shards)
      const { answers, away } = await askShards(shards, ({ quarantine }) =>
        quarantine.list((page - 1) * length, length),
      )
      const entries = answers.flatMap(({ shard, answer }) =>
        answer.entries.map((entry): HeldEntry => (shards.length > 1 ? { ...entry, shard: shard.name } : entry)),
      )
      if (shards.length > 1) entries.sort((a, b) => Date.parse(b.receivedAt) - Date.parse(a.receivedAt))
      return {
        page,
        pages: Math.max(1, ...answers.map(({ answer }) => Math.ceil(answer.total / length))),
        total: answers.reduce((sum, { answer }) => sum + answer.total, 0),
        entries,
        away,
      }
    },
    /**
     * Tries again what this version may be able to read by now.
     *
     * @param taskId only the entries of this task
     * @returns `away`: shards of which not all was tried
     * @throws {QueueAwayError} when all are away; entries that were released until then have left the quarantine
     */
    release: async (taskId?: string): Promise<{ counts: ReleaseCounts; away: string[] }> => {
      const counts = { accepted: 0, duplicate: 0, unreadable: 0, unconfirmed: 0 }
      const taskIds = taskId === undefined ? undefined : [taskId]
      const { away } = await askShards(shards, (shard) => releaseOf(shard, counts, taskIds))
      return { counts, away }
    },
  }
}

export type QuarantineDesk = ReturnType<typeof createQuarantineDesk>
