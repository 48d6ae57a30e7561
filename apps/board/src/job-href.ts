/** The name of a queue in Bull Board, where each is once per shard. */
export const boardQueueName = (queue: string, shard: string | undefined): string =>
  shard === undefined ? queue : `${shard}: ${queue}`

/** Where Bull Board shows a job. */
export const jobHref = (queue: string, id: string, shard: string | undefined): string =>
  `/queues/queue/${encodeURIComponent(boardQueueName(queue, shard))}/${encodeURIComponent(id)}`
