//! Permits: the real bound in front of a tier, in messages and in bytes.
//!
//! Owns: how much is accepted and not yet handled. Never: waits; no permit means `Overloaded`, at once. (actix mailboxes
//! are no bound: every clone of an address has a place of its own, and `do_send` asks nobody.)
//!
//! With the places come back some entries that were overwritten, a few KiB: whoever takes a place next is about to make an entry
//! or just did, and drops one on its own thread. An allocator that keeps what each thread frees for that thread, as most do, has
//! room for the next entry then; where one thread only frees and others only allocate, each free and each allocation goes
//! through what all threads share, which costs about as much as all else that is done for a set.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::entry::Entry;
use crate::env::Stopwatch;
use crate::error::Error;
use crate::sync::{Mutex, Notify};

/// Places kept for invalidations and control, so that a flood of sets cannot keep one out.
pub const RESERVE: u64 = 64;

/// Of so many places one is timed: reading a precise clock costs as much as all else that is done for a place.
const TIMED: u64 = 16;

/// Entries that wait to be dropped at most, and what each weighs at most.
pub(crate) const LEFT_MAX: usize = 128;
pub(crate) const LEFT_WEIGHT_MAX: u64 = 1_024;

/// What a request asks a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Reads, sets, loads.
    Data,
    /// Invalidations and control: may use the reserve.
    Control,
}

/// The bound of one tier.
#[derive(Debug)]
pub struct Permits {
    tier: Arc<str>,
    messages_max: u64,
    bytes_max: u64,
    taken: Mutex<Taken>,
    returned: Notify,
}

/// Both counts behind one lock, held for some instructions. Order that bites with a counter each, counted up before it is
/// judged: 1 a caller counts itself in, finds the tier full, and will count itself out 2 whoever held the last place goes
/// 3 another sees the count of the first, and is refused or waits: nobody holds a place whose return would wake it.
#[derive(Debug, Default)]
struct Taken {
    messages: u64,
    bytes: u64,
    /// Places given out so far.
    given: u64,
    /// Entries that were overwritten.
    left: Vec<Entry>,
}

impl Permits {
    pub(crate) fn new(tier: Arc<str>, messages_max: u64, bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { tier, messages_max, bytes_max, taken: Mutex::default(), returned: Notify::new() })
    }

    /// Messages and bytes accepted and not yet handled.
    pub fn taken(&self) -> (u64, u64) {
        let taken = self.taken.lock();
        (taken.messages, taken.bytes)
    }

    /// Takes a place for one message of `bytes`, or says that there is none.
    pub(crate) fn take(self: &Arc<Self>, lane: Lane, bytes: u64) -> Result<Permit, Error> {
        let refused = |what, setting| Error::Overloaded { tier: Arc::clone(&self.tier), what, setting };
        let messages_max = self.messages_max + if lane == Lane::Control { RESERVE } else { 0 };
        let mut taken = self.taken.lock();
        if taken.messages >= messages_max {
            return Err(refused("messages", "queue_messages"));
        }
        // A message that is alone is accepted whatever it weighs; else a large one could never get in.
        if lane == Lane::Data && taken.bytes > 0 && taken.bytes + bytes > self.bytes_max {
            return Err(refused("bytes", "queue_bytes"));
        }
        taken.messages += 1;
        taken.bytes += bytes;
        taken.given += 1;
        let is_timed = taken.given % TIMED == 1;
        let left = taken.left.pop();
        drop(taken);
        drop(left);
        let since = is_timed.then(Stopwatch::start);
        Ok(Permit { permits: Arc::clone(self), messages: 1, bytes, since, left: Vec::new() })
    }

    /// Up to `most` entries that were overwritten, for who makes as many to drop one before each.
    pub(crate) fn leftovers(&self, most: usize) -> Vec<Entry> {
        let left = &mut self.taken.lock().left;
        left.split_off(left.len().saturating_sub(most))
    }

    /// As [`Permits::take`], but waits until there is a place. For the cache's own bulk work only.
    pub(crate) async fn wait(self: &Arc<Self>, bytes: u64) -> Permit {
        loop {
            // Registered before looking: a place that is returned between the look and the wait is not missed.
            let returned = self.returned.notified();
            if let Ok(permit) = self.take(Lane::Data, bytes) {
                return permit;
            }
            returned.await;
        }
    }
}

