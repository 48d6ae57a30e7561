import type { CallbackBody } from '../payloads.ts'
import type { Settings } from './options.ts'
import type { StemFile } from './stems.ts'
import type { Task } from './tasks.ts'

/**
 * What the gateway says of a task that has ended, in its dialect.
 *
 * @param link where a file is to be had
 */
export const callbackBody = (
  task: Task,
  infoKey: Settings['infoKey'],
  link: (file: StemFile) => string,
): CallbackBody => {
  const key = task.type === 'split_stem_advanced' ? 'vocal_removal_info' : infoKey
  const say = (code: number, msg: string, info: Record<string, unknown> | null) => ({
    code,
    msg,
    data: { task_id: task.taskId, [key]: info },
  })
  if (task.error) return say(task.error.code, task.error.message, null)
  const info = task.type === 'split_stem_advanced' ? { origin_data: groups(task.files, link) } : keyed(task, link)
  return say(200, SUCCESS[key], info)
}

const SUCCESS = {
  vocal_separation_info: 'vocal separation generated successfully.',
  vocal_removal_info: 'vocal Removal generated successfully.',
}

const keyed = (task: Task, link: (file: StemFile) => string) => {
  const { missing = [], missingAs = '' } = task.plan
  const absent = missingAs === 'null' ? null : ''
  const missed = missingAs === 'absent' ? [] : missing.map((name) => [`${name}_url`, absent])
  // The piano is in no callback that is documented, though it is in the record.
  const made = task.files.filter(({ name }) => name !== 'piano').map((file) => [`${file.name}_url`, link(file)])
  return Object.fromEntries([['origin_url', ''], ...missed, ...made]) as Record<string, unknown>
}

// Both halves of a group carry one and the same name.
const groups = (files: StemFile[], link: (file: StemFile) => string) =>
  [...new Set(files.map(({ title }) => title))].map((title) =>
    Object.fromEntries(
      files
        .filter((file) => file.title === title)
        .map((file) => [
          file.half,
          { duration: 194.92, audio_url: link(file), stem_type_group_name: title, id: file.id },
        ]),
    ),
  )
