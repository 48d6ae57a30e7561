import { taskIdSchema } from '@stems/domain/task-id'
import type { Notifications } from '@stems/queue/notifications'

export type SendAgainOptions = {
  notifications: Pick<Notifications, 'sendFailedAgain'>
  /** Only those of these tasks; all where there are none. */
  taskIds: string[]
  /** Takes a line per notification. */
  print: (line: string) => void
}

/**
 * Sends the notifications again that failed.
 *
 * @returns was there one for each task that was named?
 * @throws when a task id is none, or when Redis does not answer
 */
export const sendNotificationsAgain = async ({ notifications, taskIds, print }: SendAgainOptions): Promise<boolean> => {
  for (const taskId of taskIds) {
    if (!taskIdSchema.safeParse(taskId).success) throw new Error(`${JSON.stringify(taskId)} is no task id`)
  }
  const seen = new Set<string>()
  const sent = notifications.sendFailedAgain(taskIds.length > 0 ? taskIds : undefined)
  for await (const { taskId, type, stem } of sent) {
    seen.add(taskId)
    print(`${taskId}: ${type}${stem === undefined ? '' : ` (${stem})`} is sent again`)
  }
  const missing = taskIds.filter((taskId) => !seen.has(taskId))
  for (const taskId of missing) print(`${taskId} has no notification that failed`)
  if (taskIds.length === 0 && seen.size === 0) print('no notification has failed')
  return missing.length === 0
}
