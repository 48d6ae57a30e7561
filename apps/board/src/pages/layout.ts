import { html } from 'ghtml'

/** What a page knows of who looks at it, and of what the others hold. */
export type Frame = {
  /** May who looks take actions? */
  mayAct: boolean
  /** How many payloads are in quarantine. */
  quarantined: number
}

export type Layout = {
  title: string
  /** Finished HTML. */
  body: string
  /** Shall the browser look again by itself? */
  refresh: boolean
  /** Left out where nobody has asked Redis. */
  quarantined?: number
}

const REFRESH_S = 5

/** A whole page around a body. */
export const layout = ({ title, body, refresh, quarantined = 0 }: Layout): string => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
!${refresh ? html`<meta http-equiv="refresh" content="${REFRESH_S}">` : ''}
<title>${title} · Stemkeeper</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header class="top"><a href="/">Stemkeeper</a><nav><a href="/">Separations</a> !${quarantined > 0 ? quarantineLink(quarantined) : ''}<a href="/notifications">Notifications</a> <a href="/queues">Queues</a></nav></header>
<main>
!${body}
</main>
</body>
</html>
`

const quarantineLink = (quarantined: number): string => html`<a href="/quarantine">Quarantine (${quarantined})</a> `
