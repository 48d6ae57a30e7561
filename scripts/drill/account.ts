import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { publicLink } from '@stems/domain/link'
import { type Manifest, manifestSchema } from '@stems/domain/manifest'
import type { Truth } from './moods.ts'
import type { PromisedTask } from './sender.ts'

/** `lost`: promised, and not there. `corrupt`: there, and not what it should be. */
export type Finding = { kind: 'lost' | 'corrupt'; taskId: string; stem?: string; what: string }

export type Account = {
  /** Tasks that have a callback which was answered 200. */
  tasks: number
  manifests: number
  quarantined: number
  /** Stems that their callbacks named. */
  named: number
  saved: number
  /** Given up for a reason that the far side gave, by the manifest's code. */
  failed: Record<string, number>
  empty: number
  findings: Finding[]
  /** Saved under a link that an earlier or later callback gave for the same stem: whole, but said to be from elsewhere. */
  otherLink: number
  /** Files under a final name that no manifest knows, relative to the store. */
  strays: string[]
  /** Parts that nobody has swept yet. */
  parts: number
}

export type AccountOptions = {
  /** The store's folder. */
  store: string
  promised: readonly PromisedTask[]
  /** What must come of a link. */
  truthOf: (link: string) => Truth
  /** Tasks of which the quarantine keeps a payload. */
  quarantined: ReadonlySet<string>
}

/**
 * Accounts for every callback that was answered 200 and every stem it named, by what lies on the disk alone. Tasks that
 * nobody was promised anything about may be there or not, but nothing of them may be wrong.
 */
export const drawUpAccount = async ({ store, promised, truthOf, quarantined }: AccountOptions): Promise<Account> => {
  const account: Account = {
    tasks: promised.length,
    ...{ manifests: 0, quarantined: 0, named: 0, saved: 0, failed: {}, empty: 0, otherLink: 0 },
    ...{ findings: [], strays: [], parts: await countParts(store) },
  }
  const folders = new Set((await entriesOf(store)).filter((name) => !name.startsWith('.')))
  for (const task of promised) {
    if (task.isStrange) accountForStrange(account, task, quarantined)
    else await accountForTask(account, task, await readTask(store, task.taskId), truthOf)
    folders.delete(task.taskId)
  }
  for (const taskId of folders) await accountForUnpromised(account, await readTask(store, taskId), taskId, truthOf)
  return account
}

type StoredTask = {
  manifest: Manifest | undefined
  /** What is wrong with the manifest. */
  problem: string | undefined
  /** Published files by name. */
  files: Map<string, { bytes: number; sha256: string }>
}

