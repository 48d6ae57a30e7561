/** What is told of a piece of work. Nothing that opens anything: no token, no key, no link but in its public form. */
export type Attributes = Record<string, string | number | boolean>

/** A piece of work that runs. */
export type Span = {
  set: (attributes: Attributes) => void
  /** It came to its end, and to no good one. */
  fail: (why: string) => void
  /** Its name in the form of https://www.w3.org/TR/trace-context/, for those who go on elsewhere. */
  traceparent: string
}

export type SpanOptions = {
  /** `server`: somebody has asked us for it. `client`: we ask somebody. `internal` unless given. */
  kind?: 'server' | 'client' | 'internal'
  attributes?: Attributes
  /** What it goes on from, where that was another process; else what runs here and now. Without either it begins a trace. */
  parent?: string | undefined
}

/** Tells of work, piece by piece. Where nobody wants to know there is no tracer, and nothing is put around the work. */
export type Tracer = {
  /** Does the work, and tells how long it took and whether it failed. */
  span: <T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>) => Promise<T>
  /** The same for what is done about a task as a whole. */
  task: <T>(name: string, taskId: string, work: () => Promise<T>) => Promise<T>
}
