import { z } from 'zod'

/** Part of every answer that is put together from several shards. */
export const shardsAwaySchema = z
  .array(z.string())
  .optional()
  .describe('There only while shards are away: their names. What they hold is not among the answer')

/** What an answer says of shards that are away. */
export const shardsAway = (away: string[]): { shards_away?: string[] } =>
  away.length === 0 ? {} : { shards_away: away }
