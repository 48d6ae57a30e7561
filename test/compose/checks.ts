/** Runs checks one after the other, says how each went, and counts. */
export const createChecks = () => {
  const count = { passed: 0, failed: 0 }
  return {
    /**
     * One check. A failure is told and counted; the next check runs all the same.
     *
     * @param sentence what holds when `run` does not throw
     */
    check: async (sentence: string, run: () => Promise<unknown> | unknown): Promise<void> => {
      const startedAt = performance.now()
      const seconds = () => `(${((performance.now() - startedAt) / 1000).toFixed(1)} s)`
      try {
        await run()
        count.passed++
        console.log(`ok    ${sentence} ${seconds()}`)
      } catch (error) {
        count.failed++
        console.log(`FAIL  ${sentence} ${seconds()}\n${indent((error as Error).stack ?? String(error))}`)
      }
    },
    count,
  }
}

export type Checks = ReturnType<typeof createChecks>

const indent = (text: string): string => text.replaceAll(/^/gm, '        ')
