/**
 * How the apps are started so that they take no more memory than they need; the Dockerfile, docker-compose.yml and
 * deploy/kubernetes say the same.
 *
 * A worker streams: nearly all that it makes is garbage at once. A small nursery has it collected after a few megabytes
 * instead of sixty, one arena gives back what several would keep, and who collects when the nursery is less than half full
 * keeps fewer of the sockets' buffers: 134 MB while a file of 1 GB comes instead of 246, at the same processor time.
 */
export const FLAGS = { ingress: [], worker: ['--max-semi-space-size=1', '--minor-gc-task-trigger=40'], board: [] }

/** For the allocator of glibc; others do not know it. */
export const MALLOC = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' }
