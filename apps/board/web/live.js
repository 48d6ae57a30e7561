// Keeps the blocks of a page as the board would show them now.
import { showAges } from './ages.js'
import morphdom from './morphdom.js'

const EVERY_MS = 1000
const LATER_MS = 5000 // of a board that does not answer, or asks for the login again

const blocks = /** @type {HTMLElement} */ (document.getElementById('blocks'))
const state = /** @type {HTMLElement} */ (document.getElementById('live-state'))

let etag = ''
let isAway = false

const follow = async () => {
  const startedAt = performance.now()
  if (!document.hidden) await look().catch(sayAway)
  // A board that takes long to answer is asked less often.
  setTimeout(follow, Math.max(isAway ? LATER_MS : EVERY_MS, performance.now() - startedAt))
}

const look = async () => {
  const answer = await fetch(location.href, { headers: { 'if-none-match': etag } })
  if (!answer.ok && answer.status !== 304) throw new Error(`The board answered ${answer.status}.`)
  const isNew = answer.status !== 304
  if (isNew) show(await answer.text())
  if (isNew || isAway) say('')
  etag = answer.headers.get('etag') ?? ''
  isAway = false
}

const sayAway = () => {
  isAway = true
  say('The board does not answer. What you see may be old; it is looked at again by itself.')
}

/** @param {string} text */
const say = (text) => {
  state.textContent = text
  state.hidden = text === ''
}

/** @param {string} html */
const show = (html) => {
  const next = new DOMParser().parseFromString(html, 'text/html').getElementById('blocks')
  if (!next) return
  morphdom(blocks, next, { childrenOnly: true, onBeforeElUpdated: isOther })
  showAges()
  blocks.dispatchEvent(new CustomEvent('shown'))
}

// What a person has opened stays open, what a person has set is his own, and what a script shows in place of a date is no change.
/**
 * @param {HTMLElement} now
 * @param {HTMLElement} next
 */
const isOther = (now, next) => {
  if (now instanceof HTMLDetailsElement && now.open) next.setAttribute('open', '')
  if (now.dataset.own !== undefined) return false
  if (now instanceof HTMLTimeElement && now.dateTime === next.getAttribute('datetime')) return false
  return !now.isEqualNode(next)
}

// An action leaves the page where it is: what comes of it shows in the blocks.
document.addEventListener('submit', (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target)
  if (!form.matches('form.act')) return
  event.preventDefault()
  const button = form.querySelector('button')
  if (button) button.disabled = true
  act(form)
    .catch(() => say('The board does not answer, so nothing was done.'))
    .finally(() => {
      if (button) button.disabled = false
    })
})

/** @param {HTMLFormElement} form */
const act = async (form) => {
  const answer = await fetch(form.action, { method: 'POST', redirect: 'manual' })
  if (answer.ok || answer.type === 'opaqueredirect') return
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  say(page.querySelector('main p')?.textContent ?? `The board answered ${answer.status}.`)
}

void follow()
