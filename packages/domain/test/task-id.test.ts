import { expect, test } from 'vitest'
import { taskIdSchema } from '../src/task-id.ts'

test.each(['3e63b4cc88d52611159371f6af5571e7', 'a', '0', '-', '__proto__', 'A-z_9', 'x'.repeat(128)])(
  '%j is a task id',
  (id) => {
    expect(taskIdSchema.parse(id)).toBe(id)
  },
)

test.each(['', ' a', 'a ', 'a\n', '.', '..', 'a.b', '../a', 'a/b', 'a:b', 'é', 'a\0', 'x'.repeat(129), 7, null, ['a']])(
  '%j is no task id',
  (id) => {
    expect(taskIdSchema.safeParse(id).success).toBe(false)
  },
)
