import { expect, test } from 'vitest'
import { createLog } from '../src/log.ts'

const linesOf = (level: string, write: (log: ReturnType<typeof createLog>) => void) => {
  const lines: Record<string, unknown>[] = []
  write(createLog('worker', level, { write: (line) => void lines.push(JSON.parse(line)) }))
  return lines
}

test('a line is JSON with the app, the level by name, an ISO time, the fields and the event', () => {
  expect(linesOf('info', (log) => log.info({ taskId: 'task-1' }, 'stem.attempted'))).toEqual([
    {
      level: 'info',
      app: 'worker',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      taskId: 'task-1',
      msg: 'stem.attempted',
    },
  ])
})

test('lines below the level are left out', () => {
  const lines = linesOf('warn', (log) => {
    log.info({}, 'not this')
    log.warn({}, 'this')
  })
  expect(lines.map(({ msg }) => msg)).toEqual(['this'])
})

test('whatever quotes a link, its secrets stay out of the line', () => {
  const lines = linesOf('info', (log) => {
    const error = new Error('GET https://u:hunter2@cdn.example/a.mp3?Signature=hunter2 failed')
    log.info({ error: error.message, stack: error.stack, deep: { url: 'redis://:hunter2@redis:6379/0' } }, 'x')
    log.info({ err: error }, 'https://cdn.example/a.mp3?k=hunter2#hunter2')
  })
  expect(JSON.stringify(lines)).not.toContain('hunter2')
  expect(lines).toMatchObject([
    { error: 'GET https://cdn.example/a.mp3 failed', deep: { url: 'redis://redis:6379/0' } },
    { msg: 'https://cdn.example/a.mp3' },
  ])
})
