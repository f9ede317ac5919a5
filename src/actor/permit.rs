//! Permits: the real bound in front of a tier, in messages and in bytes.
//!
//! Owns: how much is accepted and not yet handled. Never: waits; no permit means `Overloaded`, at once.
//! (actix mailboxes are no bound: every clone of an address has a place of its own, and `do_send` asks
//! nobody.)

use std::sync::Arc;
use std::time::Duration;

use crate::env::Stopwatch;
use crate::error::Error;
use crate::sync::{Mutex, Notify};

/// Places kept for invalidations and control, so that a flood of sets cannot keep one out.
pub const RESERVE: u64 = 64;

/// Of so many places one is timed: reading a precise clock costs as much as all else that is done for a
/// place.
const TIMED: u64 = 16;

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

/// Both counts behind one lock, held for some instructions. Order that bites with a counter each, counted up
/// before it is judged: 1 a caller counts itself in, finds the tier full, and will count itself out 2 whoever
/// held the last place goes 3 another sees the count of the first, and is refused or waits: nobody holds a
/// place whose return would wake it.
#[derive(Debug, Default)]
struct Taken {
    messages: u64,
    /// Those of data.
    bytes: u64,
    /// Those of invalidations and control, which have as many of their own: a flood of sets keeps none out.
    control_bytes: u64,
    /// Places given out so far.
    given: u64,
}

impl Permits {
    pub(crate) fn new(tier: Arc<str>, messages_max: u64, bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { tier, messages_max, bytes_max, taken: Mutex::default(), returned: Notify::new() })
    }

    /// Messages and bytes accepted and not yet handled.
    pub fn taken(&self) -> (u64, u64) {
        let taken = self.taken.lock();
        (taken.messages, taken.bytes + taken.control_bytes)
    }

    /// Takes a place for one message of `bytes`, or says that there is none.
    pub(crate) fn take(self: &Arc<Self>, lane: Lane, bytes: u64) -> Result<Permit, Error> {
        let refused = |what, setting| Error::Overloaded { tier: Arc::clone(&self.tier), what, setting };
        let messages_max = self.messages_max + if lane == Lane::Control { RESERVE } else { 0 };
        let mut taken = self.taken.lock();
        if taken.messages >= messages_max {
            return Err(refused("messages", "queue_messages"));
        }
        let (bytes, control_bytes) = if lane == Lane::Data { (bytes, 0) } else { (0, bytes) };
        // A message that is alone is accepted whatever it weighs: otherwise a large one could never get in.
        let fits =
            |held: u64, more: u64| held == 0 || more == 0 || held.saturating_add(more) <= self.bytes_max;
        if !fits(taken.bytes, bytes) || !fits(taken.control_bytes, control_bytes) {
            return Err(refused("bytes", "queue_bytes"));
        }
        taken.messages += 1;
        taken.bytes += bytes;
        taken.control_bytes += control_bytes;
        taken.given += 1;
        let is_timed = taken.given % TIMED == 1;
        drop(taken);
        let since = is_timed.then(Stopwatch::start);
        Ok(Permit { permits: Arc::clone(self), messages: 1, bytes, control_bytes, since })
    }

    /// As [`Permits::take`], but waits until there is a place. For the cache's own bulk work only.
    pub(crate) async fn wait(self: &Arc<Self>, bytes: u64) -> Permit {
        loop {
            // Registered before looking: a place that is returned between the look and the wait is not
            // missed.
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
    control_bytes: u64,
    /// When it was given, of one in [`TIMED`].
    since: Option<Stopwatch>,
}

impl Permit {
    /// How long ago it was given, if that is known and was not told before.
    pub(crate) fn waited(&mut self) -> Option<Duration> {
        self.since.take().map(Stopwatch::elapsed)
    }

    /// Adds the places of `other`, so that both are given back at one stroke; returns `other` if it is of
    /// another tier.
    pub(crate) fn join(&mut self, mut other: Self) -> Option<Self> {
        if !Arc::ptr_eq(&self.permits, &other.permits) {
            return Some(other);
        }
        self.messages += std::mem::take(&mut other.messages);
        self.bytes += std::mem::take(&mut other.bytes);
        self.control_bytes += std::mem::take(&mut other.control_bytes);
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
            taken.control_bytes -= self.control_bytes;
        }
        self.permits.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn bytes_are_bounded_but_one_large_message_gets_in() {
        let permits = Permits::new("user".into(), 10, 1_000);
        let large = permits.take(Lane::Data, 5_000).expect("alone");
        assert!(permits.take(Lane::Data, 1).is_err());
        let removal =
            permits.take(Lane::Control, 5_000).expect("sets keep no invalidation out by their bytes");
        assert!(permits.take(Lane::Control, 1).is_err(), "a flood of invalidations has an end, too");
        assert!(permits.take(Lane::Control, 0).is_ok(), "what weighs nothing is not kept out by bytes");
        drop((large, removal));
        assert!(permits.take(Lane::Data, 600).is_ok());
        assert_eq!(permits.taken(), (0, 0), "a refusal takes nothing");
    }
}
