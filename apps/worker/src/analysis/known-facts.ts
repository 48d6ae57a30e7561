import type { AudioFacts } from '@stems/domain/audio-facts'
import { type Manifest, withAudioFacts } from '@stems/domain/manifest'
import type { StemStore } from '@stems/store/stem-store'

/** The same manifest with what the store knows of the bytes that its stems have now. */
export const withKnownFacts = async (store: Pick<StemStore, 'readAnalysis'>, manifest: Manifest): Promise<Manifest> => {
  const found = await Promise.all(
    Object.entries(manifest.stems).map(async ([stem, outcome]): Promise<[string, AudioFacts | undefined][]> => {
      if (outcome.status !== 'saved') return []
      const analysis = (await store.readAnalysis(manifest.task_id, stem))?.stemkeeper
      return analysis?.sha256 === outcome.sha256 ? [[stem, analysis.audio]] : []
    }),
  )
  const facts = new Map(found.flat())
  return withAudioFacts(manifest, (stem) => facts.get(stem))
}
