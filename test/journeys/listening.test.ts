import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { inBrowser, launchBrowser, openPage } from '../support/browser.ts'
import { type Listener, listenTo } from '../support/listen.ts'
import { type System, startSystem } from '../support/system.ts'
import { unzip } from '../support/unzip.ts'
import { waitFor } from '../support/wait-for.ts'

const LOGIN = { user: 'admin', password: 'a-password-for-tests' }
const IN_SYNC_S = 0.03
const LOOKS = 20
const SILENCE = 0.0005
const STEMS = ['vocal', 'drums', 'bass', 'guitar']

const HOSTILE = '<img src=x onerror=alert("hit")><script>alert("hit")</script>'

const start = async () => {
  const system = await startSystem({ worker: { ANALYZE_STEMS: 'true' } })
  const board = await system.addBoard()
  const browser = await launchBrowser()
  const { page, seen } = await openPage(browser, { origin: board.url, login: LOGIN, acceptDownloads: true })
  return { system, board, browser, page, seen, listener: await listenTo(page) }
}

const fileOf = (stem: string): string => `/s/song_${stem === 'vocal' ? 'Vocals' : stem}.mp3?bytes=120000`

const callback = (
  { provider }: System,
  taskId: string,
  stems = STEMS,
  more: Record<string, string> = {},
  msg = 'success',
) => ({
  code: 200,
  msg,
  data: {
    task_id: taskId,
    vocal_separation_info: {
      ...Object.fromEntries(stems.map((stem) => [`${stem}_url`, provider.url + fileOf(stem)])),
      ...more,
    },
  },
})

const article = (page: Page, taskId: string) => page.locator('article', { hasText: taskId })

/** Which stems are heard, told from what reaches the ears within a while. */
const heardStems = async (page: Page, { levels }: Listener): Promise<string[]> => {
  const rows = await page.locator('.track[data-stem]').all()
  const names = await Promise.all(rows.map(async (row) => (await row.getAttribute('data-stem')) ?? ''))
  const heard = await levels()
  return names.filter((_, index) => (heard[index] ?? 0) > SILENCE)
}

// A clock is read in steps of one buffer of sound, so that one look may find it a step behind; what is apart stays apart.
const expectInSync = async ({ times }: Listener, count: number): Promise<void> => {
  const looks: number[][] = []
  const look = async (): Promise<number[] | undefined> => {
    const now = await times()
    return now[0] === looks.at(-1)?.[0] ? undefined : now
  }
  while (looks.length < LOOKS) looks.push(await waitFor('what is playing to move on', look, { everyMs: 5 }))
  for (let index = 0; index < count; index++) {
    const apart = looks
      .map((look) => Math.abs((look[index] ?? Number.NaN) - (look[0] ?? Number.NaN)))
      .sort((a, b) => a - b)
    expect(apart[LOOKS / 2], `${STEMS[index]} is apart from ${STEMS[0]}`).toBeLessThan(IN_SYNC_S)
  }
  expect(looks.at(-1)?.[0]).toBeGreaterThan(looks[0]?.[0] ?? Number.NaN)
}

