import { parseCallback, readTaskId, UnknownShapeError, type UnreadableTaskIdError } from '@stems/provider/callback'
import { isSignedBy, type ProofSecrets, type SignatureHeaders } from '@stems/provider/proof'
import type { Quarantine } from '@stems/queue/quarantine'
import type { Submitter } from '@stems/queue/submit'

/** What becomes of a callback that is kept. */
export type Admission = 'accepted' | 'duplicate' | 'quarantined'

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
}

/** Verify, read, submit: the way of one callback. When it returns, what was said is kept. */
export const createAdmission = ({ secrets, submitter, quarantine }: AdmissionOptions) => {
  const submitOrQuarantine = async ({ body, receivedAt }: Arrival, taskId: string): Promise<Admission> => {
    try {
      return await submitter.submit(parseCallback(body, receivedAt))
    } catch (error) {
      if (!(error instanceof UnknownShapeError)) throw error
      await quarantine.keep({ taskId, reason: error.message, receivedAt, payload: body })
      return 'quarantined'
    }
  }

  /**
   * @returns what became of the callback, and of which task
   * @throws {UnreadableTaskIdError} when the body names no task
   * @throws {UnprovenError} when nothing vouches for the sender
   * @throws when it could be kept nowhere; it should be sent again
   */
  return async (arrival: Arrival): Promise<{ taskId: string; admission: Admission }> => {
    const taskId = readTaskId(arrival.body)
    if (!arrival.vouched && !isSignedBy(taskId, arrival.signature, secrets)) throw new UnprovenError()
    return { taskId, admission: await submitOrQuarantine(arrival, taskId) }
  }
}

export type AdmissionOptions = { secrets: ProofSecrets; submitter: Submitter; quarantine: Quarantine }
export type Admit = ReturnType<typeof createAdmission>
export type { UnreadableTaskIdError }
