use std::sync::Arc;

use super::member::{Member, Seat};

/// The members of a registry, each in a slot. Slots of members that have left are used again.
#[derive(Default)]
pub(super) struct Members {
    slots: Vec<Option<Arc<Member>>>,
    free: Vec<u32>,
    entered: u64,
}

impl Members {
    /// Enters the member that `member` makes for its seat. It is the next in the order.
    pub(super) fn enter(&mut self, member: impl FnOnce(Seat) -> Arc<Member>) -> Arc<Member> {
        self.entered += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // OK because no machine has so many connections.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let member = member(Seat { order: self.entered, slot });
        if let Some(place) = self.slot_mut(slot) {
            *place = Some(Arc::clone(&member));
        }
        member
    }

    /// `None` if the member is not there any more.
    pub(super) fn remove(&mut self, seat: Seat) -> Option<Arc<Member>> {
        let member = self.slot_mut(seat.slot)?.take_if(|member| member.seat() == seat)?;
        self.free.push(seat.slot);
        if self.free.len() == self.slots.len() {
            // The memory of all slots is free again.
            (self.slots, self.free) = Default::default();
        }
        Some(member)
    }

    pub(super) fn has(&self, seat: Seat) -> bool {
        self.seat_of(seat.slot) == Some(seat)
    }

    pub(super) fn at(&self, slot: u32) -> Option<&Arc<Member>> {
        self.slots.get(usize::try_from(slot).ok()?)?.as_ref()
    }

    pub(super) fn seat_of(&self, slot: u32) -> Option<Seat> {
        self.at(slot).map(|member| member.seat())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.slots.iter().flatten()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity() + self.free.capacity()
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut Option<Arc<Member>>> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }
}
