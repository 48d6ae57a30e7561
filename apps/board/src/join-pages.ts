import { type LibraryItem, type LibraryItems, type LibraryPlace, newestFirst } from '@stems/queue/library-pages'

/**
 * Makes one page of the pages of several lists, each of which may go on. Of what lies behind the end of one that does, it
 * says nothing: so nothing that would stand behind the nearest such end is on this page.
 *
 * @param pages with whatever each is a page `of`
 * @param direction in which they go on
 * @returns newest first; `more`: from where to go on in the same direction
 */
export const joinPages = <Of>(
  pages: readonly (LibraryItems & { of: Of })[],
  direction: 'older' | 'newer',
  length: number,
): { items: (LibraryItem & { of: Of })[]; more: LibraryPlace | undefined } => {
  const order = direction === 'older' ? newestFirst : (a: LibraryItem, b: LibraryItem) => newestFirst(b, a)
  const ends = pages.map(({ more }) => more && itemAt(more)).filter((end) => end !== undefined)
  const [end] = ends.sort(order)
  const all = pages.flatMap(({ items, of }) => items.map((item) => ({ ...item, of }))).sort(order)
  const known = withoutRepeats(all.filter((item) => end === undefined || order(item, end) <= 0))
  const items = known.slice(0, length)
  const last = items.at(-1)
  const isCut = last !== undefined && known.length > length
  return {
    items: items.sort(newestFirst),
    more: isCut ? [last.at, last.taskId] : end && [end.at, end.taskId],
  }
}

const itemAt = ([at, taskId]: LibraryPlace): LibraryItem => ({ at, taskId, status: 'waiting' })

// A task that was there before a shard was added may be in two of them.
const withoutRepeats = <Item extends { taskId: string }>(items: Item[]): Item[] => {
  const first = new Map(items.toReversed().map((item) => [item.taskId, item]))
  return items.filter((item) => first.get(item.taskId) === item)
}
