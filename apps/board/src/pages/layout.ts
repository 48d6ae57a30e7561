import { html } from 'ghtml'

export type Layout = {
  title: string
  /** Finished HTML. */
  body: string
  /** Shall the browser look again by itself? */
  refresh: boolean
}

const REFRESH_S = 5

/** A whole page around a body. */
export const layout = ({ title, body, refresh }: Layout): string => html`<!doctype html>
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
<header class="top"><a href="/">Stemkeeper</a><nav><a href="/">Separations</a> <a href="/queues">Queues</a></nav></header>
<main>
!${body}
</main>
</body>
</html>
`
