//! Which server of a cluster has which keys.

use redis::{Value, from_redis_value};

/// How many slots there are.
const SLOTS: u16 = 16_384;

/// The slot of a key: the CRC of the key, or of its part in braces (Redis cluster specification).
pub(super) fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    })
}

/// The servers of a cluster, each with a range of slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Map(Vec<Range>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    host: String,
    port: u16,
}

impl Map {
    /// Reads the answer to `CLUSTER SLOTS`. `asked` is the host of the server that gave it, which may not know its own name.
    pub(super) fn read(answer: Value, asked: &str) -> Option<Self> {
        let ranges: Vec<Vec<Value>> = from_redis_value(answer).ok()?;
        ranges.into_iter().map(|range| Range::read(range, asked)).collect::<Option<_>>().map(Self)
    }

    /// Host and port of the server that has this slot.
    pub(super) fn find(&self, slot: u16) -> Option<(&str, u16)> {
        let range = self.0.iter().find(|range| (range.first..=range.last).contains(&slot))?;
        Some((&range.host, range.port))
    }

    /// All servers that have slots. One may occur several times.
    pub(super) fn servers(&self) -> impl Iterator<Item = (&str, u16)> {
        self.0.iter().map(|range| (range.host.as_str(), range.port))
    }
}

impl Range {
    fn read(range: Vec<Value>, asked: &str) -> Option<Self> {
        let mut range = range.into_iter();
        let (first, last) = (number(range.next()?)?, number(range.next()?)?);
        // The first is the one that takes writes; replicas follow.
        let mut primary = from_redis_value::<Vec<Value>>(range.next()?).ok()?.into_iter();
        let host = from_redis_value::<Option<String>>(primary.next()?).ok()?.unwrap_or_default();
        let host = if host.is_empty() || host == "?" { asked.to_owned() } else { host };
        Some(Self { first, last, host, port: number(primary.next()?)? })
    }
}

/// The `redis` crate would cut a larger number.
fn number(value: Value) -> Option<u16> {
    from_redis_value::<i64>(value).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // By `CLUSTER KEYSLOT` of Redis 7.0.
        let keys = [("123456789", 12739), ("foo", 12182), ("{foo}bar", 12182), ("a{foo}{bar}", 12182), ("", 0)];
        for (key, expected) in keys {
            assert_eq!(slot(key), expected, "{key}");
        }
        assert_eq!(slot("{}foo"), crc16(b"{}foo") % SLOTS);
        assert_eq!(slot("{foo"), crc16(b"{foo") % SLOTS);
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let server = Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(Vec::new())]);
        let replica = Value::Array(vec![text("10.0.0.9"), Value::Int(1)]);
        Value::Array(vec![Value::Int(first), Value::Int(last), server, replica])
    }

    #[test]
    fn map_finds_the_server_of_a_slot() {
        let ranges =
            [range(0, 99, text("10.0.0.1"), 6379), range(100, 199, text(""), 6380), range(200, 200, Value::Nil, 1)];
        let map = Map::read(Value::Array(ranges.into()), "asked").unwrap();
        for (slot, expected) in
            [(0, Some(("10.0.0.1", 6379))), (199, Some(("asked", 6380))), (200, Some(("asked", 1))), (201, None)]
        {
            assert_eq!(map.find(slot), expected, "{slot}");
        }
    }

    #[test]
    fn answer_that_is_not_a_map_is_none() {
        for answer in [
            Value::Int(1),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(1)])]),
            Value::Array(vec![range(0, 70_000, text("host"), 1)]),
            Value::Array(vec![range(0, 1, text("host"), 70_000)]),
        ] {
            assert_eq!(Map::read(answer.clone(), "asked"), None, "{answer:?}");
        }
    }
}
