import { html } from 'ghtml'
import { layout } from './layout.ts'

/** A page that says one thing. */
export const messagePage = ({ title, detail, refresh }: { title: string; detail: string; refresh: boolean }): string =>
  layout({ title, refresh, body: html`<h1>${title}</h1><p>${detail}</p>` })
