import { html } from 'ghtml'

/** What a page knows of who looks at it, and of what the others hold. */
export type Frame = {
  /** May who looks take actions? */
  mayAct: boolean
  /** How many payloads are in quarantine. */
  quarantined: number
}

/** A part of a page that may change while somebody looks at it. `html` is finished HTML. */
export type Block = { id: string; html: string }

export type Layout = {
  title: string
  /** Finished HTML, which stays as it is. */
  body: string
  /** What follows the body, and may change. */
  blocks?: Block[]
  /** Does the page ask for itself again and again, and show how its blocks are by then? */
  isLive?: boolean
  /** Scripts of the page's own, by their names below `/assets/`. */
  scripts?: string[]
  /** Shall a browser that runs no scripts look again by itself? */
  refresh: boolean
  /** Left out where nobody has asked Redis. */
  quarantined?: number
}

const REFRESH_S = 5

/** A whole page around a body. */
export const layout = ({
  title,
  body,
  blocks = [],
  isLive = false,
  scripts = [],
  refresh,
  quarantined = 0,
}: Layout): string => {
  const modules = [...(isLive ? ['live.js'] : []), ...scripts]
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
!${refresh ? refreshing(isLive) : ''}
<title>${title} · Stemkeeper</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
!${modules.map((name) => html`<script type="module" src="/assets/${name}"></script>`)}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><a href="/">Stemkeeper</a><nav aria-label="Main"><a href="/">Library</a> <a href="/overview">Overview</a> !${quarantined > 0 ? quarantineLink(quarantined) : ''}<a href="/notifications">Notifications</a> <a href="/queues">Queues</a></nav></header>
<main id="main">
!${body}
!${blocks.length > 0 ? blocksHtml(blocks) : ''}
</main>
</body>
</html>
`
}

// A page that is kept up to date by its script is not loaded again under the hands of whoever uses it.
const refreshing = (isLive: boolean): string => {
  const meta = html`<meta http-equiv="refresh" content="${REFRESH_S}">`
  return isLive ? html`<noscript>!${meta}</noscript>` : meta
}

const blocksHtml = (blocks: Block[]): string => html`<p id="live-state" role="status" hidden></p>
<div id="blocks">
!${blocks.map(({ id, html: inner }) => html`<div class="block" id="${id}">!${inner}</div>`)}
</div>`

const quarantineLink = (quarantined: number): string => html`<a href="/quarantine">Quarantine (${quarantined})</a> `
