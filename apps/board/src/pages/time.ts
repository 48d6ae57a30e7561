import { html } from 'ghtml'

/** A moment, for people and programs. */
export const time = (iso: string): string =>
  html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`
