import type { CallbackBody } from '../../test/stand-in/payloads.ts'
import type { Dice } from './dice.ts'
import { drawMood, linkTo, type Mood } from './moods.ts'

/** A stem as a callback names it; `null` where it gives no link. */
export type PlannedStem = { name: string; link: string | null }

export type PlannedCallback = {
  body: CallbackBody
  stems: PlannedStem[]
  /** When it is sent again although it was answered, in milliseconds after the first time. */
  repeatsAfterMs: number[]
}

export type PlannedTask = {
  taskId: string
  /** When its first callback is sent. */
  atMs: number
  /** Is its shape one that nobody knows, so that it belongs into quarantine? */
  isStrange: boolean
  first: PlannedCallback
  /** A later callback with fresh links for those that were dead. Sent when the first one was answered. */
  fresh?: PlannedCallback & { afterMs: number }
}

const INSTRUMENTS: Record<string, string> = {
  vocal: 'Vocals',
  instrumental: 'Instrumental',
  backing_vocals: 'Backing_Vocals',
  drums: 'Drums',
  bass: 'Bass',
  guitar: 'Guitar',
  keyboard: 'Keyboard',
  percussion: 'Percussion',
  strings: 'Strings',
  synth: 'Synth',
  fx: 'FX',
  brass: 'Brass',
  woodwinds: 'Woodwinds',
}

/**
 * Who will be called back about what, and when.
 *
 * @param files where the far side serves its files
 * @param overMs the time over which the callbacks are spread
 */
export const planCallbacks = (
  dice: Dice,
  { callbacks, overMs, files }: { callbacks: number; overMs: number; files: string },
): PlannedTask[] => {
  const tasks = Array.from({ length: callbacks }, (_, n) => planTask(dice.fork(`task ${n}`), n, overMs, files))
  return tasks.sort((a, b) => a.atMs - b.atMs)
}

const planTask = (dice: Dice, n: number, overMs: number, files: string): PlannedTask => {
  const taskId = `drill-${n}`
  const atMs = Math.floor(dice.next() * overMs)
  const kind = dice.next()
  if (kind < 0.03)
    return { taskId, atMs, isStrange: true, first: callback(dice, taskId, { news: 'of a kind unknown' }) }
  if (kind < 0.07) return { taskId, atMs, isStrange: false, first: callback(dice, taskId, null, [], 501) }

  const stems = planStems(dice, files)
  if (kind < 0.9) return { taskId, atMs, isStrange: false, first: namingStems(dice, taskId, stems) }
  return { taskId, atMs, isStrange: false, ...planDeadLinks(dice, taskId, stems, files) }
}

const planStems = (dice: Dice, files: string): PlannedStem[] => {
  const names = dice.shuffle(Object.keys(INSTRUMENTS)).slice(0, dice.between(1, 6))
  return names.map((name) => ({
    name,
    link: dice.chance(0.08) ? null : files + linkTo(drawMood(dice), INSTRUMENTS[name] as string, dice),
  }))
}

// The first callback's links are dead, and then a second one brings living ones: at the same time, perhaps, as the
// first one is repeated.
const planDeadLinks = (dice: Dice, taskId: string, stems: PlannedStem[], files: string) => {
  const relink = (mood: () => Mood) =>
    stems.map(({ name }) => ({ name, link: files + linkTo(mood(), INSTRUMENTS[name] as string, dice) }))
  const alive = (): Mood => {
    const mood = drawMood(dice)
    return 'refusal' in mood ? { troubles: [] } : mood
  }
  const first = namingStems(
    dice,
    taskId,
    relink(() => ({ refusal: 'gone' })),
  )
  const fresh = namingStems(dice, taskId, relink(alive))
  const afterMs = dice.between(0, 4000)
  return {
    first: { ...first, repeatsAfterMs: [...first.repeatsAfterMs, afterMs] },
    fresh: { ...fresh, afterMs },
  }
}

const namingStems = (dice: Dice, taskId: string, stems: PlannedStem[]): PlannedCallback =>
  callback(dice, taskId, Object.fromEntries(stems.map(({ name, link }) => [`${name}_url`, link ?? ''])), stems)

const callback = (
  dice: Dice,
  taskId: string,
  info: Record<string, unknown> | null,
  stems: PlannedStem[] = [],
  code = 200,
): PlannedCallback => ({
  body: { code, msg: code === 200 ? 'ok' : 'failed', data: { task_id: taskId, vocal_separation_info: info } },
  stems,
  repeatsAfterMs: dice.chance(0.3) ? Array.from({ length: dice.between(1, 2) }, () => dice.between(0, 6000)) : [],
})
