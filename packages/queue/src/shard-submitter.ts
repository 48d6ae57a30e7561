import type { Shards } from './shards.ts'
import type { SeparationState, Submitter } from './submit.ts'

/** What a submitter does for one task. */
export type TaskSubmitter = Omit<Submitter, 'close'>

/**
 * The way into the queue over several shards. What comes from outside goes to the task's shard without a question. Everything
 * else first looks where the task is: since a shard was added or taken away, that may be another one.
 *
 * A shard that is away is not asked, unless it is the task's own: its refusal is then that of the call.
 */
export const createShardSubmitter = (shards: Shards<{ name: string; submitter: TaskSubmitter }>): TaskSubmitter => {
  const locate = async (taskId: string): Promise<{ submitter: TaskSubmitter; state: SeparationState }> => {
    const own = shards.of(taskId)
    const { submitter } = own
    if (shards.all.length === 1) return { submitter, state: 'unknown' } // nobody needs to know
    const state = await submitter.stateOf(taskId)
    if (state !== 'unknown') return { submitter, state }
    const others = shards.all.filter((shard) => shard !== own)
    const states = await Promise.all(
      others.map((other) => other.submitter.stateOf(taskId).catch((): SeparationState => 'unknown')),
    )
    const index = states.findIndex((each) => each !== 'unknown')
    return { submitter: others[index]?.submitter ?? submitter, state: states[index] ?? 'unknown' }
  }
  const where = async (taskId: string): Promise<TaskSubmitter> => (await locate(taskId)).submitter

  return {
    submit: (separation) => shards.of(separation.taskId).submitter.submit(separation),
    expect: async (taskId, isHome) => (await where(taskId)).expect(taskId, isHome),
    replay: async (taskId, remembered) => (await where(taskId)).replay(taskId, remembered),
    compareAgain: async (separation, onLeft) => (await where(separation.taskId)).compareAgain(separation, onLeft),
    stateOf: async (taskId) =>
      shards.all.length === 1 ? shards.of(taskId).submitter.stateOf(taskId) : (await locate(taskId)).state,
  }
}
