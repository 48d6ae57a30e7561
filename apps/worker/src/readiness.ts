import type { StemStore } from '@stems/store/stem-store'

export type ReadinessOptions = {
  isRedisReady: () => boolean
  store: Pick<StemStore, 'check'>
  /** Why no new downloads are taken, where there is a reason. */
  intakeProblem: () => string | undefined
  /** Why the provider is not asked any more, where there is a reason. */
  providerProblem?: () => string | undefined
}

/** Tells why the worker cannot do its work right now. */
export const createReadiness =
  ({ isRedisReady, store, intakeProblem, providerProblem }: ReadinessOptions) =>
  async (): Promise<string[]> => {
    const redisProblem = isRedisReady() ? undefined : 'Redis is away'
    const storeProblem = await store.check().then(
      () => undefined,
      (error: Error) => error.message,
    )
    return [redisProblem, storeProblem, intakeProblem(), providerProblem?.()].filter((problem) => problem !== undefined)
  }
