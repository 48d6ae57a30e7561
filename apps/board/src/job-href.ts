/** Where Bull Board shows a job. */
export const jobHref = (queue: string, id: string): string =>
  `/queues/queue/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`
