/** A pipeline or transaction that is ready to be sent. */
type Sendable = { exec: () => Promise<[error: Error | null, answer: unknown][] | null> }

/**
 * Sends a pipeline or transaction.
 *
 * @returns the answer to each command
 * @throws the first error among them, or that of the connection
 */
export const execAll = async (commands: Sendable): Promise<unknown[]> =>
  ((await commands.exec()) ?? []).map(([error, answer]) => {
    if (error) throw error
    return answer
  })
