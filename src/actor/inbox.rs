//! The inbox: one ring in front of the supervisor, and one wake-up for however many messages.
//!
//! Owns: what was accepted and not yet routed, in the order of arrival. Never: refuses; a permit was taken before, and
//! permits bound it. It belongs to the shared wiring and outlives a supervisor.
//!
//! A ring of our own, because a message in an actix mailbox is skipped when its sender stops waiting, and because the
//! supervisor moves batches: a wake-up drains whatever has come since.

use std::collections::VecDeque;

use super::request::{Accepted, ControlRequest};
use crate::engine::route::TierId;
use crate::sync::Mutex;

/// What one call of a host puts into the inbox.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // nearly all are of the largest, and a box would be an allocation for each set
pub(crate) enum Parcel {
    /// For one tier.
    Tier(TierId, Accepted),
    /// For several tiers, at the same place of the order.
    Tiers(Vec<(TierId, Accepted)>),
    /// For the supervisor itself.
    Control(ControlRequest),
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    ring: Mutex<Ring>,
}

/// Parcels that an empty ring keeps room for at most.
const SPARE: usize = 1_024;

#[derive(Debug, Default)]
struct Ring {
    parcels: VecDeque<Parcel>,
    /// A wake-up is on its way to the supervisor. Under the same lock: a parcel is either there when the ring is drained, or
    /// finds that the next wake-up is its own.
    woken: bool,
    /// The empty ring of the last drain, to be filled next: one that grew from nothing each time would be moved many times.
    spare: VecDeque<Parcel>,
}

impl Inbox {
    /// Puts `parcel` behind all that came before. `true`: the caller has to wake the supervisor.
    pub(crate) fn push(&self, parcel: Parcel) -> bool {
        let mut ring = self.ring.lock();
        ring.parcels.push_back(parcel);
        !std::mem::replace(&mut ring.woken, true)
    }

    /// Up to `limit` parcels, in order.
    pub(crate) fn drain(&self, limit: usize) -> Drained<'_> {
        let mut ring = self.ring.lock();
        ring.woken = false;
        let mut parcels = std::mem::take(&mut ring.spare);
        if ring.parcels.len() <= limit {
            std::mem::swap(&mut ring.parcels, &mut parcels);
        } else {
            parcels.extend(ring.parcels.drain(..limit));
        }
        Drained { inbox: self, parcels }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.lock().parcels.is_empty()
    }
}

/// Parcels on their way out. Those that were not taken when this is dropped go back to where they were: a supervisor that
/// dies over one loses no other.
pub(crate) struct Drained<'i> {
    inbox: &'i Inbox,
    parcels: VecDeque<Parcel>,
}

impl Iterator for Drained<'_> {
    type Item = Parcel;

    fn next(&mut self) -> Option<Parcel> {
        self.parcels.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.parcels.len(), Some(self.parcels.len()))
    }
}

impl ExactSizeIterator for Drained<'_> {}

impl Drop for Drained<'_> {
    fn drop(&mut self) {
        let mut ring = self.inbox.ring.lock();
        if !self.parcels.is_empty() {
            self.parcels.append(&mut ring.parcels);
            std::mem::swap(&mut self.parcels, &mut ring.parcels);
        }
        if self.parcels.capacity() <= SPARE {
            ring.spare = std::mem::take(&mut self.parcels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::request::TierRequest;

    fn parcel(number: u64) -> Parcel {
        Parcel::Tier(TierId(0), Accepted::new(TierRequest::Grant { bytes: number, order: 0 }))
    }

    fn numbers(parcels: impl Iterator<Item = Parcel>) -> Vec<u64> {
        let number = |parcel| match parcel {
            Parcel::Tier(_, Accepted { request: TierRequest::Grant { bytes, .. }, .. }) => bytes,
            other => panic!("{other:?}"),
        };
        parcels.map(number).collect()
    }

    #[test]
    fn one_wake_up_serves_all_that_came_before_it_was_answered() {
        let inbox = Inbox::default();
        assert!(inbox.push(parcel(1)), "the first wakes");
        assert!(!inbox.push(parcel(2)), "the second finds a wake-up under way");
        assert_eq!(numbers(inbox.drain(10)), [1, 2]);
        assert!(inbox.push(parcel(3)), "the next wakes again");
    }

    #[test]
    fn a_drain_takes_no_more_than_it_was_told_and_keeps_the_order() {
        let inbox = Inbox::default();
        for number in 0..5 {
            inbox.push(parcel(number));
        }
        assert_eq!(numbers(inbox.drain(3)), [0, 1, 2]);
        assert!(!inbox.is_empty());
        assert_eq!(numbers(inbox.drain(3)), [3, 4]);
        assert!(inbox.is_empty());
    }

    #[test]
    fn what_was_drained_and_not_taken_goes_back_to_the_front() {
        let inbox = Inbox::default();
        for number in 0..5 {
            inbox.push(parcel(number));
        }
        let mut drained = inbox.drain(4);
        drained.next().expect("the first");
        inbox.push(parcel(5));
        drop(drained);
        assert_eq!(numbers(inbox.drain(10)), [1, 2, 3, 4, 5]);
    }
}
