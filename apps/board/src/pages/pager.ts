import { html } from 'ghtml'

/** A page of a list: its number, of how many, and how long the whole list is. */
export type Pages = { page: number; pages: number; total: number }

/** Links to the pages beside this one; nothing where there is but one. */
export const pager = ({ page, pages, total }: Pages, path: string, what: string): string =>
  pages > 1
    ? html`<nav class="pager">
!${page > 1 ? html`<a rel="prev" href="${path}?page=${Math.min(page - 1, pages)}">← Newer</a>` : ''}
<span>page ${page} of ${pages}, ${total} ${what}</span>
!${page < pages ? html`<a rel="next" href="${path}?page=${page + 1}">Older →</a>` : ''}
</nav>`
    : ''
