import { parseArgs } from 'node:util'

export type DrillOptions = {
  callbacks: number
  seed: string
  minutes: number
  workers: number
  disk: boolean
}

export const HELP = `npm run drill -- [options]
  --callbacks N   how many tasks are called back about (300)
  --seed TEXT     repeats a run: the same callbacks, moods and faults (drawn unless given)
  --minutes M     for how long faults happen (half a second per callback; at least half a minute, at most ten)
  --workers N     (2)
  --no-disk       leaves out the small disk that fills up`

/**
 * @param args without the program's name
 * @throws Error that names the option
 */
export const readOptions = (args: string[]): DrillOptions | 'help' => {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      callbacks: { type: 'string', default: '300' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      workers: { type: 'string', default: '2' },
      disk: { type: 'boolean', default: true },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const callbacks = wholeNumber('callbacks', values.callbacks)
  return {
    callbacks,
    seed: values.seed ?? `${Math.floor(Math.random() * 1e6)}`,
    minutes: values.minutes === undefined ? usualMinutes(callbacks) : positive('minutes', values.minutes),
    workers: wholeNumber('workers', values.workers),
    disk: values.disk,
  }
}

const usualMinutes = (callbacks: number): number => Math.min(10, Math.max(0.5, callbacks / 120))

const positive = (name: string, text: string): number => {
  const number = Number(text)
  if (Number.isFinite(number) && number > 0) return number
  throw new Error(`--${name} must be a number above 0`)
}

const wholeNumber = (name: string, text: string): number => {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw new Error(`--${name} must be a whole number above 0`)
}
