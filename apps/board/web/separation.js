// The page of a separation: its buttons, its keys and what they do to the player.
import { createPlayer } from './player.js'

const STEP_S = 5
const LARGE_STEP_S = 30
const DRAG_PX = 6

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id))
const [blocks, transport, playerState] = [byId('blocks'), byId('transport'), byId('player-state')]
const [play, loop, clock] = [byId('play'), byId('loop'), byId('clock')]
const slider = /** @type {HTMLInputElement} */ (byId('seek'))

const rows = () => /** @type {HTMLElement[]} */ ([...blocks.querySelectorAll('.track[data-stem]')])
const nameOf = (/** @type {Element} */ row) => /** @type {HTMLElement} */ (row).dataset.stem ?? ''
const rowOf = (/** @type {EventTarget | null} */ target) =>
  /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest('.track[data-stem]'))

const player = createPlayer({
  onChange: () => show(),
  onProblem: (text) => say('problem', text),
  onLoad: (done, all) => say('loading', done < all ? `Fetching the stems: ${done} of ${all}` : ''),
})

/** @type {Map<string, string>} */
const said = new Map()

/**
 * @param {string} about
 * @param {string} text
 */
const say = (about, text) => {
  said.set(about, text)
  playerState.textContent = [...said.values()].filter((each) => each !== '').join(' ')
}

const addRows = () => {
  for (const row of rows()) {
    const { src = '', length, muted } = row.dataset
    player.add({ name: nameOf(row), src, seconds: Number(length), isMuted: muted !== undefined })
  }
  const isAny = rows().length > 0
  transport.hidden = !isAny
  for (const button of [play, slider]) button.toggleAttribute('disabled', !isAny)
  show()
}

const show = () => {
  const { isPlaying, isLooping, section, duration } = player.state()
  play.textContent = isPlaying ? 'Pause' : 'Play'
  press(loop, isLooping)
  slider.max = `${duration}`
  for (const row of rows()) showTrack(row)
  blocks.classList.toggle('looped', section !== undefined)
  setShare('--loop-from', section ? section.from / duration : 0)
  setShare('--loop-to', section ? section.to / duration : 1)
  showPosition()
}

/** @param {HTMLElement} row */
const showTrack = (row) => {
  const track = player.track(nameOf(row))
  if (!track) return
  press(/** @type {HTMLElement} */ (row.querySelector('.mute')), track.isMuted)
  press(/** @type {HTMLElement} */ (row.querySelector('.solo')), track.isSolo)
  const isAnySolo = rows().some((other) => player.track(nameOf(other))?.isSolo)
  row.classList.toggle('quiet', track.isMuted || (isAnySolo && !track.isSolo))
}

const showPosition = () => {
  const { position, duration } = player.state()
  if (slider !== document.activeElement || !slider.matches(':active')) slider.value = `${position}`
  slider.setAttribute('aria-valuetext', `${timeText(position)} of ${timeText(duration)}`)
  clock.textContent = `${timeText(position)} / ${timeText(duration)}`
  setShare('--at', duration > 0 ? position / duration : 0)
}

const follow = () => {
  if (player.state().isPlaying) showPosition()
  requestAnimationFrame(follow)
}

/**
 * @param {HTMLElement} button
 * @param {boolean} isPressed
 */
const press = (button, isPressed) => button.setAttribute('aria-pressed', `${isPressed}`)

/**
 * @param {string} name
 * @param {number} share
 */
const setShare = (name, share) => blocks.style.setProperty(name, `${share}`)

/** @param {number} seconds */
const timeText = (seconds) => `${Math.floor(seconds / 60)}:${`${Math.floor(seconds % 60)}`.padStart(2, '0')}`

/**
 * @param {Element | undefined} row
 * @param {'isMuted' | 'isSolo'} what
 */
const toggle = (row, what) => {
  const track = row && player.track(nameOf(row))
  if (track) player.set(track.name, { [what]: !track[what] })
}

play.addEventListener('click', player.toggle)
loop.addEventListener('click', () => player.loop())
slider.addEventListener('input', () => player.seek(Number(slider.value)))

