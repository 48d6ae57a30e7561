import { html } from 'ghtml'

/** A part of a page, by an id that stays the same while what it says changes. */
export type Block = { id: string; html: string }

/** Blocks one below the other. */
export const blocks = (parts: readonly Block[]): string =>
  parts.map((part) => html`<div id="${part.id}">!${part.html}</div>`).join('\n')
