// Runs in a page before its own scripts do: puts an analyser behind the gain of each stem that it plays.
globalThis.heard = []

const makeSource = AudioContext.prototype.createMediaElementSource

AudioContext.prototype.createMediaElementSource = function (element) {
  const source = makeSource.call(this, element)
  const connect = source.connect.bind(source)
  source.connect = (gain) => {
    const analyser = new AnalyserNode(this, { fftSize: 4096 })
    gain.connect(analyser)
    globalThis.heard.push({ element, analyser })
    return connect(gain)
  }
  return source
}

globalThis.timesHeard = () => globalThis.heard.map(({ element }) => element.currentTime)

globalThis.isAnyPlaying = () => globalThis.heard.some(({ element }) => !element.paused)

const FRAMES = 20

// The highest sample of each within some frames: a beat is not heard all the time.
globalThis.levelsHeard = async () => {
  const levels = globalThis.heard.map(() => 0)
  for (let frame = 0; frame < FRAMES; frame++) {
    for (const [index, { analyser }] of globalThis.heard.entries()) {
      const samples = new Float32Array(analyser.fftSize)
      analyser.getFloatTimeDomainData(samples)
      levels[index] = Math.max(levels[index], ...samples.map(Math.abs))
    }
    await new Promise(requestAnimationFrame)
  }
  return levels
}

// How often the page was told anew.
globalThis.timesShown = 0
document.addEventListener('shown', () => globalThis.timesShown++, { capture: true })
