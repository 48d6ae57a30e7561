import { parseArgs } from 'node:util'
import { IDS } from './measures.ts'

const USAGE = `usage: npm run bench                             measures all of ${IDS.join(' ')}
       npm run bench -- P1 P5                    some of them
         --rounds N    how often each pair is taken (5)
         --quick       a look: a tenth of the work, three rounds, nothing is written
         --folder DIR  on which disk (data)
       npm run bench -- plots                    draws docs/images/performance-*.svg again
       npm run bench -- ingress --url URL        sends callbacks to your own ingress
         --key KEY | --token TOKEN               how they are proven (unproven)
         --connections N  --seconds N  --rate N  32, 10, and as fast as it answers
         --yes-it-is-mine                        where URL is no address of your own network
       see docs/performance.md`

/** What `npm run bench` is asked for. */
export type Wish =
  | { what: 'help'; text: string }
  | { what: 'plots' }
  | ({ what: 'measures' } & MeasuresWish)
  | ({ what: 'ingress' } & IngressWish)

export type MeasuresWish = { ids: string[]; rounds: number; scale: number; folder: string; isLook: boolean }

export type IngressWish = {
  url: URL
  proof: { key: string } | { token: string } | undefined
  connections: number
  seconds: number
  /** Callbacks a second; as fast as they are answered where it is left out. */
  perSecond: number | undefined
  isMine: boolean
}

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean', default: false } as const

/** @throws with one line that says what is wrong */
export const readArguments = (args: string[]): Wish => {
  if (args.includes('--help')) return { what: 'help', text: USAGE }
  if (args[0] === 'plots' && args.length === 1) return { what: 'plots' }
  return args[0] === 'ingress' ? readIngress(args.slice(1)) : readMeasures(args)
}

const readMeasures = (args: string[]): Wish => {
  const options = { rounds: TEXT, quick: FLAG, folder: { ...TEXT, default: 'data' } }
  const { values, positionals } = understood(() => parseArgs({ args, options, allowPositionals: true }))
  const ids = positionals.map((id) => id.toUpperCase())
  for (const id of ids) if (!IDS.includes(id)) throw wrong(`there is no measure ${id}, only ${IDS.join(' ')}`)
  return {
    what: 'measures',
    ids: ids.length > 0 ? ids : IDS,
    rounds: count('--rounds', values.rounds) ?? (values.quick ? 3 : 5),
    scale: values.quick ? 0.1 : 1,
    folder: values.folder,
    isLook: values.quick,
  }
}

const readIngress = (args: string[]): Wish => {
  const options = {
    ...{ url: TEXT, key: TEXT, token: TEXT, 'yes-it-is-mine': FLAG },
    ...{ connections: TEXT, seconds: TEXT, rate: TEXT },
  }
  const { values } = understood(() => parseArgs({ args, options }))
  const url = URL.parse(values.url ?? '')
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw wrong('--url must say where your ingress is, such as http://127.0.0.1:3000')
  }
  if (values.key !== undefined && values.token !== undefined) throw wrong('--key or --token, not both')
  const { key, token } = values
  return {
    what: 'ingress',
    url,
    proof: key !== undefined ? { key } : token !== undefined ? { token } : undefined,
    connections: count('--connections', values.connections) ?? 32,
    seconds: count('--seconds', values.seconds) ?? 10,
    perSecond: count('--rate', values.rate),
    isMine: values['yes-it-is-mine'],
  }
}

const understood = <T>(parse: () => T): T => {
  try {
    return parse()
  } catch (error) {
    throw wrong((error as Error).message)
  }
}

const count = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,5}$/.test(text)) throw wrong(`${name} must be a whole number from 1 to 999999, and is «${text}»`)
  return Number(text)
}

const wrong = (message: string): Error => new Error(`${message.split('\n')[0]} (npm run bench -- --help)`)
