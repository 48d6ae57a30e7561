import { publicLink } from '@stems/domain/link'
import { linksOf, type NamedStem } from '@stems/domain/separation'
import { stemNameSchema } from '@stems/domain/stem-name'
import { taskIdSchema } from '@stems/domain/task-id'
import { ProviderApiError } from '@stems/provider/api-error'
import { objectionTo, suspicionOf } from '@stems/provider/confirm-links'
import { createProviderApi } from '@stems/provider/provider-api'
import { PROVIDERS } from '@stems/provider/provider-name'
import type { ProviderRecord } from '@stems/provider/record-info'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { json, link, own, stemWord, text } from './arbitraries.ts'
import { AT_LENGTH, fuzz, fuzzInLanes } from './fuzz.ts'
import { separation } from './separations.ts'

test(
  "whatever the provider's API answers is a record, or an error that says whether to ask again",
  AT_LENGTH,
  async () => {
    const status = fc.oneof({ weight: 5, arbitrary: fc.constant(200) }, fc.integer({ min: 100, max: 599 }))
    await fuzzInLanes("the provider's answers", 4, fc.tuple(status, answer()), async ([status, answered]) => {
      const { readRecord: read } = createProviderApi({
        provider: 'kie',
        apiUrl: 'https://api.example/base/',
        apiKey: 'the-key',
        ask: async () => ({ status, text: answered }),
      })
      const record = await read('task-1').catch((error: unknown) => {
        if (!(error instanceof ProviderApiError)) throw error
        expect(error.message).not.toContain('the-key')
        return undefined
      })
      if (!record) return
      expect(['unknown', 'pending', 'failed', 'done']).toContain(record.state)
      if (record.state === 'failed') expect(record.reason).toBeTypeOf('string')
      if (record.state !== 'done') return
      expect(record.links).not.toEqual([])
      for (const { stem, url } of record.links)
        expect([stemNameSchema.parse(stem), URL.canParse(url)]).toEqual([stem, true])
    })
  },
)

test(
  'whatever the API answers to an order or to a dead link, it is an id, a link or nothing, or one of the documented errors',
  AT_LENGTH,
  async () => {
    const status = fc.oneof({ weight: 5, arbitrary: fc.constant(200) }, fc.integer({ min: 100, max: 599 }))
    const given = fc.tuple(status, fc.oneof(answer(), said()), fc.constantFrom(...PROVIDERS), fc.option(text))
    await fuzzInLanes('answers to orders', 4, given, async ([status, answered, provider, retryAfter]) => {
      const api = createProviderApi({
        provider,
        apiUrl: 'https://api.example/base/',
        apiKey: 'the-key',
        ask: async () => ({ status, text: answered, headers: { 'retry-after': retryAfter ?? undefined } }),
      })
      const fresh = await api.freshLink('https://far.side/x.mp3?k=the-secret').catch((error: unknown) => {
        if (!(error instanceof ProviderApiError)) throw error
        expect(error.message).not.toMatch(/the-key|the-secret/)
        return undefined
      })
      if (fresh !== undefined) expect(new URL(fresh).href).toBe(fresh)
      const callBackUrl = 'https://me.example/callbacks/separation/the-token'
      const order = { sourceTaskId: 'song', audioId: 'audio', type: 'split_stem', callBackUrl } as const
      const bought = await api.buy(order).catch((error: unknown) => {
        if (!(error instanceof ProviderApiError)) throw error
        expect(error.message).not.toMatch(/the-key|the-token/)
        // "Nothing was bought" is never said when the provider may have done it.
        expect(status === 200 || (status >= 400 && status < 500)).toBe(true)
        return undefined
      })
      if (bought?.kind === 'bought') expect(taskIdSchema.parse(bought.taskId)).toBe(bought.taskId)
      if (bought?.kind === 'maybe') expect(bought.why).not.toMatch(/the-key|the-token/)
    })
  },
)

