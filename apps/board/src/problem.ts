import { z } from 'zod'

/** Problems that a program may want to tell apart by more than their status. */
export const PROBLEM_TYPES = {
  /** The same track and type was bought before; `task_id` names the task. */
  alreadyBought: 'urn:stemkeeper:problem:already-bought',
  /** Another request is buying the same right now. */
  beingBought: 'urn:stemkeeper:problem:being-bought',
  /** The provider was asked to sell and did not answer. Nothing here asks again by itself. */
  mayHaveBeenBought: 'urn:stemkeeper:problem:may-have-been-bought',
} as const

/** An error body. Source: RFC 9457, «Problem Details for HTTP APIs». */
export const problemSchema = z
  .object({
    type: z.enum(['about:blank', ...Object.values(PROBLEM_TYPES)]),
    title: z.string().describe("The status code's name"),
    status: z.number().int(),
    detail: z.string().describe('What is wrong and what can be done, for people'),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .describe('The fields that are wrong'),
    task_id: z.string().optional().describe('The task that was bought before'),
  })
  .describe('application/problem+json')

export type Problem = z.infer<typeof problemSchema>

/** What a problem may say beside its status and its words. */
export type ProblemMore = Partial<Pick<Problem, 'type' | 'errors' | 'task_id'>>

/** A problem among a route's documented answers. */
export const problemResponse = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

/** What every route behind the login may answer. */
export const commonProblems = {
  401: problemResponse('No login and no key, or wrong ones'),
  429: problemResponse('Too many wrong logins or keys from this address; never sent to one with the right one'),
  503: problemResponse('Redis is away; ask again after `Retry-After` seconds'),
}

/** What every route that changes something may answer too. */
export const actionProblems = {
  ...commonProblems,
  403: problemResponse('The login may only look, or the request comes from a page of another site'),
}
