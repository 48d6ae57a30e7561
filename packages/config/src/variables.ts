import { isIP } from 'node:net'
import { z } from 'zod'

/** `a, b,c` → `['a', 'b', 'c']`; not set → `[]`. */
export const list = () =>
  z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )

/**
 * A list whose entries are checked one by one. A wrong one is named by its place and never repeated: it may be a secret.
 *
 * @param problemOf says what is wrong with an entry, in words that follow "entry 2"; `undefined` when nothing is
 */
export const checkedList = (problemOf: (entry: string) => string | undefined) =>
  list().superRefine((entries, context) => {
    for (const [index, entry] of entries.entries()) {
      const problem = problemOf(entry)
      if (problem) context.addIssue({ code: 'custom', message: `entry ${index + 1} ${problem}` })
    }
  })

/** A whole number within bounds. */
export const integer = ({ min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number }) => {
  const message = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,16}$/, message)
    .transform(Number)
    .pipe(z.number().min(min, message).max(max, message))
}

/** `true` or `false`. */
export const flag = () => z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true')

/** A TCP port to listen on; 0 takes a free one. */
export const port = () => integer({ min: 0, max: 65535 })

/** A URL of the web. */
export const webAddress = (example: string) =>
  z
    .string()
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), `must be a URL such as ${example}`)
    .optional()

/** What every app reads. */
export const commonVariables = {
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
}

/** Addresses and networks of proxies in front of an app, whose `X-Forwarded-For` is believed. Never everybody: no `/0`. */
export const proxies = () =>
  checkedList((entry) => (isNetwork(entry) ? undefined : 'is neither an IP address nor a network such as 10.0.0.0/8'))

const isNetwork = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/')
  const version = address.includes('%') ? 0 : isIP(address) // a zone belongs to a link of this machine, not to a network
  if (version === 0 || rest.length > 0) return false
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}
