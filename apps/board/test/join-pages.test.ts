import type { LibraryItem, LibraryPlace } from '@stems/queue/library-pages'
import { expect, test } from 'vitest'
import { joinPages } from '../src/join-pages.ts'

const item = (at: number, taskId = `task-${at}`): LibraryItem => ({ at, taskId, status: 'complete' })

const pageOf = (of: string, ats: number[], more?: LibraryPlace) => ({ of, items: ats.map((at) => item(at)), more })

const joined = (...args: Parameters<typeof joinPages<string>>) => {
  const { items, more } = joinPages(...args)
  return { shown: items.map(({ at, of }) => `${of}${at}`), more }
}

test('pages of several lists make one, newest first, each entry with the list that it is of', () => {
  expect(joined([pageOf('a', [9, 5]), pageOf('b', [8, 7, 1])], 'older', 10)).toEqual({
    shown: ['a9', 'b8', 'b7', 'a5', 'b1'],
    more: undefined,
  })
})

test('what is too much goes on the next page, in either direction', () => {
  const pages = [pageOf('a', [9, 5]), pageOf('b', [8, 7, 1])]
  expect(joined(pages, 'older', 3)).toEqual({ shown: ['a9', 'b8', 'b7'], more: [7, 'task-7'] })
  expect(joined(pages, 'newer', 3)).toEqual({ shown: ['b7', 'a5', 'b1'], more: [7, 'task-7'] })
})

test('nothing is shown that stands behind the end of a list which goes on, or its next page would be passed over', () => {
  const goesOn = pageOf('a', [9, 8], [8, 'task-8'])
  expect(joined([goesOn, pageOf('b', [7, 6])], 'older', 10)).toEqual({ shown: ['a9', 'a8'], more: [8, 'task-8'] })
  const newer = pageOf('a', [2, 1], [2, 'task-2'])
  expect(joined([newer, pageOf('b', [4, 3])], 'newer', 10)).toEqual({ shown: ['a2', 'a1'], more: [2, 'task-2'] })
})

test('a search whose time was up may show nothing and go on all the same', () => {
  expect(joined([pageOf('a', [], [5, 'task-5']), pageOf('b', [3])], 'older', 10)).toEqual({
    shown: [],
    more: [5, 'task-5'],
  })
})

test('a task that two lists hold is shown once', () => {
  expect(joined([pageOf('a', [5, 4]), pageOf('b', [5])], 'older', 10).shown).toHaveLength(2)
})

test('those of one moment are told apart by their ids', () => {
  const pages = [
    { of: 'a', items: [item(5, 'c'), item(5, 'a')], more: undefined },
    { of: 'b', items: [item(5, 'b')], more: undefined },
  ]
  expect(joinPages(pages, 'older', 2)).toMatchObject({ items: [{ taskId: 'c' }, { taskId: 'b' }], more: [5, 'b'] })
})
