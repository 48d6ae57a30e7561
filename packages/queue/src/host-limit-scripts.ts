// All of them go by Redis' clock. The keys of a host, in this order: how long it wants to be left alone; its bucket of
// requests; its leases, each by the time at which it expires; its line, each waiter by his priority; until when each waiter
// counts as one who will come again.

/** Who stands that much behind the best in line may take a turn that is free: those before him may be on their way. */
const SLACK = 4

/** Whose turn has come is woken, so that this is for those whom nobody wakes: it bounds how long they notice no change. */
const LONGEST_WAIT_MS = 300_000

const CLOCK = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/**
 * Asks for a turn: lease, its milliseconds, most connections (0: any number), requests per second (0: any number), waiter,
 * priority, milliseconds until the waiter's deadline. A host that wants to be left alone for longer than that is asked all
 * the same.
 *
 * @returns `['']`, or why there is none, for how many milliseconds, and who may have one instead
 */
export const TAKE = `
local mostConnections, perSecond = tonumber(ARGV[3]), tonumber(ARGV[4])
local waiter, priority = ARGV[5], ARGV[6]
local isFree = mostConnections == 0 and perSecond == 0 and redis.call('exists', KEYS[1], KEYS[4]) == 0
if isFree then return {''} end -- nearly always: no limit is set, the host has said nothing, and nobody waits
${CLOCK}
for _, gone in ipairs(redis.call('zrangebyscore', KEYS[5], '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('zrem', KEYS[4], gone)
  redis.call('zrem', KEYS[5], gone)
end
local pause = (tonumber(redis.call('hget', KEYS[1], 'over') or '0')) - now
local free, tokens = math.huge, math.huge
if mostConnections > 0 then
  redis.call('zremrangebyscore', KEYS[3], '-inf', now)
  free = mostConnections - redis.call('zcard', KEYS[3])
end
if perSecond > 0 then
  local bucket = redis.call('hmget', KEYS[2], 'tokens', 'at')
  tokens = math.min(perSecond, (bucket[1] or perSecond) + (now - (bucket[2] or now)) * perSecond / 1000)
end
local ahead = redis.call('zrank', KEYS[4], waiter) or redis.call('zcount', KEYS[4], '-inf', '(' .. priority)

local reason = ''
if pause > 0 and pause < tonumber(ARGV[7]) then reason = 'pause'
elseif free < 1 then reason = 'connections'
elseif tokens < 1 then reason = 'rate'
elseif ahead >= math.min(free, tokens) + ${SLACK} then reason = 'order' end

if reason == '' then
  redis.call('zrem', KEYS[4], waiter)
  redis.call('zrem', KEYS[5], waiter)
  if mostConnections > 0 then
    redis.call('zadd', KEYS[3], now + ARGV[2], ARGV[1])
    redis.call('pexpire', KEYS[3], ARGV[2] * 2)
  end
  if perSecond > 0 then
    redis.call('hset', KEYS[2], 'tokens', tokens - 1, 'at', now)
    redis.call('pexpire', KEYS[2], 2000)
  end
  return {''}
end

redis.call('zadd', KEYS[4], priority, waiter)
local rank = redis.call('zrank', KEYS[4], waiter)
local wait
if reason == 'pause' then
  wait = pause + rank * 20
elseif reason == 'rate' then
  wait = math.min(${LONGEST_WAIT_MS}, (1 - tokens + rank) * 1000 / perSecond)
else
  wait = math.min(${LONGEST_WAIT_MS}, 1000 + rank * 100) -- whoever gives a turn back wakes the first in line before
end
redis.call('zadd', KEYS[5], now + wait * 1.5 + 5000, waiter)
redis.call('pexpire', KEYS[4], 7200000)
redis.call('pexpire', KEYS[5], 7200000)
local next = {}
if reason == 'order' then next = redis.call('zrange', KEYS[4], 0, math.floor(math.min(free, tokens, ${SLACK})) - 1) end
return {reason, math.ceil(wait), unpack(next)}
`

/**
 * Gives a turn back: lease, most connections.
 *
 * @returns who may have one now
 */
export const RELEASE = `${CLOCK}
redis.call('zrem', KEYS[3], ARGV[1])
if (tonumber(redis.call('hget', KEYS[1], 'over') or '0')) > now then return {} end
redis.call('zremrangebyscore', KEYS[3], '-inf', now)
local free = math.min(${SLACK}, ARGV[2] - redis.call('zcard', KEYS[3]))
if free < 1 then return {} end
return redis.call('zrange', KEYS[4], 0, free - 1)
`

/** Keeps leases: their milliseconds, and each of them. */
export const RENEW = `${CLOCK}
for index = 2, #ARGV do redis.call('zadd', KEYS[3], now + ARGV[1], ARGV[index]) end
redis.call('pexpire', KEYS[3], ARGV[1] * 2)
`

/**
 * Leaves a host alone: for how many milliseconds it wishes; 0 where it does not say. Then the time doubles from one to the
 * next, up to a minute; what was sent before it spoke does not count twice.
 *
 * @returns for how many milliseconds
 */
export const PAUSE = `${CLOCK}
local over = tonumber(redis.call('hget', KEYS[1], 'over') or '0')
local strikes = tonumber(redis.call('hget', KEYS[1], 'strikes') or '0')
local wish = tonumber(ARGV[1])
if wish == 0 and over <= now then
  wish = math.min(60000, 1000 * 2 ^ strikes)
  strikes = strikes + 1
end
over = math.max(over, now + wish)
redis.call('hset', KEYS[1], 'over', over, 'strikes', strikes)
redis.call('pexpire', KEYS[1], math.floor((over - now) * 2 + 60000))
return over - now
`

/** Leaves the line: waiter. */
export const LEAVE = `
redis.call('zrem', KEYS[4], ARGV[1])
redis.call('zrem', KEYS[5], ARGV[1])
`
