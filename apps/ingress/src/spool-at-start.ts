import type { Spool } from '@stems/store/spool'

/** Opens the spool; one that cannot be written ends the process with one clear line and code 1. */
export const openOrExit = async (spool: Spool, directory: string): Promise<void> => {
  try {
    await spool.open()
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    process.stderr.write(`configuration: SPOOL_DIR: ${directory} cannot be written (${reason})\n`)
    process.exit(1)
  }
}
