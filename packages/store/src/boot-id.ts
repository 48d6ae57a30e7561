import { readFile } from 'node:fs/promises'
import { hostname, uptime } from 'node:os'

let known: Promise<string> | undefined

/** Names the time since this machine came up: the same for all of its processes and containers, another after a restart. */
export const bootId = (): Promise<string> => {
  known ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    // Where the kernel does not tell: the hour at which the machine came up.
    () => `${hostname()}-${Math.round((Date.now() / 1000 - uptime()) / 3600)}`,
  )
  return known
}
