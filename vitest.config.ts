import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/shared-redis.ts'],
    // Journeys start real processes, which wait for each other most of the time: three files at once keep two cores busy.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A second, Vitest's own choice, is too short for a busy machine; who waits for a condition waits until it holds.
    expect: { poll: { timeout: 60_000 } },
  },
})
