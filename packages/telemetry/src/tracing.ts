import type { Log } from './log.ts'
import type { OpenTelemetryOptions, Tracing } from './open-telemetry.ts'

export type { Tracing }

/**
 * Starts tracing, where it is wanted. Where it is not, no part of OpenTelemetry is even loaded.
 *
 * @param options `undefined` where nobody collects traces
 */
export const startTracing = async (
  options: OpenTelemetryOptions | undefined,
  log: Log,
): Promise<Tracing | undefined> => {
  if (!options) return undefined
  const { startOpenTelemetry } = await import('./open-telemetry.ts')
  return startOpenTelemetry(options, log)
}
