import type { Submitter } from './submit.ts'

/** Does work under a name, as what begins a trace or goes on in one. */
export type Trace = <T>(name: string, taskId: string, work: () => Promise<T>) => Promise<T>

/** Submits as `submitter` does; what is driven so has a trace. */
export const traceSubmitter = (submitter: Submitter, trace: Trace | undefined): Submitter => {
  if (!trace) return submitter
  return {
    ...submitter,
    submit: (separation) => trace('submit', separation.taskId, () => submitter.submit(separation)),
    expect: (taskId, isHome) => trace('expect', taskId, () => submitter.expect(taskId, isHome)),
    replay: (taskId, remembered) => trace('replay', taskId, () => submitter.replay(taskId, remembered)),
    compareAgain: (separation, onLeft) =>
      trace('compare again', separation.taskId, () => submitter.compareAgain(separation, onLeft)),
  }
}
