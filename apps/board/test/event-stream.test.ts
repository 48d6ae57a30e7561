import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { WholeSeparation } from '../src/separation-schemas.ts'
import { SeparationStream } from '../src/separation-stream.ts'

const ended: WholeSeparation = {
  task_id: 'task-1',
  status: 'complete',
  type: 'unknown',
  code: 200,
  msg: '',
  received_at: '2026-01-01T00:00:00.000Z',
  finished_at: '2026-01-01T00:01:00.000Z',
  problem: null,
  counts: { ended: 0, total: 0 },
  stems: {},
  manifest_url: null,
  progress: {},
  manifest: null,
}

test('a reader who is still behind when the state is looked at once more gets the end whole, and once', async () => {
  const stream = new SeparationStream()
  stream.show(ended)
  stream.show(ended) // nobody has read yet
  stream.beat()
  stream.end()
  const read = await text(stream)
  expect(read.match(/^event: finished$/gm)).toHaveLength(1)
  expect(read.endsWith('\n\n')).toBe(true)
  expect(read).not.toContain('still here')
})
