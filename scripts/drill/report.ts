import Table from 'cli-table3'
import type { Account } from './account.ts'
import type { Sender } from './sender.ts'

export type Outcome = {
  seed: string
  seconds: number
  account: Account
  sender: Pick<Sender, 'figures' | 'answers'>
  faults: Record<string, number>
  farSide: { met: ReadonlyMap<string, number>; sentAgain: number }
  /** Workers that were restarted because they said that they were stuck. */
  restarts: readonly string[]
  /** Processes that ended without being told to. */
  endsOfItsOwn: readonly string[]
  /** What never came to rest. */
  underWay: string | undefined
}

const SHOWN_FINDINGS = 50
const ANSWER_WITHIN_MS = 2000

/** Is everything accounted for, and at rest? */
export const isClean = ({ account, underWay }: Pick<Outcome, 'account' | 'underWay'>): boolean =>
  account.findings.length === 0 && underWay === undefined

/** The drill's outcome for people: a table, and every finding in words. */
export const report = (outcome: Outcome): string => {
  const { account, sender, faults, farSide, restarts, endsOfItsOwn, underWay } = outcome
  const { figures, answers } = sender
  const table = new Table({ style: { head: [], border: [] }, colAligns: ['left', 'right', 'left'] })
  table.push(
    ['callbacks sent', figures.sent, 'to two doors that are killed now and then'],
    ['accepted', figures.accepted, `answered 200: each one is a promise (${list(answers)})`],
    ['not accepted', figures.notAccepted, 'never answered 200, so nobody was promised anything'],
    ['duplicates', figures.repeats, 'sent again although they were answered'],
    ['slowest answer', `${figures.slowestMs} ms`, figures.slowestMs > ANSWER_WITHIN_MS ? 'more than two seconds' : ''],
    ['faults', sum(faults), list(faults)],
    ['far side', sum(Object.fromEntries(farSide.met)), list(Object.fromEntries(farSide.met))],
    ['manifests', account.manifests, `of ${account.tasks - account.quarantined} separations`],
    ['quarantined', account.quarantined, 'of a shape that nobody knows, kept whole'],
    ['stems named', account.named, ''],
    ['saved', account.saved, 'bytes and sha256 are the manifest’s and the far side’s'],
    ['failed', sum(account.failed), `for a stated reason that is the far side’s: ${list(account.failed)}`],
    ['other link', account.otherLink, 'saved whole, but the manifest names another of the stem’s links'],
    ['empty', account.empty, 'named without a link'],
    ['sent twice', farSide.sentAgain, 'files that the far side sent to the end more than once'],
    ['strays', account.strays.length, `final names that no manifest knows${some(account.strays)}`],
    ['parts', account.parts, 'unfinished files that nobody has swept yet'],
    ['restarts', restarts.length, `workers that said of themselves that they were stuck${some(restarts)}`],
    ['ends', endsOfItsOwn.length, `processes that ended without being told to${some(endsOfItsOwn)}`],
    ['lost', countOf(account, 'lost'), ''],
    ['corrupt', countOf(account, 'corrupt'), ''],
  )
  return [table.toString(), ...words(account, underWay), summary(outcome)].join('\n')
}

const words = ({ findings }: Account, underWay: string | undefined): string[] => [
  ...findings
    .slice(0, SHOWN_FINDINGS)
    .map(({ kind, taskId, stem, what }) => `${kind}: ${stem ? `${taskId}/${stem}` : taskId}: ${what}`),
  ...(findings.length > SHOWN_FINDINGS ? [`… and ${findings.length - SHOWN_FINDINGS} more`] : []),
  ...(underWay ? [`never came to rest: ${underWay}`] : []),
]

const summary = ({ seed, seconds, account, sender }: Outcome): string =>
  `seed ${seed}, ${seconds} s: ${sender.figures.accepted} accepted, ${sender.figures.repeats} duplicates, ` +
  `${account.saved} saved, ${sum(account.failed)} failed for a stated reason, ` +
  `lost ${countOf(account, 'lost')}, corrupt ${countOf(account, 'corrupt')}`

const countOf = ({ findings }: Account, kind: string): number =>
  findings.filter((finding) => finding.kind === kind).length

const sum = (figures: Record<string, number>): number => Object.values(figures).reduce((all, one) => all + one, 0)

const list = (figures: Record<string, number>): string =>
  Object.entries(figures)
    .map(([name, figure]) => `${name} ${figure}`)
    .join(', ')
    .replace(/(.{60,80}?), /g, '$1,\n')

const some = (names: readonly string[]): string => (names.length > 0 ? `:\n${names.slice(0, 10).join('\n')}` : '')
