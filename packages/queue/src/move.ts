/** Did it move? Redis refuses when the job has moved on already: then somebody else was quicker, and it is to be looked at again. */
export const isDone = (move: Promise<unknown>): Promise<boolean> =>
  move.then(
    () => true,
    (error: Error & { code?: number }) => (typeof error.code === 'number' ? false : Promise.reject(error)),
  )
