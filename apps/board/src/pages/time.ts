import { html } from 'ghtml'

/** A moment, for people and programs. */
export const time = (iso: string): string =>
  html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`

/** The same, which a page with scripts shows as how long ago it was. */
export const age = (iso: string): string =>
  html`<time datetime="${iso}" data-age>${iso.slice(0, 19).replace('T', ' ')} UTC</time>`
