import type { PlannedFault } from './plan-faults.ts'
import type { Sender } from './sender.ts'

const TELL_EVERY_MS = 5000

/** Tells what is happening, line by line: readable in a terminal, a log and a pipe alike. */
export const createProgress = ({ sender, startedAt }: { sender: Sender; startedAt: number }) => {
  const faults: Record<string, number> = {}
  const tell = (text: string) => {
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    console.log(`${`${seconds}`.padStart(4)} s  ${text}`)
  }
  const timer = setInterval(() => {
    const { sent, accepted, repeats } = sender.figures
    tell(`${sent} sent, ${accepted} accepted, ${repeats} duplicates`)
  }, TELL_EVERY_MS)
  return {
    tell,
    fault: ({ kind, target, forMs }: PlannedFault): void => {
      faults[kind] = (faults[kind] ?? 0) + 1
      tell(`${kind}: ${target}, for ${(forMs / 1000).toFixed(1)} s`)
    },
    /** How often each fault was made to happen. */
    faults,
    /** Stops telling figures of the sender. */
    close: () => clearInterval(timer),
  }
}
