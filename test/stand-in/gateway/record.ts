import type { Settings } from './options.ts'
import { listedPath, type StemFile } from './stems.ts'
import type { Task } from './tasks.ts'

/**
 * What `record-info` says of a task.
 *
 * @param link where a file is to be had
 */
export const recordOf = (
  task: Task,
  { provider, times, listedLinks }: Pick<Settings, 'provider' | 'times' | 'listedLinks'>,
  link: (file: StemFile) => string,
) => ({
  taskId: task.taskId,
  musicId: task.audioId,
  callbackUrl: task.callBackUrl ?? null,
  musicIndex: 0,
  createTime: timeAs(times, task.createdAt),
  completeTime: task.completedAt === undefined ? null : timeAs(times, task.completedAt),
  response: task.files.length > 0 ? responseOf(task.files, { provider, listedLinks }, link) : null,
  successFlag: task.successFlag,
  errorCode: task.error?.code ?? null,
  errorMessage: task.error?.message ?? null,
})

const timeAs = (form: Settings['times'], at: number): number | string => {
  if (form === 'epoch-ms') return at
  return form === 'numeric-string' ? `${at}` : new Date(at).toISOString()
}

const NAMES = [
  ...['origin', 'instrumental', 'vocal', 'backing_vocals', 'drums', 'bass', 'guitar', 'piano', 'keyboard'],
  ...['percussion', 'strings', 'synth', 'fx', 'brass', 'woodwinds'],
]

// The files are there twice at kie: under a key each, and in a list under their titles. What only a list can say,
// sunoapi's record does not say at all.
const responseOf = (
  files: StemFile[],
  { provider, listedLinks }: Pick<Settings, 'provider' | 'listedLinks'>,
  link: (file: StemFile) => string,
) => {
  const named = provider === 'kie' ? NAMES : NAMES.filter((name) => name !== 'piano')
  const none = Object.fromEntries(named.map((name) => [`${camelCase(name)}Url`, null]))
  const keyed = files
    .filter(({ half, name }) => half === undefined && (provider === 'kie' || name !== 'piano'))
    .map((file) => [`${camelCase(file.name)}Url`, link(file)])
  const response = { ...none, ...Object.fromEntries(keyed) } as Record<string, unknown>
  if (provider === 'sunoapi') return response
  const listedLink = (file: StemFile) => link(listedLinks === 'other' ? { ...file, path: listedPath(file) } : file)
  return { id: null, ...response, originData: listOf(files, listedLink) }
}

const listOf = (files: StemFile[], link: (file: StemFile) => string) => {
  const entry = (file: StemFile) => ({
    duration: 245.6,
    audio_url: link(file),
    stem_type_group_name: file.title,
    id: file.id,
  })
  const halved = files.filter(({ half }) => half !== undefined)
  const groups = [...new Set(halved.map(({ title }) => title))].map((title) =>
    Object.fromEntries(halved.filter((file) => file.title === title).map((file) => [file.half, entry(file)])),
  )
  return [...files.filter(({ half }) => half === undefined).map(entry), ...groups]
}

const camelCase = (name: string): string => name.replaceAll(/_([a-z])/g, (_all, letter) => letter.toUpperCase())
