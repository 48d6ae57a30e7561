import { redactLinks } from '@stems/domain/link'
import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

/**
 * JSON lines on standard output. Logs are kept and sent around, so whatever a line quotes, links in it lose what could open
 * a file or a connection: query strings, fragments and credentials.
 *
 * @param app stands in every line
 * @param level pino level
 */
export const createLog = (app: string, level: string, destination?: DestinationStream): Log =>
  pino(
    {
      level,
      base: { app },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactLinks },
    },
    destination ?? pino.destination({ dest: 1, sync: true }), // nothing is lost when the process is killed
  )
