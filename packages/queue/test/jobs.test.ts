import { expect, test } from 'vitest'
import { parseStemJobKey, separationJobId, stemJobId } from '../src/jobs.ts'

const TASK_IDS = ['task-1', '7', '0', '-', '_', '__proto__', 'sep_1', '1-1-vocal', 'constructor', 'x'.repeat(128)]

test.each(TASK_IDS)('run and stem come back out of the job key of task %s', (taskId) => {
  for (const stem of ['vocal', 'lead_vocal_removed', '4', '0-1', 'stem-7ac60a9f', 'run']) {
    expect(parseStemJobKey(`stemkeeper:stems:${stemJobId(taskId, 12, stem)}`)).toEqual({ run: 12, stem })
  }
})

test('no two stems of any tasks and runs share a job id', () => {
  const stems = ['vocal', '1', '1-vocal', '_1']
  const ids = TASK_IDS.flatMap((taskId) =>
    [1, 2, 11].flatMap((run) => [separationJobId(taskId), ...stems.map((stem) => stemJobId(taskId, run, stem))]),
  )
  expect(new Set(ids).size).toBe(TASK_IDS.length * (1 + 3 * stems.length))
})

test.each(TASK_IDS)('the job ids of task %s are such as BullMQ takes: no colon, not digits alone', (taskId) => {
  for (const id of [separationJobId(taskId), stemJobId(taskId, 1, '2')]) {
    expect(id).not.toMatch(/:|^\d+$/)
  }
})

test.each([
  '',
  'stemkeeper:stems:17',
  'stemkeeper:separations:sep_task-1',
  'sep_task-1.x.vocal',
  'sep_task-1.1.',
  '.1',
])('%j is no key of a stem job', (key) => {
  expect(parseStemJobKey(key)).toBeUndefined()
})
