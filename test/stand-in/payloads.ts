import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type DocumentedPayload =
  | 'separate-vocal'
  | 'separate-vocal-failed'
  | 'split-stem'
  | 'split-stem-failed'
  | 'split-stem-advanced'

export type CallbackBody = {
  code: number
  msg: string
  data: { task_id: string; vocal_separation_info?: Record<string, unknown> | null } & Record<string, unknown>
}

/**
 * A callback as the provider documents it.
 *
 * @param change.taskId instead of the documented one
 * @param change.files where the files are, instead of the provider's hosts, such as `http://127.0.0.1:1234`
 */
export const documentedPayload = (
  name: DocumentedPayload,
  change: { taskId?: string; files?: string } = {},
): CallbackBody => {
  const text = readFileSync(join(import.meta.dirname, 'payloads', `${name}.json`), 'utf8')
  const body = JSON.parse(change.files ? text.replaceAll(/https:\/\/[a-z]+\.aiquickdraw\.com/g, change.files) : text)
  if (change.taskId) body.data.task_id = change.taskId
  return body
}

/** The links of a callback in the keyed form, by stem. */
export const stemLinks = (body: CallbackBody): Record<string, string> =>
  Object.fromEntries(
    Object.entries(body.data.vocal_separation_info ?? {})
      .filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '')
      .map(([key, link]) => [key.replace(/_url$/, ''), link]),
  )