/// A place in front of a tier; given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    permits: Arc<Permits>,
    messages: u64,
    bytes: u64,
    /// When it was given, of one in [`TIMED`].
    since: Option<Stopwatch>,
    left: Vec<Entry>,
}

impl Permit {
    /// How long ago it was given, if that is known and was not told before.
    pub(crate) fn waited(&mut self) -> Option<Duration> {
        self.since.take().map(Stopwatch::elapsed)
    }

    /// Has `entries` dropped by those who take places later.
    pub(crate) fn leave(&mut self, entries: &mut Vec<Entry>) {
        self.left.append(entries);
    }

    /// Adds the places of `other`, so that both are given back at one stroke; returns `other` if it is of another tier.
    pub(crate) fn join(&mut self, mut other: Self) -> Option<Self> {
        if !Arc::ptr_eq(&self.permits, &other.permits) {
            return Some(other);
        }
        self.messages += std::mem::take(&mut other.messages);
        self.bytes += std::mem::take(&mut other.bytes);
        None
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.messages == 0 {
            return; // it was joined to another
        }
        {
            let mut taken = self.permits.taken.lock();
            taken.messages -= self.messages;
            taken.bytes -= self.bytes;
            let room = LEFT_MAX.saturating_sub(taken.left.len()).min(self.left.len());
            taken.left.extend(self.left.drain(..room));
        }
        self.permits.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fingerprint::Fingerprint;

    #[test]
    fn data_stops_at_the_bound_and_control_has_a_reserve() {
        let permits = Permits::new("user".into(), 10, 1_000);
        let held: Vec<_> = (0..10).map(|_| permits.take(Lane::Data, 1).expect("below the bound")).collect();
        let refused = permits.take(Lane::Data, 1).expect_err("at the bound");
        assert_eq!(
            refused.to_string(),
            "tier user is full: no room for more messages; try again later or raise queue_messages"
        );
        let control: Vec<_> =
            (0..RESERVE).map(|_| permits.take(Lane::Control, 0).expect("the reserve")).collect();
        assert!(permits.take(Lane::Control, 0).is_err(), "the reserve has an end too");
        drop((held, control));
        assert_eq!(permits.taken(), (0, 0));
    }

    #[test]
    fn joined_places_are_given_back_together_and_each_tier_keeps_its_own() {
        let (user, query) = (Permits::new("user".into(), 10, 1_000), Permits::new("query".into(), 10, 1_000));
        let mut first = user.take(Lane::Data, 300).expect("there is room");
        assert!(first.join(user.take(Lane::Data, 200).expect("there is room")).is_none());
        let other = first.join(query.take(Lane::Data, 100).expect("there is room"));
        assert_eq!((user.taken(), query.taken()), ((2, 500), (1, 100)), "joining gives nothing back");
        drop(first);
        assert_eq!((user.taken(), query.taken()), ((0, 0), (1, 100)));
        drop(other);
        assert_eq!(query.taken(), (0, 0));
    }

    #[test]
    fn overwritten_entries_are_dropped_by_those_who_come_and_no_more_are_kept_than_was_said() {
        let permits = Permits::new("user".into(), 10, 1_000);
        let entry = || Entry::made_plain("user::1", b"value", Fingerprint::NOTHING);
        let mut held = permits.take(Lane::Data, 1).expect("there is room");
        held.leave(&mut (0..LEFT_MAX + 5).map(|_| entry()).collect());
        drop(held);
        assert_eq!(permits.taken.lock().left.len(), LEFT_MAX);
        drop(permits.take(Lane::Data, 1));
        assert_eq!(permits.leftovers(3).len(), 3);
        assert_eq!(permits.leftovers(usize::MAX).len(), LEFT_MAX - 4);
        assert_eq!(permits.leftovers(1).len(), 0);
    }

    #[test]
    fn bytes_are_bounded_but_one_large_message_gets_in() {
        let permits = Permits::new("user".into(), 10, 1_000);
        let large = permits.take(Lane::Data, 5_000).expect("alone");
        assert!(permits.take(Lane::Data, 1).is_err());
        assert!(permits.take(Lane::Control, 1).is_ok(), "an invalidation is never kept out by bytes");
        drop(large);
        assert!(permits.take(Lane::Data, 600).is_ok());
        assert_eq!(permits.taken(), (0, 0), "a refusal takes nothing");
    }
}
