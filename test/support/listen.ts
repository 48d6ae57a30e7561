import { join } from 'node:path'
import type { Page } from 'playwright-core'

/** What a page that plays stems does, as measured in its own audio graph. */
export type Listener = {
  /** Where each element is, in seconds, at one moment. */
  times: () => Promise<number[]>
  /** The highest sample that is heard of each stem within a moment, in the order of the page. */
  levels: () => Promise<number[]>
  isAnyPlaying: () => Promise<boolean>
  /** How often the page has been told by its stream how things stand. */
  timesShown: () => Promise<number>
}

/** Listens to what the page plays, once it has been opened. */
export const listenTo = async (page: Page): Promise<Listener> => {
  await page.addInitScript({ path: join(import.meta.dirname, 'listen-in-page.js') })
  return {
    times: () => page.evaluate('timesHeard()'),
    levels: () => page.evaluate('levelsHeard()'),
    isAnyPlaying: () => page.evaluate('isAnyPlaying()'),
    timesShown: () => page.evaluate('timesShown'),
  }
}
