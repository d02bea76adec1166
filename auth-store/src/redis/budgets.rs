//! Counters of failures in Redis: five numbers under a key, as in `spent`, which says what they mean. A key ends by itself when
//! nothing is left of it.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use auth_core::BoxError;
use redis::{Cmd, cmd};

use super::{Failure, RedisStore, link::Repeat};
use crate::{
    Budget, BudgetKey, BudgetPlace, Budgets, Taken,
    spent::{IN_PROGRESS, LEASE},
};

/// Reads the counter, and lets places become failures that nobody has settled. Now, or nothing for the time of Redis; the time in which
/// a place comes back, the number of places, the longest wait, the lease; all times in ms.
macro_rules! script {
    ($name:literal, $end:literal) => {
        concat!(
            "-- ",
            $name,
            "
local now, each, places = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local longest, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
local room, w = each * places, math.floor(now / lease)
local full, window, current, previous, level = 0, w, 0, 0, 0
local old = redis.call('GET', KEYS[1])
if old then
  full, window, current, previous, level = string.match(old, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if not level then return {-1, 0} end
  full, window, level = tonumber(full), tonumber(window), tonumber(level)
  current, previous = tonumber(current), tonumber(previous)
end
local function fail(at)
  if full <= at then level = 0 end
  local from, butone = math.max(full, at), at + room - each
  full = from + each
  if full > butone then
    full = math.max(from, butone + math.min(each * 2 ^ level, longest))
    level = math.min(level + 1, 31)
  end
end
local function keep()
  local ttl = math.max(full - now, 0)
  if current + previous > 0 then ttl = math.max(ttl, 3 * lease) + room + longest end
  if ttl == 0 then return redis.call('DEL', KEYS[1]) end
  local text = string.format('%.0f %.0f %.0f %.0f %.0f', full, window, current, previous, level)
  return redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', ttl + lease))
end
local latest = now + room - each + longest
local isback = window > w + 1 or full > latest
if window > w + 1 then window = w end
full = math.min(full, latest)
for _ = 1, 2 do
  if window < w then
    window = window + 1
    for _ = 1, previous do fail(window * lease) end
    previous, current = current, 0
  end
end
window = math.max(window, w)
",
            $end
        )
    };
}

/// Returns 1 and the number of the place, or 0 and a wait. After the others: the wait if only attempts in progress are in the way.
const TAKE: &str = script!(
    "take a place",
    "local debt = math.max(full - now, 0) + each
local needed = debt + (current + previous) * each
if needed > room then
  if isback then keep() end
  if debt > room then return {0, needed - room} end
  return {0, tonumber(ARGV[6])}
end
current = current + 1
keep()
return {1, window}
"
);

/// After the others: the number of the place, and 1 if it is a failure.
const SETTLE: &str = script!(
    "settle a place",
    "local place = tonumber(ARGV[6])
if place == window then current = math.max(current - 1, 0)
elseif place + 1 == window then previous = math.max(previous - 1, 0)
else return {1, 0} end
if ARGV[7] == '1' then fail(now) end
keep()
return {1, 0}
"
);

#[async_trait]
impl Budgets for RedisStore {
    async fn take(&self, key: &BudgetKey, budget: &Budget) -> Result<Taken, BoxError> {
        let (name, mut take) = self.counting(TAKE, key, budget);
        take.arg(IN_PROGRESS);
        // A second place becomes a failure: a lost answer may cost a place, but gives nobody one more.
        let (is_place, number): (i64, u64) = self.servers.call(&name, &take, Repeat::Harmless).await?;
        match is_place {
            1 => Ok(Taken::Place(BudgetPlace::of(number))),
            0 => Ok(Taken::Wait(Duration::from_millis(number))),
            _ => Err(unreadable()),
        }
    }

    async fn settle(
        &self,
        key: &BudgetKey,
        budget: &Budget,
        place: BudgetPlace,
        is_failure: bool,
    ) -> Result<(), BoxError> {
        let (name, mut settle) = self.counting(SETTLE, key, budget);
        settle.arg(place.number()).arg(u8::from(is_failure));
        // Twice, it would give back the place of another attempt.
        let answer: Result<(i64, u64), Failure> = self.servers.call(&name, &settle, Repeat::Never).await;
        match answer? {
            (1, _) => Ok(()),
            _ => Err(unreadable()),
        }
    }
}

impl RedisStore {
    fn counting(&self, script: &'static str, key: &BudgetKey, budget: &Budget) -> (String, Cmd) {
        let name = self.full(&format!("budget:{}", key.as_str()));
        let now = self.budget_clock.as_ref().map(|clock| {
            let since = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            since.to_string()
        });
        let mut eval = cmd("EVAL");
        eval.arg(script).arg(1).arg(&name).arg(now.unwrap_or_default());
        eval.arg(budget.regained_in_millis()).arg(budget.at_once()).arg(budget.longest_wait_millis()).arg(LEASE);
        (name, eval)
    }
}

fn unreadable() -> BoxError {
    "the value under the key in Redis is not a counter of failures".into()
}
