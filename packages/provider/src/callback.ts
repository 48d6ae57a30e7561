import { redactLinks } from '@stems/domain/link'
import type { Separation } from '@stems/domain/separation'
import { taskIdSchema } from '@stems/domain/task-id'
import { callbackSchema } from './callback-schema.ts'
import { MOST_STEMS, stemsOfInfos, typeOfInfos } from './stems-of-info.ts'

/**
 * The payload has a shape that this version does not know; the message names each wrong field. It is worth keeping: an upgrade
 * may read it.
 */
export class UnknownShapeError extends Error {
  override name = 'UnknownShapeError'
}

/** The payload names no task, so that nothing can be done with it. */
export class UnreadableTaskIdError extends Error {
  override name = 'UnreadableTaskIdError'
  readonly field = 'data.task_id'
}

/**
 * The task id of a payload whose shape may be unknown otherwise.
 *
 * @param body parsed JSON
 * @throws {UnreadableTaskIdError} when `data.task_id` is missing or no task id
 */
export const readTaskId = (body: unknown): string => {
  const data = isObject(body) ? body.data : undefined
  const id = isObject(data) ? data.task_id : undefined
  if (id === undefined || id === null || id === '') throw new UnreadableTaskIdError('is missing')
  const parsed = taskIdSchema.safeParse(id)
  if (!parsed.success) throw new UnreadableTaskIdError(parsed.error.issues[0]?.message ?? 'is not a task id')
  return parsed.data
}

/**
 * Takes the provider's dialect off a callback.
 *
 * @param body parsed JSON, in any documented dialect: either info key, keyed or list form, success or failure
 * @param receivedAt ISO time
 * @returns the separation: its stems in the payload's order, raw spaces in URLs encoded
 * @throws {UnknownShapeError} when the payload is none of those
 */
export const parseCallback = (body: unknown, receivedAt: string): Separation => {
  const parsed = callbackSchema.safeParse(body)
  if (!parsed.success) {
    throw new UnknownShapeError(
      parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
    )
  }
  const { code, msg, data } = parsed.data
  const infos = [data.vocal_separation_info, data.vocal_removal_info].filter((each) => each != null)
  const stems = stemsOfInfos(infos)
  if (stems.length > MOST_STEMS) {
    throw new UnknownShapeError(`data: names ${stems.length} stems, more than ${MOST_STEMS}`)
  }
  if (code === 200 && stems.length === 0) {
    throw new UnknownShapeError('data: says success (code 200) and names no stem that we can read')
  }
  return { taskId: data.task_id, type: typeOfInfos(infos), code, msg: redactLinks(msg ?? ''), receivedAt, stems }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
