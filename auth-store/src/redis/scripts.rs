//! What Redis does in one step. Each script has one key, so it works in a cluster.
//!
//! A record is a hash: `v` the version, `o` the owner, `i` the indexes with blanks between them, `s` since, `u` the last use, `e`
//! the end, `d` the value, `c` the call that created it, `n` the call that last saved it. Instants and marks have 20 digits, so
//! that they compare as texts: Lua's numbers don't hold 64 bits.

/// Raises a mark. The longer of two lifetimes counts; 0 ms means forever.
pub(super) const RAISE: &str = "-- raise
local old, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
local value, ttl = ARGV[1], tonumber(ARGV[2])
if old and old > value then value = old end
if ttl == 0 or left == -1 then return redis.call('SET', KEYS[1], value) end
return redis.call('SET', KEYS[1], value, 'PX', math.max(ttl, left))
";

/// Call, lifetime in ms, fields. Returns 1 if this call has created it, be it at an earlier try.
pub(super) const CREATE: &str = "-- create
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HGET', KEYS[1], 'c') == ARGV[1] then return 1 end
  return 0
end
redis.call('HSET', KEYS[1], 'c', ARGV[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
";

/// Last use, end, lifetime in ms. Returns owner and indexes, or nothing if there is no record that was alive.
pub(super) const TOUCH: &str = "-- touch
local r = redis.call('HMGET', KEYS[1], 'e', 'u', 'o', 'i')
if not r[1] or ARGV[1] >= r[1] then return false end
if ARGV[1] > r[2] then redis.call('HSET', KEYS[1], 'u', ARGV[1]) end
if ARGV[2] > r[1] then
  redis.call('HSET', KEYS[1], 'e', ARGV[2])
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
end
return {r[3], r[4]}
";

/// Version that was read, call, 1 to replace the end, last use, end, lifetime in ms, fields. Returns 0 if it has ended, 1 if this
/// call has saved it, be it at an earlier try, or 2 on a conflict, and the end that counts.
pub(super) const SAVE: &str = "-- save
local r = redis.call('HMGET', KEYS[1], 'v', 'n', 'e')
if not r[1] then return {0, ''} end
if r[2] == ARGV[2] then return {1, r[3]} end
if r[1] ~= ARGV[1] then return {2, r[3]} end
if ARGV[3] == '1' then
  if ARGV[4] >= r[3] then return {0, ''} end
  redis.call('HSET', KEYS[1], 'u', ARGV[4], 'e', ARGV[5])
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  r[3] = ARGV[5]
end
redis.call('HSET', KEYS[1], 'n', ARGV[2], unpack(ARGV, 7))
return {1, r[3]}
";

/// Returns owner and indexes, or nothing if there was no record.
pub(super) const END: &str = "-- end
local r = redis.call('HMGET', KEYS[1], 'o', 'i')
if redis.call('DEL', KEYS[1]) == 0 then return false end
return {r[1] or '', r[2] or ''}
";

/// Enters a record into a list until its end. Its key, its lifetime in ms. Removes what has ended.
pub(super) const ENTER: &str = "-- enter
local t, ttl = redis.call('TIME'), tonumber(ARGV[2])
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], 'GT', now + ttl, ARGV[1])
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
return 1
";

/// Returns the keys of a list. Removes what has ended.
pub(super) const LIST: &str = "-- list
local t = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t[1] * 1000 + math.floor(t[2] / 1000))
return redis.call('ZRANGE', KEYS[1], 0, -1)
";
