/**
 * Runs work now and then every `everyMs`, never twice at once: a run that takes longer leaves out those that it covers.
 *
 * @param work one run; it may be repeated at any time
 * @param onError is told why a run failed; the next one comes all the same
 */
export const repeat = (everyMs: number, work: () => Promise<void>, onError: (error: Error) => void) => {
  let running: Promise<void> | undefined
  const run = (): void => {
    running ??= work()
      .catch(onError)
      .finally(() => {
        running = undefined
      })
  }
  run()
  const timer = setInterval(run, everyMs)
  return {
    /** Starts no other run, and waits for the one that is running. Safe to call twice. */
    close: async (): Promise<void> => {
      clearInterval(timer)
      await running
    },
  }
}
