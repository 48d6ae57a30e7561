import { html } from 'ghtml'

/** Says what is missing from a list; nothing where nothing is. */
export const awayNotice = (away: string[]): string =>
  away.length === 0
    ? ''
    : html`<p role="status" class="reason">This list is not complete: Redis is away for ${away.length === 1 ? 'the shard' : 'the shards'} ${away.join(', ')}. What ${away.length === 1 ? 'it holds' : 'they hold'} is not shown, and is not lost.</p>`
