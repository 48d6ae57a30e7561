// Keeps the blocks of a page as the board says they are.
import { showAges } from './ages.js'
import morphdom from './morphdom.js'

const LATER_MS = 10_000

const blocks = /** @type {HTMLElement} */ (document.getElementById('blocks'))
const state = /** @type {HTMLElement} */ (document.getElementById('live-state'))
const from = /** @type {string} */ (blocks.dataset.live)

/** @type {EventSource | undefined} */
let source

// A browser opens few connections to one host: a tab that nobody sees leaves its own to the others.
const follow = () => {
  source?.close()
  source = undefined
  if (document.hidden) return
  const opened = new EventSource(from)
  source = opened
  opened.addEventListener('blocks', ({ data }) => {
    say('')
    show(JSON.parse(data))
  })
  opened.addEventListener('error', () => {
    say('The board does not answer. What you see may be old; it is looked at again by itself.')
    // A refusal ends a stream for good, a broken connection does not.
    if (opened.readyState === EventSource.CLOSED) setTimeout(() => source === opened && follow(), LATER_MS)
  })
}

/** @param {string} text */
const say = (text) => {
  state.textContent = text
  state.hidden = text === ''
}

/** @param {{ order: string[], changed: Record<string, string> }} news */
const show = ({ order, changed }) => {
  for (const [id, html] of Object.entries(changed)) {
    const block = document.getElementById(id)
    if (block?.parentElement === blocks) morphdom(block, html.trim(), { onBeforeElUpdated: isOther })
    else blocks.insertAdjacentHTML('beforeend', html)
  }
  for (const block of [...blocks.children]) if (!order.includes(block.id)) block.remove()
  order.forEach((id, index) => {
    const block = document.getElementById(id)
    if (block && blocks.children[index] !== block) blocks.insertBefore(block, blocks.children[index] ?? null)
  })
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

document.addEventListener('visibilitychange', follow)
follow()
