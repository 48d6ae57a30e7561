import { z } from 'zod'

/** A provider's task id, and nothing else: it becomes a directory name and a part of job ids. */
export const taskIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 characters out of A-Z a-z 0-9 _ and -')
