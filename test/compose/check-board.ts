import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { documentedPayload, stemLinks } from '../stand-in/payloads.ts'
import type { Checks } from './checks.ts'
import { FILES, type Stage, sha256Of } from './stage.ts'

const SCREENSHOTS = join(import.meta.dirname, '..', 'screenshots')

/** The board, as a person with a browser sees it. */
export const checkBoard = async ({ board, post, finished }: Stage, { check }: Checks): Promise<void> => {
  const { url, username, password } = board
  const callback = documentedPayload('separate-vocal', { files: FILES, taskId: randomUUID() })
  const taskId = callback.data.task_id

  await check('the board shows nothing without the login', async () => {
    for (const path of ['/', '/queues', '/api/separations', '/queues/api/queues']) {
      assert.equal((await fetch(url + path)).status, 401, path)
      const headers = { authorization: `Basic ${btoa(`${username}:wrong`)}` }
      assert.equal((await fetch(url + path, { headers })).status, 401, path)
    }
  })

  await check('Bull Board shows the jobs in a browser', () =>
    inBrowser({ username, password }, async (page) => {
      await post(callback)
      await finished(taskId)
      await page.goto(`${url}/queues/queue/stems?status=completed`)
      await page.getByText(new RegExp(taskId)).first().waitFor()
      await page.screenshot({ path: join(SCREENSHOTS, 'compose-bull-board.png') })
    }),
  )

  await check('the library shows the separation, and its links lead to the stems', () =>
    inBrowser({ username, password }, async (page) => {
      await page.goto(url)
      const separation = page.locator('article', { hasText: taskId })
      await separation.getByText('complete').waitFor()
      await separation.getByText('Files').click()
      await page.screenshot({ path: join(SCREENSHOTS, 'compose-library.png') })
      for (const [stem, link] of Object.entries(stemLinks(callback))) {
        const href = await separation.getByRole('link', { name: new RegExp(`^${stem}`) }).getAttribute('href')
        const answer = await page.request.get(new URL(href ?? '', url).href)
        assert.equal(answer.headers()['content-type'], 'audio/mpeg')
        const sha256 = createHash('sha256')
          .update(await answer.body())
          .digest('hex')
        assert.equal(sha256, sha256Of(link))
      }
    }),
  )

  await check('its stems are looked at, drawn, and play together', () =>
    inBrowser({ username, password }, async (page) => {
      await page.goto(`${url}/separations/${taskId}`)
      await page.locator('svg.waveform').first().waitFor()
      await page.getByRole('button', { name: 'Play', exact: true }).click()
      await page.getByText(/^0:0[1-9] \//).waitFor()
      await page.screenshot({ path: join(SCREENSHOTS, 'compose-separation.png') })
    }),
  )
}

const inBrowser = async (
  httpCredentials: { username: string; password: string },
  look: (page: Page) => Promise<void>,
): Promise<void> => {
  mkdirSync(SCREENSHOTS, { recursive: true })
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'], // CI runs as root, in small containers
  })
  try {
    const page = await browser.newPage({ httpCredentials, viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(15_000)
    try {
      await look(page)
    } catch (error) {
      await page.screenshot({ path: join(SCREENSHOTS, 'compose-failure.png') })
      throw error
    }
  } finally {
    await browser.close()
  }
}
