import type { Manifest } from '@stems/domain/manifest'
import type { ProgressReader } from '@stems/queue/progress'
import type { StemStore } from '@stems/store/stem-store'

/** Waits for the manifest of a task, and says how its stems come along. */
export type Watch = (taskId: string) => Promise<Manifest>

/** One line for each stem when it starts, is half way, and ends: readable in a terminal, a log and a pipe alike. */
export const createWatch =
  (store: StemStore, progress: Pick<ProgressReader, 'read'>): Watch =>
  async (taskId) => {
    const shown = new Map<string, number>()
    for (;;) {
      for (const { stem, bytes, total } of (await progress.read(taskId).catch(() => [])) ?? []) {
        const percent = bytes === null || !total ? 0 : Math.floor((bytes / total) * 100)
        if (percent - (shown.get(stem) ?? 0) < 30 && !(percent === 100 && shown.get(stem) !== 100)) continue
        shown.set(stem, percent)
        console.log(`  ${taskId.padEnd(36)} ${stem.padEnd(20)} ${bar(percent)} ${`${percent}`.padStart(3)} %`)
      }
      const manifest = await store.readManifest(taskId)
      if (manifest) return manifest
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

const bar = (percent: number): string => '█'.repeat(Math.round(percent / 5)).padEnd(20, '░')
