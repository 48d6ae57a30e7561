import { expect, inject } from 'vitest'
import { inBrowser, launchBrowser, openPage } from '../../../test/support/browser.ts'
import { HOSTILE, startHostileBoard } from './hostile-board.ts'
import { LOGIN } from './start-board.ts'

// Over a name and plain http a browser sends no Sec-Fetch-Site; to 127.0.0.1 it does.
const NAME = 'board.test'

const startBrowser = async () => {
  const board = await startHostileBoard(inject('redisUrl'))
  const browser = await launchBrowser([NAME])
  const { page, seen } = await openPage(browser, { origin: board.origin, login: LOGIN })
  return { board, page, seen, named: board.origin.replace('127.0.0.1', NAME) }
}

inBrowser('what strangers write is text on every page of ours, and no page breaks its own policy', async () => {
  const { board, page, seen } = await startBrowser()
  for (const [path, times] of [
    ['/', 3],
    ['/quarantine', 1],
    ['/overview', 8],
  ] as const) {
    await page.goto(board.origin + path)
    for (const summary of await page.locator('summary').all()) await summary.click()
    const text = await page.locator('main').innerText()
    expect(text.split('<script>alert("hit")</script>').length - 1).toBeGreaterThanOrEqual(times)
    expect(
      await page
        .locator('script:not([src^="/assets/"]), img, svg, iframe, style, base, a[href^="javascript:"]')
        .count(),
    ).toBe(0)
    expect(await page.locator('h1').isVisible()).toBe(true)
    expect(page.url()).toBe(board.origin + path)
  }
  await page.goto(`${board.origin}/quarantine`)
  await page.locator('summary').click()
  expect(JSON.parse(await page.locator('pre').innerText())).toEqual({ [HOSTILE]: [HOSTILE, { [HOSTILE]: HOSTILE }] })
  await page.goto(`${board.origin}/nothing/${encodeURIComponent(HOSTILE)}`)
  expect(seen.filter((line) => !line.includes('404'))).toEqual([])
})

inBrowser('Bull Board shows it as text too, and breaks no policy', async () => {
  const { board, page, seen } = await startBrowser()
  const [entry] = (await board.quarantine.list(0, 1)).entries
  const [failed] = await board.queues.stems.getFailed()
  for (const path of [
    '/queues',
    '/queues/queue/quarantine?status=waiting',
    `/queues/queue/quarantine/${entry?.id}`,
    '/queues/queue/separations/sep_said',
    '/queues/queue/separations/sep_named',
    `/queues/queue/stems/${failed?.id}`,
  ]) {
    await page.goto(board.origin + path, { waitUntil: 'networkidle' })
    if (path.includes('quarantine_') || path.includes('sep_said')) {
      await page.getByText('<script>alert').first().waitFor()
    }
    expect(await page.locator('iframe, #root script, img[src="x"], a[href^="javascript:"]').count(), path).toBe(0)
    expect(page.url()).toBe(board.origin + path)
  }
  expect(seen).toEqual([])
})

inBrowser('the buttons work in a browser, whether it says where a request comes from or not', async () => {
  const { board, page, named, seen } = await startBrowser()
  const headers: Record<string, string>[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST') void request.allHeaders().then((sent) => headers.push(sent))
  })
  for (const origin of [board.origin, named]) {
    await page.goto(`${origin}/quarantine`)
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('1 still not readable').waitFor()
    await page.goto(origin)
    const finished = await board.store.readManifest('said')
    await page.locator('article', { hasText: 'said' }).getByRole('button', { name: 'Replay' }).click()
    await expect.poll(async () => (await board.store.readManifest('said'))?.finished_at).not.toBe(finished?.finished_at)
  }
  expect(headers.map(({ origin }) => origin)).toEqual([board.origin, board.origin, named, named])
  expect([headers[0], headers[2]].map((sent) => sent?.['sec-fetch-site'])).toEqual(['same-origin', undefined])
  expect(seen.filter((line) => !line.startsWith(`request: ${named}/`))).toEqual([])
})

inBrowser('a page of another site cannot act, though the browser sends the login along', async () => {
  const { board, page, named } = await startBrowser()
  for (const origin of [board.origin, named]) {
    await page.goto(`${origin}/quarantine`) // from here on the browser knows the login
    const [before] = (await board.quarantine.list(0, 1)).entries
    for (const policy of ['unsafe-url', 'no-referrer']) {
      await page.goto(
        `data:text/html,<meta name=referrer content=${policy}><form method=post action="${origin}/quarantine/release"><button>x`,
      )
      const answered = page.waitForResponse(/quarantine/)
      await page.getByRole('button').click()
      expect((await answered).status()).toBe(403)
    }
    expect((await board.quarantine.list(0, 1)).entries).toEqual([before])
  }
})

inBrowser('a stem plays where it is opened, though it may run nothing', async () => {
  const { board, page, seen } = await startBrowser()
  await page.goto(`${board.origin}/files/sound/vocal.mp3`)
  const player = page.locator('video, audio')
  await expect
    .poll(() => player.evaluate((element) => (element as unknown as { duration: number }).duration))
    .toBeGreaterThan(0)
  expect(seen).toEqual([])
})
