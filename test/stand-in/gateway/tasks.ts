import { randomUUID } from 'node:crypto'
import type { Settings } from './options.ts'
import { listedPath, makeStems, type SeparationType, type StemFile } from './stems.ts'

/** `CALLBACK_EXCEPTION`: the callback could not be delivered. The audio is there nevertheless, if it was made. */
export type SuccessFlag = 'PENDING' | 'SUCCESS' | 'CREATE_TASK_FAILED' | 'GENERATE_AUDIO_FAILED' | 'CALLBACK_EXCEPTION'

/** How a separation will go. All goes well unless told otherwise. */
export type Plan = {
  outcome?: 'SUCCESS' | 'CREATE_TASK_FAILED' | 'GENERATE_AUDIO_FAILED'
  /** Of one that fails. */
  error?: { code: number; message: string }
  takesMs?: number
  /** `drop`: the callback gets lost on its way, and the gateway believes that it has arrived. */
  callback?: 'send' | 'drop'
  /** Stems that were asked for and are not there, and how the callback says so. */
  missing?: string[]
  missingAs?: '' | 'null' | 'absent'
  /** Stems that no document names. */
  unknownStems?: string[]
  /** A stem that the record has, and no callback. Only kie's record knows it. */
  piano?: boolean
  /** Each file is at least that long. */
  bytes?: number
  /** How long the links of its callback live, where it differs from others; 0 for links that have expired already. */
  linksLiveMs?: number
}

export type Order = {
  /** The task and the track that are taken apart. */
  sourceTaskId?: string
  audioId?: string
  type?: SeparationType
  stemName?: string | undefined
  callBackUrl?: string | undefined
}

/** A try to deliver a callback: an HTTP status, `dropped`, or why there was no answer. */
export type Delivery = { at: number; result: number | string }

export type Task = Required<Omit<Order, 'stemName' | 'callBackUrl'>> & {
  taskId: string
  callBackUrl: string | undefined
  plan: Plan
  successFlag: SuccessFlag
  createdAt: number
  completedAt: number | undefined
  error: { code: number; message: string } | undefined
  files: StemFile[]
  deliveries: Delivery[]
}

export type TasksOptions = {
  settings: Pick<Settings, 'clock' | 'takesMs'>
  /** Is called when a task has ended, well or not. */
  onDone: (task: Task) => void
}

/** The separations that were bought, and their way to an end. */
export const createTasks = ({ settings: { clock, takesMs }, onDone }: TasksOptions) => {
  const tasks = new Map<string, Task>()
  const plans: Plan[] = []

  const end = (task: Task, stemName: string | undefined) => {
    const { outcome = 'SUCCESS', error = { code: 500, message: 'Vocal separation failed' } } = task.plan
    const { missing = [], unknownStems = [], piano = false } = task.plan
    task.completedAt = clock.now()
    task.successFlag = outcome
    if (outcome === 'SUCCESS') {
      const made = makeStems(task.type, { unknown: unknownStems, piano, stemName })
      task.files = made.filter(({ name }) => !missing.includes(name))
    } else {
      task.error = error
    }
    onDone(task)
  }

  return {
    /** How the next tasks will go, one each. */
    plan: (...next: Plan[]) => void plans.push(...next),
    /** Begins one. It ends when its time has come. */
    begin: ({ sourceTaskId = 'a-song', audioId = 'a-track', type = 'separate_vocal', ...order }: Order): Task => {
      const plan = plans.shift() ?? {}
      const task: Task = {
        ...{ taskId: randomUUID().replaceAll('-', ''), sourceTaskId, audioId, type, plan },
        ...{ callBackUrl: order.callBackUrl, successFlag: 'PENDING', createdAt: clock.now() },
        ...{ completedAt: undefined, error: undefined, files: [], deliveries: [] },
      }
      tasks.set(task.taskId, task)
      clock.after(plan.takesMs ?? takesMs, () => end(task, order.stemName))
      return task
    },
    find: (taskId: string): Task | undefined => tasks.get(taskId),
    all: (): Task[] => [...tasks.values()],
    /** The file at a path, and the task that made it. */
    findFile: (path: string): { task: Task; file: StemFile } | undefined => {
      for (const task of tasks.values()) {
        const file = task.files.find((each) => each.path === path || listedPath(each) === path)
        if (file) return { task, file }
      }
      return undefined
    },
  }
}

export type Tasks = ReturnType<typeof createTasks>

/** Files are deleted 14 days after they were made. */
export const isDeleted = ({ completedAt = 0 }: Task, now: number): boolean => now >= completedAt + FILES_LIVE_MS

const FILES_LIVE_MS = 14 * 24 * 60 * 60 * 1000