blocks.addEventListener('click', ({ target }) => {
  const row = rowOf(target)
  const pressed = /** @type {Element} */ (target)
  if (row && pressed.closest('.mute')) toggle(row, 'isMuted')
  if (row && pressed.closest('.solo')) toggle(row, 'isSolo')
  if (pressed.matches('#copy-manifest')) void copyManifest(/** @type {HTMLElement} */ (pressed))
})
blocks.addEventListener('input', ({ target }) => {
  const row = rowOf(target)
  const volume = /** @type {HTMLInputElement} */ (target)
  if (row && volume.matches('.volume')) player.set(nameOf(row), { volume: Number(volume.value) })
})

// A click on a waveform goes there, dragging over one marks what is looped.
blocks.addEventListener('pointerdown', (down) => {
  const wave = /** @type {Element} */ (down.target).closest('.wave')
  if (!wave || !rowOf(wave) || down.button !== 0) return
  const { left, width } = wave.getBoundingClientRect()
  const secondsAt = (/** @type {number} */ x) => Math.min(1, Math.max(0, (x - left) / width)) * player.state().duration
  const done = new AbortController()
  const { signal } = done
  addEventListener(
    'pointerup',
    ({ clientX }) => {
      done.abort()
      const [from, to] = [Math.min(down.clientX, clientX), Math.max(down.clientX, clientX)]
      if (to - from < DRAG_PX) player.seek(secondsAt(down.clientX))
      else player.loop({ from: secondsAt(from), to: secondsAt(to) })
    },
    { signal },
  )
  addEventListener('pointercancel', () => done.abort(), { signal }) // the page was scrolled
})

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const KEYS = {
  ' ': () => player.toggle(),
  ArrowLeft: ({ shiftKey }) => player.seek(player.state().position - (shiftKey ? LARGE_STEP_S : STEP_S)),
  ArrowRight: ({ shiftKey }) => player.seek(player.state().position + (shiftKey ? LARGE_STEP_S : STEP_S)),
  Home: () => player.seek(0),
  l: () => player.loop(),
  '[': () => markLoop('from'),
  ']': () => markLoop('to'),
}

// The other end stays where it was, as far as there is one and it fits.
/** @param {'from' | 'to'} end */
const markLoop = (end) => {
  const { position, duration, section } = player.state()
  const marked = { from: 0, to: duration, ...section, [end]: position }
  if (marked.from < marked.to) player.mark(marked)
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || isForElement(event)) return
  const [, digit] = /^(?:Digit|Numpad)([1-9])$/.exec(event.code) ?? []
  const act = digit
    ? () => toggle(rows()[Number(digit) - 1], event.shiftKey ? 'isSolo' : 'isMuted')
    : (KEYS[event.key] ?? KEYS[event.key.toLowerCase()])
  if (!act) return
  event.preventDefault()
  act(event)
})

// Whoever has come to a control by the keyboard means the control.
/** @param {KeyboardEvent} event */
const isForElement = ({ key, target }) => {
  const element = /** @type {Element} */ (target)
  if (element.matches('input[type=range]')) return key.startsWith('Arrow') || key === 'Home'
  if (element.matches('input, textarea, select')) return true
  return key === ' ' && element.matches('button:focus-visible, a:focus-visible, summary')
}

/** @param {HTMLElement} button */
const copyManifest = async (button) => {
  const label = button.textContent
  try {
    const answer = await fetch(button.dataset.from ?? '')
    if (!answer.ok) throw new Error(`The board answered ${answer.status}.`)
    await copy(await answer.text())
    button.textContent = 'Copied'
  } catch (error) {
    say('problem', `The manifest could not be copied. ${/** @type {Error} */ (error).message}`)
  }
  setTimeout(() => {
    button.textContent = label
  }, 2000)
}

// Over plain http from another machine a page has no clipboard; then the old way.
/** @param {string} text */
const copy = async (text) => {
  if (navigator.clipboard) return await navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  if (!isCopied) throw new Error('This browser does not let a page copy.')
}

blocks.addEventListener('shown', addRows)
addRows()
requestAnimationFrame(follow)