inBrowser('from a callback until its stems are playing: it comes in, moves on, and is heard', async () => {
  const { system, board, page, seen, listener } = await start()
  const { provider } = system
  const held = Promise.withResolvers<void>()
  for (const stem of STEMS)
    provider.behave(fileOf(stem), { kind: 'slow', bytesPerSecond: stem === 'vocal' ? 25_000 : 400_000 })
  provider.behave(fileOf('bass'), { kind: 'wait', until: held.promise })
  const audioRequests: string[] = []
  page.on('request', (request) => request.url().endsWith('.mp3') && audioRequests.push(request.url()))

  await page.goto(board.url)
  await page.getByText('Nothing has come in yet').waitFor()
  await system.post(callback(system, 'song-1'))
  const bar = article(page, 'song-1').getByRole('progressbar', { name: 'vocal' })
  const progress = () => bar.evaluate((element) => (element as unknown as { value: number }).value)
  await bar.waitFor() // without the page being loaded again
  await expect.poll(progress).toBeGreaterThan(1)
  const before = await progress()
  await expect.poll(progress).toBeGreaterThan(before)
  held.resolve()
  await article(page, 'song-1').getByText('complete', { exact: true }).waitFor()

  await page.getByRole('link', { name: 'song-1' }).click()
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor()
  await expect.poll(() => page.locator('svg.waveform').count()).toBe(STEMS.length)
  expect(audioRequests).toEqual([]) // all that was drawn was drawn from what lies beside the stems
  await page.getByRole('button', { name: 'Play', exact: true }).click()
  await expect.poll(async () => (await listener.times()).length).toBe(STEMS.length)
  await expect.poll(async () => Math.min(...(await listener.times()))).toBeGreaterThan(0)
  await expectInSync(listener, STEMS.length)
  expect(audioRequests).toHaveLength(STEMS.length)
  expect(await heardStems(page, listener)).toEqual(STEMS)
  expect(seen).toEqual([])
})

inBrowser('mute, solo and volume decide what is heard, by mouse and by keys', async () => {
  const { system, board, page, seen, listener } = await start()
  await system.post(callback(system, 'song-1', [...STEMS, 'origin']))
  await system.finished('song-1')
  await page.goto(`${board.url}/separations/song-1`)
  await page.getByRole('button', { name: 'Play', exact: true }).click()
  const heard = () => heardStems(page, listener)
  await expect.poll(heard).toEqual(STEMS) // the original is all of them together, and silent at first

  await page.getByRole('button', { name: 'Solo drums' }).click()
  await expect.poll(heard).toEqual(['drums'])
  await page.getByRole('button', { name: 'Solo bass' }).click()
  await expect.poll(heard).toEqual(['drums', 'bass'])
  await page.getByRole('button', { name: 'Mute drums' }).click()
  await expect.poll(heard).toEqual(['bass'])
  await page.keyboard.press('Shift+3') // bass
  await expect.poll(heard).toEqual([])
  await page.keyboard.press('Shift+2') // drums, which are muted
  await page.keyboard.press('2')
  await expect.poll(heard).toEqual(STEMS)
  await page.keyboard.press('1')
  await expect.poll(heard).toEqual(STEMS.slice(1))
  await page.keyboard.press('1')
  await page.getByRole('slider', { name: 'Volume of guitar' }).fill('0')
  await expect.poll(heard).toEqual(STEMS.slice(0, 3))

  await page.locator('h1').click() // away from the slider
  await page.keyboard.press('Space')
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor()
  await expect.poll(listener.isAnyPlaying).toBe(false)
  expect(await page.context().storageState()).toEqual({ cookies: [], origins: [] }) // nothing is remembered
  expect(seen).toEqual([])
})

inBrowser(
  'a click on a waveform goes there, arrows move on, and a part that was marked is played again and again',
  async () => {
    const { system, board, page, listener } = await start()
    await system.post(callback(system, 'song-1'))
    await system.finished('song-1')
    await page.goto(`${board.url}/separations/song-1`)
    await expect.poll(() => page.locator('svg.waveform').count()).toBe(STEMS.length)
    await page.getByRole('button', { name: 'Play', exact: true }).click()
    const at = async () => (await listener.times())[0] ?? 0
    await expect.poll(at).toBeGreaterThan(0)

    const wave = page.locator('.wave').first()
    const { width = 0 } = (await wave.boundingBox()) ?? {}
    await wave.click({ position: { x: width / 2, y: 20 } })
    await expect.poll(at).toBeGreaterThan(6)
    await expectInSync(listener, STEMS.length)
    const before = await at()
    await page.keyboard.press('ArrowLeft')
    await expect.poll(at).toBeLessThan(before)
    await page.keyboard.press('ArrowRight')
    await expect.poll(at).toBeGreaterThanOrEqual(before)
    await page.keyboard.press('Home')
    await expect.poll(at).toBeLessThan(5)

    const { x = 0, y = 0 } = (await wave.boundingBox()) ?? {}
    await page.mouse.move(x + width * 0.6, y + 10)
    await page.mouse.down()
    await page.mouse.move(x + width * 0.65, y + 10, { steps: 3 })
    await page.mouse.up()
    await expect.poll(() => page.getByRole('button', { name: 'Loop' }).getAttribute('aria-pressed')).toBe('true')
    let [last, turns] = [0, 0]
    await expect
      .poll(
        async () => {
          const now = await at()
          if (now < last) turns++
          last = now
          return turns
        },
        { interval: 50 },
      )
      .toBeGreaterThanOrEqual(2)
    await expectInSync(listener, STEMS.length)
  },
)

