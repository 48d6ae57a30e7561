import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/shared-redis.ts'],
    // Journeys start real processes: two files at once are as many as two cores carry.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A second, Vitest's own choice, is too short for a busy machine; who waits for a condition waits until it holds.
    expect: { poll: { timeout: 30_000 } },
  },
})
