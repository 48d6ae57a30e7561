import { type FileHandle, open } from 'node:fs/promises'
import { onTestFinished, vi } from 'vitest'

/** Stands in for the sync of every file and folder until the test ends. */
export const standInForSync = async () => {
  const handle = await open(import.meta.filename)
  await handle.close()
  const sync = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'sync')
  onTestFinished(() => sync.mockRestore())
  return sync
}
