import type { FastifyInstance } from 'fastify'
import type { Log } from './log.ts'

/**
 * Listens and logs the address. A port that is taken ends the process with one clear line and code 1.
 *
 * @param port 0 takes a free one
 * @returns the port
 */
export const listenOrExit = async (
  app: FastifyInstance,
  { host, port, variable }: { host: string; port: number; variable: string },
  log: Log,
): Promise<number> => {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be listened on: ${message}`
    process.stderr.write(`${host}:${port} ${reason}; set ${variable} to a free port\n`)
    process.exit(1)
  }
  const address = app.server.address()
  const actual = typeof address === 'object' && address ? address.port : port
  log.info({ host, port: actual }, 'app.listening')
  return actual
}
