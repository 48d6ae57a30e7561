import { readTaskId } from '@stems/provider/callback'
import { isSignedBy, type ProofSecrets, type SignatureHeaders } from '@stems/provider/proof'
import type { Keep, Kept } from './keep.ts'

/** The proof is missing, wrong or too old. Which of them is nobody's business. */
export class UnprovenError extends Error {
  constructor() {
    super('the callback is not proven to come from the provider')
    this.name = 'UnprovenError'
  }
}

/** A callback as it came in. */
export type Arrival = {
  body: unknown
  receivedAt: string
  signature: SignatureHeaders
  /** A token, or no demand for proof, has vouched for the sender already. */
  vouched: boolean
  /** The mark of the purchase that it answers, where its URL bore one. */
  purchase?: string | undefined
}

/** Read the task, verify, keep: the way of one callback. When it returns, what was said is kept. */
export const createAdmission =
  ({ secrets, authRequired, keep }: { secrets: ProofSecrets; authRequired: boolean; keep: Keep }) =>
  /**
   * @returns how the callback is kept, and of which task it is
   * @throws {UnreadableTaskIdError} when the body names no task
   * @throws {UnprovenError} when nothing vouches for the sender
   * @throws when it could be kept nowhere; it should be sent again
   */
  async ({ body, receivedAt, signature, vouched, purchase }: Arrival): Promise<{ taskId: string; kept: Kept }> => {
    const taskId = readTaskId(body)
    if (!vouched && !isSignedBy(taskId, signature, secrets)) throw new UnprovenError()
    const proof = authRequired ? {} : { isUnproven: true as const }
    const mark = purchase === undefined ? {} : { purchase }
    return { taskId, kept: await keep({ taskId, receivedAt, payload: body, ...proof, ...mark }) }
  }

export type Admit = ReturnType<typeof createAdmission>
