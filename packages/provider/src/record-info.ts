import { redactLinks } from '@stems/domain/link'
import type { Separation } from '@stems/domain/separation'
import { z } from 'zod'
import { ProviderApiError } from './api-error.ts'
import type { ApiRequest } from './api-request.ts'
import type { CallbackGroup, CallbackInfo } from './callback-schema.ts'
import { MOST_STEMS, stemsOfInfos, typeOfInfos } from './stems-of-info.ts'

/** What the provider's API knows of a task. */
export type ProviderRecord =
  | { state: 'unknown' }
  | { state: 'pending' }
  /** `code`: the provider's own, where it gives one. */
  | { state: 'failed'; reason: string; code?: number }
  /**
   * Stems are named as a callback names them. `type` is left out where the links do not tell it. `mayGrow`: the task is said
   * to be at work still, so that more may come.
   */
  | { state: 'done'; links: { stem: string; url: string }[]; type?: Separation['type']; mayGrow?: true }

/**
 * Reads what the provider's API knows of a task.
 * Source: kie.ai and sunoapi.org, «Get vocal separation details», `GET /api/v1/vocal-removal/record-info`.
 *
 * @returns for a task id a record. It throws ProviderApiError when the API does not tell, and what `ask` throws.
 */
export const createRecordInfo =
  (request: ApiRequest) =>
  async (taskId: string): Promise<ProviderRecord> => {
    const reply = await request('GET', '/api/v1/vocal-removal/record-info', { query: { taskId } })
    if (reply.isReadable && (reply.code === 404 || reply.code === 422)) return { state: 'unknown' }
    if (reply.code !== 200) throw reply.problem()
    if (reply.isReadable && (reply.data === null || reply.data === undefined)) return { state: 'unknown' }
    const details = detailsSchema.safeParse(reply.data).data
    if (!reply.isReadable || !details) throw reply.problem()
    if (details.taskId && details.taskId !== taskId) {
      throw new ProviderApiError('unreadable', "the provider's API answered for another task")
    }
    return readDetails(details)
  }

export type ReadRecord = ReturnType<typeof createRecordInfo>

/**
 * What a callback would have said, had it come.
 *
 * @param record of the same task
 * @param at ISO time at which it was read
 * @returns `undefined` while the task has come to no end
 */
export const separationOfRecord = (taskId: string, record: ProviderRecord, at: string): Separation | undefined => {
  const common = { taskId, receivedAt: at }
  if (record.state === 'done') {
    const stems = record.links.map(({ stem, url }) => ({ name: stem, url }))
    return { ...common, type: record.type ?? 'unknown', code: 200, msg: "told by the provider's record", stems }
  }
  if (record.state !== 'failed') return undefined
  return { ...common, type: 'unknown', code: record.code ?? 500, msg: record.reason, stems: [] }
}

// Times come as numbers and as texts, ids and flags may be of any kind: what is not needed must not stand in the way.
const detailsSchema = z.looseObject({
  taskId: z.string().nullish(),
  response: z.looseObject({}).nullish(),
  successFlag: z.unknown().optional(),
  errorCode: z.unknown().optional(),
  errorMessage: z.unknown().optional(),
})

type Details = z.infer<typeof detailsSchema>

// Links tell more than the flag: CALLBACK_EXCEPTION says that a callback failed, not the separation.
const readDetails = ({ response, successFlag, errorCode, errorMessage }: Details): ProviderRecord => {
  const info = infoOf(response ?? {})
  const stems = stemsOfInfos([info])
  if (stems.length > MOST_STEMS) {
    const what = `the provider's record names ${stems.length} stems, more than ${MOST_STEMS}`
    throw new ProviderApiError('unreadable', what)
  }
  const links = stems.flatMap(({ name, url }) => (url === null ? [] : [{ stem: name, url }]))
  const type = typeOfInfos([info])
  const flag = typeof successFlag === 'string' ? successFlag.trim() : ''
  if (links.length > 0) {
    const mayGrow = flag === 'PENDING' ? { mayGrow: true as const } : {}
    return { state: 'done', links, ...(type === 'unknown' ? {} : { type }), ...mayGrow }
  }
  const words = typeof errorMessage === 'string' ? errorMessage.trim() : ''
  if (!isFailure(flag, words)) return { state: 'pending' } // success without a link is not done yet
  const code = codeOf(errorCode)
  const reason = redactLinks(words || REASONS[flag] || flag).slice(0, LONGEST_REASON)
  return { state: 'failed', reason, ...(code === undefined ? {} : { code }) }
}

// A flag that nobody has documented may be one of a task that still runs: waiting costs less than a paid result.
const isFailure = (flag: string, words: string): boolean => {
  if (flag === 'PENDING' || flag === 'SUCCESS') return false
  return /FAIL|ERROR|EXCEPTION/i.test(flag) || words !== ''
}

const REASONS: Record<string, string> = {
  CALLBACK_EXCEPTION: 'the provider could not deliver its callback, and its record holds no file (CALLBACK_EXCEPTION)',
}

const LONGEST_REASON = 200

const codeOf = (errorCode: unknown): number | undefined => {
  const code = typeof errorCode === 'string' && /^\d{1,6}$/.test(errorCode) ? Number(errorCode) : errorCode
  return typeof code === 'number' && Number.isInteger(code) && code !== 0 && code !== 200 ? code : undefined
}

// A record names what a callback names, in camel case, and every stem that there could have been. What has no link is left
// out here: the keys of a record do not tell what was asked for.
const infoOf = (response: Record<string, unknown>): CallbackInfo => {
  const keyed = Object.entries(response).flatMap(([key, value]) => {
    const link = linkOf(value)
    return /(?:Url|_url)$/.test(key) && link !== null ? [[snakeCase(key), link] as const] : []
  })
  const links = keyed.map(([, link]) => link)
  const listed = [response.originData]
    .flat()
    .filter((entry) => !isAmong(links, entry))
    .flatMap(groupOf)
  return Object.assign(Object.fromEntries(keyed), { origin_data: listed })
}

// kie.ai's record names each file twice: under its key, and in the list by its title, with the id that is in its file name.
const isAmong = (links: string[], entry: unknown): boolean => {
  if (!isObject(entry) || entry.extract || entry.remove) return false
  const { id, audio_url } = entry
  const named = typeof id === 'string' && id.length >= SHORTEST_ID ? id : undefined
  return links.some(
    (link) => link === linkOf(audio_url) || (named !== undefined && new URL(link).pathname.includes(named)),
  )
}

const SHORTEST_ID = 16 // what is shorter may be in a path by chance

const linkOf = (value: unknown): string | null => {
  const text = typeof value === 'string' ? value.trim() : ''
  return URL.canParse(text) ? text : null
}

const snakeCase = (camelCase: string): string =>
  camelCase.replace(/[A-Z]/g, (letter, at) => `${at === 0 ? '' : '_'}${letter.toLowerCase()}`)

const groupOf = (entry: unknown): CallbackGroup[] => {
  if (!isObject(entry)) return []
  const { extract, remove } = entry
  return [
    {
      ...fileOf(entry),
      ...(isObject(extract) ? { extract: fileOf(extract) } : {}),
      ...(isObject(remove) ? { remove: fileOf(remove) } : {}),
    },
  ]
}

const fileOf = ({ audio_url, stem_type_group_name: title }: Record<string, unknown>) => ({
  ...(audio_url === undefined ? {} : { audio_url: linkOf(audio_url) }),
  ...(typeof title === 'string' ? { stem_type_group_name: title } : {}),
})

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