const readTask = async (store: string, taskId: string): Promise<StoredTask> => {
  const folder = join(store, taskId)
  const files: StoredTask['files'] = new Map()
  for (const name of await entriesOf(folder)) {
    if (['manifest.json', 'analysis.json'].includes(name) || /\.(peaks\.json|part)$/.test(name)) continue
    const body = await readFile(join(folder, name))
    files.set(name, { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') })
  }
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => undefined)
  return { ...readManifest(text, taskId), files }
}

const readManifest = (text: string | undefined, taskId: string): Pick<StoredTask, 'manifest' | 'problem'> => {
  if (text === undefined) return { manifest: undefined, problem: undefined }
  try {
    const manifest = manifestSchema.parse(JSON.parse(text))
    if (manifest.task_id === taskId) return { manifest, problem: statusProblem(manifest) }
    return { manifest: undefined, problem: `the manifest is that of ${manifest.task_id}` }
  } catch (error) {
    return { manifest: undefined, problem: `the manifest cannot be read: ${(error as Error).message}` }
  }
}

const statusProblem = ({ status, stems }: Manifest): string | undefined => {
  const outcomes = Object.values(stems).map((stem) => stem.status)
  const right = !outcomes.includes('saved') ? 'failed' : outcomes.includes('failed') ? 'partial' : 'complete'
  return status === right ? undefined : `the manifest says ${status} and should say ${right}`
}

const accountForStrange = (account: Account, { taskId }: PromisedTask, quarantined: ReadonlySet<string>): void => {
  if (quarantined.has(taskId)) account.quarantined++
  else account.findings.push({ kind: 'lost', taskId, what: 'answered 200, and the quarantine does not have it' })
}

const accountForTask = (
  account: Account,
  { taskId, callbacks }: PromisedTask,
  { manifest, problem, files }: StoredTask,
  truthOf: AccountOptions['truthOf'],
): void => {
  const links = linksByStem(callbacks)
  account.named += links.size
  if (problem) account.findings.push({ kind: 'corrupt', taskId, what: problem })
  if (!manifest) {
    if (!problem) account.findings.push({ kind: 'lost', taskId, what: `no manifest; ${links.size} stems were named` })
    return
  }
  account.manifests++
  for (const [stem, named] of links) {
    const verdict = judgeStem(manifest.stems[stem], named, files, truthOf)
    if (verdict === 'saved' || verdict === 'empty') account[verdict]++
    else if (verdict === 'other link') {
      account.saved++
      account.otherLink++
    } else if ('failedAs' in verdict) account.failed[verdict.failedAs] = (account.failed[verdict.failedAs] ?? 0) + 1
    else account.findings.push({ ...verdict, taskId, stem })
  }
  for (const stem of Object.keys(manifest.stems)) {
    if (!links.has(stem)) account.findings.push({ kind: 'corrupt', taskId, stem, what: 'no callback named it' })
  }
  addStrays(account, taskId, manifest, files)
}

const accountForUnpromised = async (
  account: Account,
  { manifest, problem, files }: StoredTask,
  taskId: string,
  truthOf: AccountOptions['truthOf'],
): Promise<void> => {
  if (problem) account.findings.push({ kind: 'corrupt', taskId, what: problem })
  for (const [stem, outcome] of Object.entries(manifest?.stems ?? {})) {
    if (outcome.status !== 'saved') continue
    const finding = judgeFile(outcome, files, truthOf(outcome.source_url))
    if (finding) account.findings.push({ ...finding, taskId, stem })
  }
  addStrays(account, taskId, manifest, files)
}

type StemEntry = Manifest['stems'][string]
type SavedEntry = Extract<StemEntry, { status: 'saved' }>
type Flaw = Pick<Finding, 'kind' | 'what'>

const judgeStem = (
  entry: StemEntry | undefined,
  links: ReadonlySet<string>,
  files: StoredTask['files'],
  truthOf: AccountOptions['truthOf'],
): 'saved' | 'other link' | 'empty' | { failedAs: string } | Flaw => {
  const truths = [...links].map((link) => ({ link: publicLink(link), truth: truthOf(link) }))
  const living = truths.find(({ truth }) => 'sha256' in truth)
  switch (entry?.status) {
    case undefined:
      return { kind: 'lost', what: 'the manifest does not name it' }
    case 'empty':
      return links.size === 0 ? 'empty' : { kind: 'lost', what: `called empty, and it had the link ${[...links][0]}` }
    case 'saved': {
      if (!truths.some(({ link }) => link === entry.source_url))
        return { kind: 'corrupt', what: `no callback gave the link ${entry.source_url}` }
      const flaw = judgeFile(entry, files, truthOf(entry.source_url))
      if (!flaw) return 'saved'
      return truths.some(({ truth }) => !judgeFile(entry, files, truth)) ? 'other link' : flaw
    }
    case 'failed': {
      const { code, message } = entry.error
      if (living) return { kind: 'lost', what: `given up (${code}: ${message}), and ${living.link} was there` }
      const isTrue = truths.some(({ truth }) => 'refusedAs' in truth && truth.refusedAs === code)
      if (isTrue && message.trim() !== '') return { failedAs: code }
      return { kind: 'lost', what: `given up for a reason that is not the far side's: «${code}: ${message}»` }
    }
  }
}

const judgeFile = (entry: SavedEntry, files: StoredTask['files'], truth: Truth): Flaw | undefined => {
  const file = files.get(entry.file)
  if (!file) return { kind: 'lost', what: `called saved, and ${entry.file} is not there` }
  if ('refusedAs' in truth) return { kind: 'corrupt', what: `saved, and the far side never gave ${entry.source_url}` }
  if (file.bytes !== entry.bytes || file.sha256 !== entry.sha256) {
    return {
      kind: 'corrupt',
      what: `${entry.file} (${file.bytes} bytes) is not what its manifest says (${entry.bytes})`,
    }
  }
  if (file.bytes !== truth.bytes || file.sha256 !== truth.sha256) {
    return { kind: 'corrupt', what: `${entry.file} (${file.bytes} bytes) is not what was sent (${truth.bytes})` }
  }
  return undefined
}

const linksByStem = (callbacks: PromisedTask['callbacks']): Map<string, Set<string>> => {
  const links = new Map<string, Set<string>>()
  for (const { name, link } of callbacks.flatMap(({ stems }) => stems)) {
    const known = links.get(name) ?? new Set()
    links.set(name, link === null ? known : known.add(link))
  }
  return links
}

const addStrays = (
  account: Account,
  taskId: string,
  manifest: Manifest | undefined,
  files: StoredTask['files'],
): void => {
  const known = Object.values(manifest?.stems ?? {}).flatMap((entry) => (entry.status === 'saved' ? [entry.file] : []))
  account.strays.push(...[...files.keys()].filter((name) => !known.includes(name)).map((name) => `${taskId}/${name}`))
}

const countParts = async (store: string): Promise<number> => {
  const names = await readdir(store, { recursive: true }).catch(() => [])
  return names.filter((name) => name.endsWith('.part')).length
}

const entriesOf = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    return []
  })
