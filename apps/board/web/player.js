// Plays the stems of a separation together, as one piece.

/**
 * A stem: its element plays, its gain is what is heard of it.
 *
 * @typedef {{
 *   name: string, src: string, seconds: number,
 *   isMuted: boolean, isSolo: boolean, volume: number,
 *   element: HTMLAudioElement, gain: GainNode | undefined, isLoaded: boolean, isBroken: boolean
 * }} Track
 *
 * @typedef {{ from: number, to: number }} Section
 */

const RAMP_S = 0.01 // no clicks
const LOOK_MS = 200
const TOLERATED_S = 0.01
const FAR_S = 0.15
const FASTEST = 0.03

/**
 * Each stem is fetched as a whole before anything plays: a browser opens six connections to one host, and stems that stream
 * would hold them, and let the others starve. All of them are then started while the clock of the audio stands still, and
 * set off by it together. Whoever falls behind all the same is played a little faster until he has caught up.
 *
 * @param {{ onChange: () => void, onProblem: (text: string) => void, onLoad: (done: number, all: number) => void }} listener
 */
export const createPlayer = ({ onChange, onProblem, onLoad }) => {
  /** @type {Map<string, Track>} */
  const tracks = new Map()
  /** @type {AudioContext | undefined} */
  let context
  let isPlaying = false
  let isLooping = false
  /** @type {Section | undefined} */
  let section
  let standsAt = 0
  let move = 0 // each start, stop and jump makes those before it void
  let isMoving = false
  /** @type {Promise<unknown>} */
  let clock = Promise.resolve()
  /** @type {Promise<void> | undefined} */
  let loading

  const all = () => [...tracks.values()].filter(({ isBroken }) => !isBroken)
  const duration = () => Math.max(0, ...all().map(({ seconds, element }) => lengthOf(element) ?? seconds))
  const end = () => (isLooping && section ? section.to : duration())

  // The longest one is heard to the end.
  const leader = () =>
    all()
      .filter(({ element }) => !element.paused && !element.ended)
      .sort((a, b) => b.element.duration - a.element.duration)[0]

  const position = () => {
    const led = isPlaying && !isMoving ? leader()?.element.currentTime : undefined
    return led ?? standsAt
  }

  const hear = () => {
    const isAnySolo = all().some(({ isSolo }) => isSolo)
    for (const { gain, isMuted, isSolo, volume } of all()) {
      const heard = isMuted || (isAnySolo && !isSolo) ? 0 : volume
      if (context) gain?.gain.setTargetAtTime(heard, context.currentTime, RAMP_S)
    }
  }

  const open = () => {
    context ??= new AudioContext({ latencyHint: 'playback' })
    for (const track of all()) {
      if (track.gain) continue
      track.gain = new GainNode(context, { gain: 0 })
      context.createMediaElementSource(track.element).connect(track.gain).connect(context.destination)
    }
    hear()
    return context
  }

  /** @param {Track} track */
  const load = async (track) => {
    const answer = await fetch(track.src)
    if (!answer.ok) throw new Error(`The board answered ${answer.status}.`)
    track.element.src = URL.createObjectURL(await answer.blob())
    await heardOf(track.element, 'canplay').catch((error) => {
      track.isBroken = true // it stays so; what was not fetched is fetched when somebody plays again
      throw error
    })
    track.isLoaded = true
  }

  const loadAll = async () => {
    const missing = all().filter(({ isLoaded }) => !isLoaded)
    let done = all().length - missing.length
    onLoad(done, all().length)
    onProblem('')
    await Promise.all(
      missing.map((track) =>
        load(track).then(
          () => onLoad(++done, all().length),
          (error) => {
            // The others can be heard without it.
            onProblem(`${track.name} cannot be played here. ${error.message}`)
          },
        ),
      ),
    )
  }

  const loaded = () => all().filter(({ isLoaded }) => isLoaded)

  /** @param {number} seconds */
  const placeAll = (seconds) =>
    Promise.all(
      loaded().map(async ({ element }) => {
        element.pause()
        element.playbackRate = 1
        element.currentTime = Math.min(seconds, element.duration)
        await heardOf(element, 'seeked')
      }),
    )

  // One after the other: a clock of Chromium that is told to stand still while it sets off may say that it runs, and does not.
  /** @param {() => unknown} act */
  const setClock = (act) => {
    clock = clock.catch(() => {}).then(act)
    return clock
  }

  /** @param {number} seconds */
  const startAt = async (seconds) => {
    const mine = ++move
    const isVoid = () => mine !== move
    isMoving = true
    try {
      const audio = open()
      await setClock(() => audio.suspend())
      if (isVoid()) return
      await placeAll(seconds)
      if (isVoid()) return
      const starting = loaded().filter(({ element }) => seconds < element.duration)
      await Promise.all(starting.map(({ element }) => element.play()))
      if (isVoid()) return
      await setClock(() => isVoid() || audio.resume())
    } catch (error) {
      if (!isVoid()) throw error // who was overtaken is told that he was interrupted
    } finally {
      if (!isVoid()) isMoving = false
    }
  }

  const play = async () => {
    if (isPlaying || all().length === 0) return
    isPlaying = true
    onChange()
    open() // at once, while the browser knows that a person has asked for it
    loading ??= loadAll().finally(() => {
      loading = undefined
    })
    await loading
    if (!isPlaying) return
    if (standsAt >= end() - TOLERATED_S) standsAt = isLooping && section ? section.from : 0
    await startAt(standsAt)
    onChange()
  }

  const pause = () => {
    if (!isPlaying) return
    standsAt = position()
    isPlaying = false
    isMoving = false
    move++
    setClock(() => isPlaying || context?.suspend()).catch((error) => onProblem(error.message))
    for (const { element } of all()) element.pause()
    onChange()
  }

  /** @param {number} seconds */
  const seek = async (seconds) => {
    standsAt = Math.min(Math.max(0, seconds), duration())
    onChange()
    if (isPlaying && !loading) await startAt(standsAt)
  }

  /** @param {number} seconds */
  const seekOrSay = (seconds) => void seek(seconds).catch((error) => onProblem(error.message))

  const look = () => {
    if (!isPlaying || loading || isMoving || context?.state !== 'running') return
    const ahead = leader()
    const at = ahead?.element.currentTime ?? (loaded().every(({ element }) => element.ended) ? duration() : undefined)
    if (at === undefined) return
    if (at >= end() - TOLERATED_S) return turnRound()
    for (const { element } of all()) if (ahead && !element.paused && !element.ended) keepUp(element, at)
  }

  const turnRound = () => {
    if (isLooping) return seekOrSay(section?.from ?? 0)
    pause()
    standsAt = 0
    onChange()
  }

  setInterval(look, LOOK_MS)

  return {
    /** @param {Pick<Track, 'name' | 'src' | 'seconds' | 'isMuted'>} stem */
    add: (stem) => {
      if (tracks.has(stem.name)) return
      const element = new Audio()
      element.preload = 'auto'
      element.preservesPitch = false // a correction of a hundredth is not heard, its stretching would be
      tracks.set(stem.name, {
        ...stem,
        isSolo: false,
        volume: 1,
        element,
        gain: undefined,
        isLoaded: false,
        isBroken: false,
      })
      if (isPlaying) pause() // it is fetched when somebody plays again
      onChange()
    },
    /**
     * @param {string} name
     * @param {Partial<Pick<Track, 'isMuted' | 'isSolo' | 'volume'>>} change
     */
    set: (name, change) => {
      Object.assign(tracks.get(name) ?? {}, change)
      hear()
      onChange()
    },
    /** @param {string} name */
    track: (name) => tracks.get(name),
    toggle: () => {
      if (isPlaying) pause()
      else play().catch((error) => onProblem(error.message))
    },
    seek: seekOrSay,
    /** @param {Section | undefined} [marked] what is looped; everything where it is left out */
    loop: (marked) => {
      section = marked
      isLooping = marked !== undefined || !isLooping
      onChange()
      if (marked) seekOrSay(marked.from)
    },
    /** @param {Section} marked what is looped from now on, wherever it plays */
    mark: (marked) => {
      section = marked
      isLooping = true
      onChange()
    },
    state: () => ({
      isPlaying,
      isLooping,
      section: isLooping ? section : undefined,
      position: position(),
      duration: duration(),
    }),
  }
}

/** @param {HTMLAudioElement} element */
const lengthOf = ({ duration }) => (Number.isFinite(duration) ? duration : undefined)

/**
 * @param {HTMLAudioElement} element
 * @param {number} at where the others are
 */
const keepUp = (element, at) => {
  const behind = at - element.currentTime
  if (Math.abs(behind) > FAR_S) element.currentTime = at
  element.playbackRate = Math.abs(behind) < TOLERATED_S ? 1 : 1 + Math.min(FASTEST, Math.max(-FASTEST, behind))
}

/**
 * @param {HTMLAudioElement} element
 * @param {'canplay' | 'seeked'} event
 */
const heardOf = (element, event) =>
  new Promise((resolve, reject) => {
    const heard = new AbortController()
    const { signal } = heard
    const end = (/** @type {() => void} */ settle) => () => {
      heard.abort()
      settle()
    }
    element.addEventListener(
      event,
      end(() => resolve(undefined)),
      { signal },
    )
    element.addEventListener(
      'error',
      end(() => reject(new Error('This browser cannot decode it.'))),
      { signal },
    )
  })
