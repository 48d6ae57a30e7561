import { createHash } from 'node:crypto'
import type { FailureCode } from '@stems/domain/errors'
import { mp3For } from '../../test/stand-in/audio.ts'
import type { Dice } from './dice.ts'

/** What the far side does to one request; the next one for the same file may fare better. */
export const TROUBLES = [
  ...(['cut', 'chunkcut', 'stall', 'silence', 'reset'] as const),
  ...(['429', '500', '503', 'badrange', 'slow'] as const),
]
export type Trouble = (typeof TROUBLES)[number]

/** What it does to every request for a file that it will never give. */
export const REFUSALS = {
  gone: { status: 404, code: 'gone' },
  deleted: { status: 410, code: 'gone' },
  forbidden: { status: 403, code: 'gone' },
  html: { status: 200, code: 'not_audio' },
} as const satisfies Record<string, { status: number; code: FailureCode }>
export type Refusal = keyof typeof REFUSALS

/** A file's fate stands in its path, so that a log or a manifest shows it: `/cut-429/1f_Drums.mp3`, `/html/2a_Bass.mp3`. */
export type Mood = { refusal: Refusal } | { troubles: Trouble[] }

/** What must come of a link in the end. */
export type Truth = { bytes: number; sha256: string } | { refusedAs: FailureCode }

const WELL = 'well'

/** Draws a fate: most files come at once or after some trouble, a few never. */
export const drawMood = (dice: Dice): Mood => {
  const kind = dice.next()
  if (kind < 0.07) return { refusal: dice.pick(Object.keys(REFUSALS) as Refusal[]) }
  if (kind < 0.5) return { troubles: [] }
  return { troubles: Array.from({ length: dice.between(1, 3) }, () => dice.pick(TROUBLES)) }
}

/**
 * The link of a file under a mood.
 *
 * @param instrument as the stand-in's recordings are called, such as `Drums`
 */
export const linkTo = (mood: Mood, instrument: string, dice: Dice): string => {
  const id = dice.between(0, 0xffff_ffff).toString(16)
  const kilobytes = dice.chance(0.15) ? dice.between(100, 400) : 0
  const fate = 'refusal' in mood ? mood.refusal : mood.troubles.join('-') || WELL
  const isSigned = dice.chance(0.3)
  const path = `/${fate}/${id}${kilobytes ? `~${kilobytes}k` : ''}${isSigned ? SIGNED : ''}_${instrument}.mp3`
  return isSigned ? `${path}?Signature=${signatureOf(path)}` : path
}

const SIGNED = '~signed'

const signatureOf = (path: string): string => createHash('sha256').update(path).digest('hex').slice(0, 16)

/** Does a link open its file? Some need a signature in their query string, and without it they are refused. */
export const opensFile = (link: string): boolean => {
  const { pathname, searchParams } = new URL(link, 'http://far-side')
  return !pathname.includes(SIGNED) || searchParams.get('Signature') === signatureOf(pathname)
}

/** @param link with or without its origin */
export const moodOf = (link: string): Mood => {
  const [, fate = ''] = new URL(link, 'http://far-side').pathname.split('/')
  if (fate in REFUSALS) return { refusal: fate as Refusal }
  return { troubles: fate.split('-').filter((name): name is Trouble => TROUBLES.includes(name as Trouble)) }
}

/** @param link with or without its origin and its query string */
export const fileAt = (link: string): Buffer => {
  const { pathname } = new URL(link, 'http://far-side')
  const [, kilobytes = '0'] = /~(\d+)k/.exec(pathname) ?? []
  return mp3For(decodeURI(pathname), Number(kilobytes) * 1000)
}

/** @param link with or without its origin */
export const truthOf = (link: string): Truth => {
  const mood = moodOf(link)
  if ('refusal' in mood) return { refusedAs: REFUSALS[mood.refusal].code }
  const file = fileAt(link)
  return { bytes: file.length, sha256: createHash('sha256').update(file).digest('hex') }
}
