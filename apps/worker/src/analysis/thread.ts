import { workerData } from 'node:worker_threads'
import type { StemAnalysis } from '@stems/domain/stem-analysis'
import { type OpenStoreOptions, openStore } from '@stems/store/open-store'
import type { StemStore } from '@stems/store/stem-store'
import { analyseStem } from './analyse-stem.ts'

/** What a thread is told when it is started. */
export type ThreadData = { storeUrl: string; storeOptions: OpenStoreOptions }

/** A stem to look at, by its place in the store. */
export type StemPlace = { taskId: string; file: string }

// The decoder tells the console of every frame that it cannot read; what there is to say stands in the analysis.
console.error = () => {}

let opened: Promise<StemStore> | undefined

/**
 * Runs in a thread of its own: neither the bytes of a stem nor the work on them touch those who download.
 *
 * @returns `undefined` when the store has no such file any more
 */
export default async ({ taskId, file }: StemPlace): Promise<StemAnalysis | undefined> => {
  const { storeUrl, storeOptions } = workerData as ThreadData
  opened ??= openStore(storeUrl, storeOptions)
  const found = await (await opened).open(taskId, file)
  return found && analyseStem(found)
}
