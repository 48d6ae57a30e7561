import { taskIdSchema } from '@stems/domain/task-id'
import { parseCallback } from '@stems/provider/callback'
import type { Quarantine, Released } from '@stems/queue/quarantine'
import type { Submitter } from '@stems/queue/submit'

export type ReleaseOptions = {
  quarantine: Pick<Quarantine, 'release'>
  submitter: Pick<Submitter, 'submit' | 'compareAgain'>
  /** Only the entries of these tasks; all where there are none. */
  taskIds: string[]
  /** Takes a line per entry. */
  print: (line: string) => void
}

/**
 * Tries again what the quarantine holds.
 *
 * @returns has all that was asked for left it?
 * @throws when a task id is none, or when Redis does not answer
 */
export const releaseQuarantine = async ({
  quarantine,
  submitter,
  taskIds,
  print,
}: ReleaseOptions): Promise<boolean> => {
  for (const taskId of taskIds) {
    if (!taskIdSchema.safeParse(taskId).success) throw new Error(`${JSON.stringify(taskId)} is no task id`)
  }
  const seen = new Set<string>()
  let haveAllLeft = true
  const released = quarantine.release({
    parse: parseCallback,
    submit: submitter.submit,
    compareAgain: submitter.compareAgain,
    taskIds: taskIds.length > 0 ? taskIds : undefined,
  })
  for await (const entry of released) {
    seen.add(entry.taskId)
    if (entry.answer === 'unreadable' || entry.answer === 'unconfirmed') haveAllLeft = false
    print(`${entry.taskId} ${describe(entry)}`)
  }
  for (const taskId of taskIds.filter((id) => !seen.has(id))) {
    haveAllLeft = false
    print(`${taskId} has nothing in the quarantine`)
  }
  if (taskIds.length === 0 && seen.size === 0) print('the quarantine is empty')
  return haveAllLeft
}

const describe = (entry: Released): string => {
  if (entry.answer === 'unreadable') {
    return `stays in the quarantine, it is still not readable: ${printable(entry.reason)}`
  }
  if (entry.answer === 'unconfirmed') {
    return `stays in the quarantine until it is named: ${printable(entry.reason)}`
  }
  return entry.answer === 'accepted'
    ? 'is released (accepted): it is being worked on'
    : 'is released (duplicate): all that it says is known already'
}

// The reason may repeat keys of the payload, and a terminal obeys some characters.
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ')
