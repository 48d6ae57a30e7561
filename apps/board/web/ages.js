// Says of moments how long ago they were.

const EVERY_MS = 10_000
const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

/** @type {[limit: number, seconds: number, unit: Intl.RelativeTimeFormatUnit][]} */
const UNITS = [
  [60, 1, 'second'],
  [3600, 60, 'minute'],
  [86_400, 3600, 'hour'],
  [30 * 86_400, 86_400, 'day'],
]

/** Rewrites every `<time data-age>` of the page; its title says the moment. */
export const showAges = () => {
  for (const time of /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll('time[data-age]'))) {
    const text = ageOf(new Date(time.dateTime))
    if (!time.title) time.title = new Date(time.dateTime).toLocaleString()
    if (text !== undefined && time.textContent !== text) time.textContent = text
  }
}

/** @param {Date} moment */
const ageOf = (moment) => {
  const seconds = Math.max(0, (Date.now() - moment.getTime()) / 1000)
  const [, size, unit] = UNITS.find(([limit]) => seconds < limit) ?? []
  if (size === undefined || unit === undefined) return moment.toLocaleDateString('en', { dateStyle: 'medium' })
  return seconds < 10 ? 'just now' : words.format(-Math.floor(seconds / size), unit)
}

showAges()
setInterval(showAges, EVERY_MS)
