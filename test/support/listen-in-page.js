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

globalThis.levelsHeard = () =>
  globalThis.heard.map(({ analyser }) => {
    const samples = new Float32Array(analyser.fftSize)
    analyser.getFloatTimeDomainData(samples)
    return Math.max(...samples.map(Math.abs))
  })