inBrowser(
  'whoever drags the slider about keeps hearing, and a board that was away for a moment is asked again',
  async () => {
    const { system, board, page, listener } = await start()
    await system.post(callback(system, 'song-1'))
    await system.finished('song-1')
    await page.goto(`${board.url}/separations/song-1`)
    await page.route(/\.mp3$/, (route) => route.fulfill({ status: 503 }), { times: STEMS.length })
    const button = (name: string) => page.getByRole('button', { name, exact: true })
    await button('Play').click()
    await page.getByText('The board answered 503.').waitFor()
    await button('Play').click()
    await expect.poll(async () => (await listener.times())[0] ?? 0).toBeGreaterThan(0)
    await expect.poll(() => page.locator('#player-state').textContent()).toBe('')

    const slider = page.getByRole('slider', { name: 'Position' })
    for (let drag = 0; drag < 5; drag++) {
      for (let turn = 0; turn < 30; turn++) await slider.fill(`${(turn * 7) % 12}`)
      await slider.fill('1')
      await expect.poll(async () => (await listener.times())[0] ?? 0).toBeLessThan(5)
      await expectInSync(listener, STEMS.length)
    }
    expect(await button('Pause').isVisible()).toBe(true)
    expect(await page.locator('#player-state').textContent()).toBe('')
  },
)

inBrowser('a stem that the browser cannot decode is named, and the others are heard without it', async () => {
  const { system, board, page, listener } = await start()
  const body = Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(5000)])
  system.provider.alwaysBehave(fileOf('bass'), { kind: 'answer', status: 200, body })
  await system.post(callback(system, 'song-1'))
  await system.finished('song-1')
  await page.goto(`${board.url}/separations/song-1`)
  await page.getByText('No waveform: ').waitFor()
  await page.getByRole('button', { name: 'Play', exact: true }).click()
  await page.getByText('bass cannot be played here').waitFor()
  await expect.poll(() => heardStems(page, listener)).toEqual(STEMS.filter((stem) => stem !== 'bass'))
})

inBrowser('all stems come as one ZIP, and the manifest into the clipboard', async () => {
  const { system, board, page } = await start()
  await system.post(callback(system, 'song-1'))
  const manifest = await system.analyzed('song-1')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: board.url })
  await page.goto(`${board.url}/separations/song-1`)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download all as ZIP' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('song-1.zip')
  const files = await unzip(await readFile(await download.path()))
  expect(JSON.parse(`${files.pop()?.[1]}`)).toEqual(manifest)
  expect(files.map(([name, { length }]) => [name, length])).toEqual(
    STEMS.map((stem, index) => [`0${index + 1}_${stem}.mp3`, system.provider.file(fileOf(stem)).bytes]),
  )
  await page.getByRole('button', { name: 'Copy the manifest' }).click()
  await page.getByRole('button', { name: 'Copied' }).waitFor()
  expect(JSON.parse((await page.evaluate('navigator.clipboard.readText()')) as string)).toEqual(
    await system.manifest('song-1'),
  )
})

