import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { onTestFinished, test } from 'vitest'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** A test in a real browser. Whoever has no Chromium can work on the rest; CI cannot do without. */
export const inBrowser = test.skipIf(!existsSync(executablePath) && !process.env.CI)

/**
 * Starts Chromium for one test; it reaches this machine alone.
 *
 * @param names of hosts that lead to this machine too
 */
export const launchBrowser = async (names: string[] = []): Promise<Browser> => {
  const rules = [...names.map((name) => `MAP ${name} 127.0.0.1`), 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1']
  const browser = await chromium.launch({
    executablePath,
    // CI runs as root, in small containers.
    args: ['--no-sandbox', '--disable-dev-shm-usage', `--host-resolver-rules=${rules.join(', ')}`],
  })
  onTestFinished(() => browser.close())
  return browser
}

/** A page of a board, opened by somebody who is logged in, and all that it does which no page of ours should do. */
export const openPage = async (
  browser: Browser,
  { origin, login, ...options }: BrowserContextOptions & { origin: string; login: { user: string; password: string } },
): Promise<{ page: Page; seen: string[] }> => {
  const context = await browser.newContext({
    httpCredentials: { username: login.user, password: login.password },
    ...options,
  })
  const seen: string[] = []
  context.on('console', (message) => {
    if (/Content Security Policy|Refused|hit/.test(message.text())) seen.push(`console: ${message.text()}`)
  })
  context.on('dialog', (dialog) => {
    seen.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  context.on('weberror', ({ error }) => seen.push(`error: ${error()}`))
  context.on('request', (request) => {
    const { host } = new URL(request.url())
    if (host !== new URL(origin).host && !/^(data|blob):/.test(request.url())) seen.push(`request: ${request.url()}`)
  })
  return { page: await context.newPage(), seen }
}
