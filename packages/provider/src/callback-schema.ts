import { taskIdSchema } from '@stems/domain/task-id'
import { z } from 'zod'

const isUrlOrEmpty = (trimmed: string): boolean => trimmed === '' || URL.canParse(trimmed)

const NO_LINK = 'must be a URL, "" or null'

/** A link, or one of the three ways in which the provider says that there is none: `""`, `null`, absent. */
const linkSchema = z
  .union([z.string().trim().refine(isUrlOrEmpty, NO_LINK), z.null()])
  .describe('A URL; "" or null where the provider has no file for this stem')

const listedFileSchema = z.looseObject({
  audio_url: linkSchema.optional(),
  stem_type_group_name: z.string().optional(),
})

/** One group of `split_stem_advanced`: the stem taken out, and the song without it. */
const groupSchema = listedFileSchema.extend({
  extract: listedFileSchema.nullish(),
  remove: listedFileSchema.nullish(),
})

const infoSchema = z
  .object({ origin_data: z.array(groupSchema).nullish() })
  .catchall(z.unknown())
  .superRefine((info, context) => {
    for (const [key, value] of Object.entries(info)) {
      if (!key.endsWith('_url') || value === undefined || value === null) continue
      const isLink = typeof value === 'string' && isUrlOrEmpty(value.trim())
      if (!isLink) context.addIssue({ code: 'custom', path: [key], message: NO_LINK })
    }
  })
  .describe('One `<stem>_url` per stem; an unknown `<stem>_url` is a stem too. `origin_data` is the list form.')

/**
 * The body of a separation callback, in every dialect that is known.
 * Source: the provider's page «Audio Separation Callbacks»; `vocal_removal_info` and `origin_data` from its sister pages.
 */
export const callbackSchema = z.looseObject({
  code: z
    .union([
      z.number().int(),
      z
        .string()
        .regex(/^\d{1,6}$/)
        .transform(Number),
    ])
    .describe('200 is success'),
  msg: z.string().nullish(),
  data: z.looseObject({
    task_id: taskIdSchema,
    vocal_separation_info: infoSchema.nullish(),
    vocal_removal_info: infoSchema.nullish(),
  }),
})

export type Callback = z.infer<typeof callbackSchema>
export type CallbackInfo = z.infer<typeof infoSchema>
export type CallbackGroup = z.infer<typeof groupSchema>