test('a callback is believed only when each of its links is in the record, but for the song itself', AT_LENGTH, () => {
  const record: fc.Arbitrary<Exclude<ProviderRecord, { state: 'pending' }>> = fc.oneof(
    { weight: 1, arbitrary: fc.constant({ state: 'unknown' as const }) },
    { weight: 1, arbitrary: text.map((reason) => ({ state: 'failed' as const, reason })) },
    { weight: 1, arbitrary: done([]) },
  )
  const song = fc
    .constantFrom('cdn1.suno.ai', 'file.aiquickdraw.com', 'aiquickdraw.com.', 'evil.example', 'evilaiquickdraw.com')
    .chain((host) => fc.constantFrom(host, `${host}.evil.example`, `x.${host}`).map((each) => `https://${each}/x.mp3`))
  const said = fc.oneof(
    separation,
    fc.tuple(separation, song).map(([each, url]) => ({
      ...each,
      stems: [...each.stems.slice(0, 1).filter(({ name }) => name !== 'origin'), { name: 'origin', url }],
    })),
  )
  const related = said.chain((each) => fc.tuple(fc.constant(each), fc.oneof(record, done(each.stems))))
  fuzz('forged links', fc.tuple(related, fc.option(separation)), ([[said, known], before]) => {
    const objection = objectionTo(said, known)
    const listed = known.state === 'done' ? known.links : []
    const isBorneOut = said.stems.every(({ name, ...stem }) => {
      const own = listed.filter((each) => uncounted(each.stem) === uncounted(name))
      const places = new Set((own.length > 0 ? own : listed).map(({ url }) => publicLink(new URL(url).href)))
      const isLeftOut = name === 'origin' && own.length === 0
      return linksOf(stem).every((url) => places.has(publicLink(url)) || (isLeftOut && isAtProvider(url)))
    })
    expect(objection === undefined, objection ?? 'it was believed').toBe(known.state === 'done' && isBorneOut)
    const suspicion = suspicionOf(said, before ?? undefined)
    if (suspicion !== undefined) return
    expect(said.isUnproven).toBeUndefined()
    expect(said.stems.flatMap(linksOf).every(isAtProvider)).toBe(true)
  })
})

const uncounted = (name: string): string => name.replace(/_\d+$/, '')

const isAtProvider = (link: string): boolean =>
  /^(?:(?:.*\.)?aiquickdraw\.com|cdn1\.suno\.ai)\.?$/.test(new URL(link).hostname)

/** A record that lists some of the stems, most of them under their own names, and a few others. */
function done(stems: NamedStem[]) {
  const links = stems.flatMap(({ name, url }) => (url === null ? [] : [{ stem: name, url: publicLink(url) }]))
  const url = fc.oneof(
    link.filter((each) => URL.canParse(each)),
    ...(links.length > 0 ? [fc.constantFrom(...links.map((each) => each.url))] : []),
  )
  const other = fc.record({ stem: fc.constantFrom('vocal', 'drums', 'origin'), url })
  const some = fc.oneof(fc.constant(links), fc.constant(links.slice(0, -1)), fc.subarray(links))
  const renamed = fc.constantFrom(
    (each: string) => each,
    () => 'fx',
  )
  return fc.tuple(fc.array(other, { maxLength: 2 }), some, renamed).map(([others, known, rename]) => ({
    state: 'done' as const,
    links: [...others, ...known.map((each) => ({ stem: rename(each.stem), url: each.url }))],
  }))
}

/** What answers an order or a dead link, and repeats what it was sent. */
function said(): fc.Arbitrary<string> {
  const msg = fc.constantFrom('success', 'no: the-key https://me.example/callbacks/separation/the-token', '', null, 7)
  const data = fc.oneof(
    fc.record({ taskId: fc.oneof(fc.constantFrom('task-1', '', '../x', 7, null), text) }),
    fc.oneof(link, text),
    json,
  )
  const code = fc.constantFrom(200, '200', 400, 401, 402, 405, 422, 429, 430, 455, 500, 0, -1, null)
  return fc.record({ code, msg, data }, { requiredKeys: [] }).map((each) => JSON.stringify(each))
}

/** A documented answer with faults, any JSON, or no JSON. */
function answer(): fc.Arbitrary<string> {
  const file = fc.record(
    { audio_url: fc.oneof(link, json), stem_type_group_name: fc.oneof(stemWord, json) },
    { requiredKeys: [] },
  )
  const response = fc
    .tuple(
      fc.array(
        fc.tuple(
          stemWord.map((word) => `${word}Url`),
          fc.oneof(link, json),
        ),
        { maxLength: 5 },
      ),
      fc.oneof(fc.array(file), json),
    )
    .map(([entries, originData]) => own([...entries, ['originData', originData]]))
  const data = fc.record(
    {
      taskId: fc.constantFrom('task-1', 'task-2', null, 1),
      response: fc.oneof({ weight: 4, arbitrary: response }, json),
      successFlag: fc.constantFrom(
        'SUCCESS',
        'PENDING',
        'CALLBACK_EXCEPTION',
        'CREATE_TASK_FAILED',
        null,
        '',
        1,
        'PENDING ',
      ),
      errorMessage: fc.oneof(text, fc.constant(null)),
    },
    { requiredKeys: [] },
  )
  const code = fc.oneof(
    { weight: 5, arbitrary: fc.constant(200) },
    fc.constantFrom('200', 401, 402, 404, 422, 429, 430, 455, 500, '2e2', [200], { valueOf: 1, toString: 1 }),
    json,
  )
  const whole = fc.record(
    { code, msg: json, data: fc.oneof({ weight: 5, arbitrary: data }, json) },
    { requiredKeys: ['data'] },
  )
  return fc.oneof(
    { weight: 5, arbitrary: whole.map((each) => JSON.stringify(each)) },
    json.map((each) => JSON.stringify(each)),
    text,
  )
}
