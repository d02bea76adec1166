//! How much the records may take.

use crate::Record;

/// What a record takes beside its value: keys, places in the maps, the decoded form's own fields, and what is kept for its requests.
/// For a login with a value of 400 to 500 bytes, 3.0 to 3.2 KB were measured in all.
const OVERHEAD: usize = 2560;

/// The limits of all records. Those without an owner get half of each at most: anybody may cause them, and a login must find room
/// beside them.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

/// What the records take.
#[derive(Clone, Copy, Default)]
pub(super) struct Used {
    all: Amount,
    ownerless: Amount,
}

#[derive(Clone, Copy, Default)]
struct Amount {
    count: usize,
    bytes: usize,
}

impl Used {
    pub(super) fn add(&mut self, record: &Record) {
        self.change(record, |amount, bytes| {
            *amount = Amount { count: amount.count.saturating_add(1), bytes: amount.bytes.saturating_add(bytes) };
        });
    }

    pub(super) fn subtract(&mut self, record: &Record) {
        self.change(record, |amount, bytes| {
            *amount = Amount { count: amount.count.saturating_sub(1), bytes: amount.bytes.saturating_sub(bytes) };
        });
    }

    pub(super) fn exceeds(self, room: Room) -> bool {
        self.all.exceeds(room) || self.nobodys_exceed(room)
    }

    pub(super) fn nobodys_exceed(self, room: Room) -> bool {
        self.ownerless.exceeds(Room { count: room.count.div_ceil(2), bytes: room.bytes.div_ceil(2) })
    }

    pub(super) fn is_more_than(self, other: Self) -> bool {
        self.all.is_more_than(other.all) || self.ownerless.is_more_than(other.ownerless)
    }

    fn change(&mut self, record: &Record, change: impl Fn(&mut Amount, usize)) {
        let bytes = bytes_of(record);
        change(&mut self.all, bytes);
        if record.owner.is_none() {
            change(&mut self.ownerless, bytes);
        }
    }
}

impl Amount {
    fn exceeds(self, room: Room) -> bool {
        self.count > room.count || self.bytes > room.bytes
    }

    fn is_more_than(self, other: Self) -> bool {
        self.count > other.count || self.bytes > other.bytes
    }
}

/// The value counts twice, since its decoded form is kept too.
fn bytes_of(record: &Record) -> usize {
    let indexes = record.indexes.len().saturating_mul(256);
    record.value.len().saturating_mul(2).saturating_add(OVERHEAD).saturating_add(indexes)
}