inBrowser('a separation that lacks a stem says why, and its button brings it home while somebody looks', async () => {
  const { system, board, page, seen, listener } = await start()
  system.provider.alwaysBehave(fileOf('bass'), { kind: 'answer', status: 404 })
  await system.post(callback(system, 'song-1'))
  await system.finished('song-1')
  await page.goto(board.url)
  await article(page, 'song-1').getByText('bass failed: gone').waitFor()
  await page.getByRole('link', { name: 'song-1' }).click()
  await page.waitForURL('**/separations/song-1') // the list says the same, and has the same button
  await expect.poll(listener.timesShown).toBeGreaterThan(0) // until its scripts run, a button loads a page
  await page.getByText('bass failed: gone').waitFor()
  await page.evaluate(() => Object.assign(globalThis, { isTheSamePage: true }))
  system.provider.alwaysBehave(fileOf('bass'), { kind: 'slow', bytesPerSecond: 10_000_000 })
  await page.getByRole('button', { name: 'Replay' }).click()
  await page.getByRole('button', { name: 'Mute bass' }).waitFor()
  expect(await page.evaluate(() => 'isTheSamePage' in globalThis)).toBe(true)
  expect((await system.manifest('song-1'))?.status).toBe('complete')
  expect(seen).toEqual([])
})

inBrowser('markup in a message and in the name of a stem stays text, in the list and on the page', async () => {
  const { system, board, page, seen, listener } = await start()
  const more = { [`${HOSTILE}_url`]: system.provider.url + fileOf('drums'), '"\'><b>_url': '' }
  await system.post({ ...callback(system, 'song-1', ['vocal'], more, HOSTILE), code: 206 })
  await system.analyzed('song-1')
  for (const path of ['/', '/separations/song-1']) {
    await page.goto(board.url + path)
    await page.getByText(`The provider said: 206 ${HOSTILE}`).waitFor()
    await expect.poll(listener.timesShown).toBeGreaterThan(0) // by its stream, as whoever looks on is told
    expect(await page.locator('main img, main script, main b').count()).toBe(0)
  }
  await page.getByRole('button', { name: 'Play', exact: true }).click()
  await page.getByRole('button', { name: 'Pause' }).waitFor()
  expect(seen).toEqual([])
})

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

type Violation = { id: string; help: string; nodes: { html: string }[] }

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

inBrowser('the pages of the board keep to WCAG AA, in light and dark, on a desk and on a phone', async () => {
  const { system, board, browser } = await start()
  system.provider.alwaysBehave(fileOf('bass'), { kind: 'answer', status: 404 })
  await system.post(callback(system, 'song-1', STEMS, { fx_url: '' }))
  await system.analyzed('song-1')
  await system.post({ code: 500, msg: 'no luck', data: { task_id: 'song-2', vocal_separation_info: null } })
  await system.post({ code: 200, msg: '', data: { task_id: 'odd', vocal_separation_info: { vocal_url: 7 } } })
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 390, height: 844 },
    ]) {
      const { page } = await openPage(browser, { origin: board.url, login: LOGIN, colorScheme, viewport })
      for (const path of PAGES) {
        await page.goto(board.url + path)
        await page.locator('h1').waitFor()
        for (const summary of await page.locator('summary').all()) await summary.click()
        await page.evaluate(axe)
        const { violations } = (await page.evaluate(`axe.run(${JSON.stringify({ runOnly: RULES })})`)) as {
          violations: Violation[]
        }
        const found = violations.map(({ id, help, nodes }) => ({
          id,
          help,
          at: nodes.map(({ html }) => html.slice(0, 200)),
        }))
        expect(found, `${path} ${colorScheme} ${viewport.width}`).toEqual([])
        expect(
          await page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
          `${path} is wider than ${viewport.width}`,
        ).toBe(true)
      }
      await page.context().close()
    }
  }
})

const PAGES = [
  '/',
  '/?status=partial',
  '/separations/song-1',
  '/separations/song-2',
  '/overview',
  '/quarantine',
  '/notifications',
  '/separations/nobody',
]
