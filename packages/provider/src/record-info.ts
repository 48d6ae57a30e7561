import type { Verdict } from '@stems/domain/errors'
import { redactLinks } from '@stems/domain/link'
import { titleToStemName, toStemName } from '@stems/domain/stem-name'
import { z } from 'zod'

/** What the provider's API knows of a task. */
export type ProviderRecord =
  | { state: 'unknown' }
  | { state: 'pending' }
  | { state: 'failed'; reason: string }
  | { state: 'done'; links: { stem: string; url: string }[] }

/** The provider's API did not tell. `never`: it will not tell this key; `later`: asking again may help. */
export class ProviderApiError extends Error {
  readonly verdict: Extract<Verdict, 'never' | 'later'>

  constructor(verdict: ProviderApiError['verdict'], message: string) {
    super(message)
    this.name = 'ProviderApiError'
    this.verdict = verdict
  }
}

/** Sends one request; its answer is small. */
export type Ask = (request: {
  method: 'GET' | 'POST'
  url: URL
  headers: Record<string, string>
}) => Promise<{ status: number; text: string }>

export type RecordInfoOptions = {
  /** `https://api.kie.ai` or the like. */
  apiUrl: string
  apiKey: string
  ask: Ask
}

/**
 * Reads what the provider's API knows of a task.
 * Source: kie.ai and sunoapi.org, «Get vocal separation details», `GET /api/v1/vocal-removal/record-info`.
 */
export const createRecordInfo = ({ apiUrl, apiKey, ask }: RecordInfoOptions) => {
  const base = new URL(apiUrl)
  return async (taskId: string): Promise<ProviderRecord> => {
    const url = new URL(`${base.pathname.replace(/\/$/, '')}/api/v1/vocal-removal/record-info`, base)
    url.searchParams.set('taskId', taskId)
    const headers = { authorization: `Bearer ${apiKey}`, accept: 'application/json' }
    const { status, text } = await ask({ method: 'GET', url, headers })
    return readAnswer(status, text, taskId)
  }
}

export type ReadRecord = ReturnType<typeof createRecordInfo>

const fileSchema = z.looseObject({ audio_url: z.string().nullish(), stem_type_group_name: z.string().nullish() })
const groupSchema = fileSchema.extend({ extract: fileSchema.nullish(), remove: fileSchema.nullish() })

const answerSchema = z.looseObject({
  code: z.coerce.number().int(),
  msg: z.string().nullish(),
  data: z
    .looseObject({
      taskId: z.string().nullish(),
      response: z
        .object({ originData: z.array(groupSchema).nullish() })
        .catchall(z.unknown())
        .nullish(),
      successFlag: z.string().nullish(),
      errorMessage: z.string().nullish(),
    })
    .nullish(),
})

type Answer = z.infer<typeof answerSchema>
type Details = NonNullable<Answer['data']>

// Errors come as HTTP codes, and as HTTP 200 with a code in the body.
const readAnswer = (status: number, text: string, taskId: string): ProviderRecord => {
  const answer = parseAnswer(text)
  const code = status === 200 ? answer?.code : status
  if (code === 401 || code === 403) {
    throw new ProviderApiError('never', `the provider refuses PROVIDER_API_KEY (${code})`)
  }
  if (answer && (code === 404 || code === 422)) return { state: 'unknown' }
  if (code !== 200) {
    const how = answer ? '' : ' and nothing that we can read: check PROVIDER_API_URL'
    throw new ProviderApiError('later', `the provider's API answered ${code ?? status}${how}`)
  }
  if (!answer?.data) return { state: 'unknown' }
  if (answer.data.taskId && answer.data.taskId !== taskId) {
    throw new ProviderApiError('later', "the provider's API answered for another task")
  }
  return readDetails(answer.data)
}

const parseAnswer = (text: string): Answer | undefined => {
  try {
    return answerSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined // an error page, say
  }
}

// Links tell more than the flag: CALLBACK_EXCEPTION says that a callback failed, not the separation.
const readDetails = ({ response, successFlag, errorMessage }: Details): ProviderRecord => {
  const links = response ? linksOf(response) : []
  if (links.length > 0) return { state: 'done', links }
  if (!successFlag || ['PENDING', 'SUCCESS'].includes(successFlag)) return { state: 'pending' } // success without a link is not done yet
  return { state: 'failed', reason: redactLinks(errorMessage || successFlag).slice(0, LONGEST_REASON) }
}

const LONGEST_REASON = 200

const linksOf = (response: NonNullable<Details['response']>) => [
  ...Object.entries(response).flatMap(([key, url]) =>
    key.endsWith('Url') && isLink(url) ? [{ stem: toStemName(snakeCase(key.slice(0, -'Url'.length))), url }] : [],
  ),
  ...(response.originData ?? []).flatMap(({ extract, remove, ...file }) => {
    const title = titleToStemName(
      file.stem_type_group_name ?? extract?.stem_type_group_name ?? remove?.stem_type_group_name ?? 'stem',
    )
    const files = [
      { stem: title, url: file.audio_url },
      { stem: title, url: extract?.audio_url },
      { stem: `${title}_removed`, url: remove?.audio_url },
    ]
    return files.flatMap(({ stem, url }) => (isLink(url) ? [{ stem, url }] : []))
  }),
]

const isLink = (value: unknown): value is string => typeof value === 'string' && URL.canParse(value)

const snakeCase = (camelCase: string): string => camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
