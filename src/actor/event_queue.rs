//! What one listener has not received yet.
//!
//! Owns: the bound on it, and the sums that stand in place of the oldest events past that bound. Never: waits.
//!
//! Invariant: what is received accounts for every removal, clear and restart exactly; only loads may be missed, and then it
//! is told how many.

use std::collections::VecDeque;

use crate::message::Event;

/// Events that a listener may be behind before the oldest become sums.
pub(super) const EVENTS_MAX: usize = 65_536;
/// Bytes of the keys in them.
const KEY_BYTES_MAX: usize = 8 << 20;
/// Events that an empty queue keeps room for at most.
const SPARE: usize = 1_024;

#[derive(Debug)]
pub(super) struct EventQueue {
    most: usize,
    events: VecDeque<Event>,
    key_bytes: usize,
    /// Told before `events`: they are older. One for each tier and cause at most.
    sums: Vec<Event>,
    /// Loads that were dropped.
    missed: u64,
}

impl EventQueue {
    /// Keeps up to `most` single events.
    pub(super) fn new(most: usize) -> Self {
        Self { most, events: VecDeque::new(), key_bytes: 0, sums: Vec::new(), missed: 0 }
    }

    pub(super) fn push(&mut self, event: Event) {
        self.key_bytes += key_bytes(&event);
        self.events.push_back(event);
        while self.events.len() > self.most || self.key_bytes > KEY_BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { return };
            self.key_bytes -= key_bytes(&oldest);
            self.sum(oldest);
        }
    }

    /// The next event to tell.
    pub(super) fn pop(&mut self) -> Option<Event> {
        if self.missed > 0 {
            return Some(Event::Missed(std::mem::take(&mut self.missed)));
        }
        if !self.sums.is_empty() {
            return Some(self.sums.remove(0));
        }
        let event = self.events.pop_front();
        if let Some(event) = &event {
            self.key_bytes -= key_bytes(event);
        }
        if self.events.is_empty() && self.events.capacity() > SPARE {
            self.events = VecDeque::new();
        }
        event
    }

    /// Adds `oldest` to the sums.
    fn sum(&mut self, oldest: Event) {
        let oldest = match oldest {
            Event::Removed { tier, cause, size, .. } => {
                Event::RemovedMany { tier, cause, count: 1, bytes: size }
            }
            Event::Loaded { .. } | Event::Refreshed { .. } | Event::LoadFailed { .. } | Event::Missed(_) => {
                self.missed += 1;
                return;
            }
            other => other,
        };
        if !self.sums.iter_mut().any(|sum| add(sum, &oldest)) {
            self.sums.push(oldest);
        }
    }
}

/// Adds `event` to `sum`, if both count the same.
fn add(sum: &mut Event, event: &Event) -> bool {
    match (sum, event) {
        (
            Event::RemovedMany { tier, cause, count, bytes },
            Event::RemovedMany { tier: of, cause: by, count: more, bytes: size },
        ) if tier == of && cause == by => {
            *count += more;
            *bytes += size;
        }
        (Event::Cleared { tier, count, bytes }, Event::Cleared { tier: of, count: more, bytes: size })
            if tier == of =>
        {
            *count += more;
            *bytes += size;
        }
        (Event::Restarted { tier, count }, Event::Restarted { tier: of, count: more }) if tier == of => {
            *count += more;
        }
        _ => return false,
    }
    true
}

fn key_bytes(event: &Event) -> usize {
    match event {
        Event::Removed { key, .. }
        | Event::Loaded { key, .. }
        | Event::Refreshed { key, .. }
        | Event::LoadFailed { key, .. } => key.as_str().len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::key::Key;
    use crate::message::Cause;

    fn removed(number: u64, cause: Cause) -> Event {
        let key = Key::parse(&format!("user::{number}")).expect("a key");
        Event::Removed {
            key,
            tier: "user".into(),
            cause,
            age: Duration::ZERO,
            size: 10,
            hits: 0,
            seq: number,
        }
    }

    fn all(queue: &mut EventQueue) -> Vec<Event> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn the_oldest_become_sums_and_no_removal_is_lost_to_a_count() {
        let mut queue = EventQueue::new(4);
        for number in 0..10 {
            let cause = if number % 3 == 0 { Cause::Expired } else { Cause::Evicted };
            queue.push(removed(number, cause));
        }
        queue.push(Event::Cleared { tier: "user".into(), count: 7, bytes: 70 });
        let told = all(&mut queue);
        let sum = |cause, count| Event::RemovedMany { tier: "user".into(), cause, count, bytes: 10 * count };
        assert_eq!(told[..2], [sum(Cause::Expired, 3), sum(Cause::Evicted, 4)]);
        assert_eq!(told.len(), 6);
        assert_eq!(told[2], removed(7, Cause::Evicted), "the newest are told one by one");
        assert!(queue.pop().is_none());
    }

    #[test]
    fn clears_add_up_and_loads_past_the_bound_are_told_as_missed() {
        let mut queue = EventQueue::new(1);
        let load = Event::LoadFailed {
            key: Key::parse("user::1").expect("a key"),
            tier: "user".into(),
            kind: crate::error::ErrorKind::LoadFailed,
        };
        for _ in 0..3 {
            queue.push(Event::Cleared { tier: "user".into(), count: 2, bytes: 20 });
            queue.push(load.clone());
        }
        let cleared = Event::Cleared { tier: "user".into(), count: 6, bytes: 60 };
        assert_eq!(all(&mut queue), [Event::Missed(2), cleared, load]);
    }

    #[test]
    fn long_keys_count_by_their_bytes_and_an_empty_queue_gives_its_room_back() {
        let mut queue = EventQueue::new(EVENTS_MAX);
        let key = Key::parse(&format!("user::{}", "x".repeat(1_000))).expect("a key");
        for seq in 0..20_000 {
            let (tier, cause) = ("user".into(), Cause::Evicted);
            let key = key.clone();
            queue.push(Event::Removed { key, tier, cause, age: Duration::ZERO, size: 1, hits: 0, seq });
        }
        assert!(queue.key_bytes <= KEY_BYTES_MAX && queue.events.len() < 9_000);
        let count: u64 = all(&mut queue)
            .iter()
            .map(|event| if let Event::RemovedMany { count, .. } = event { *count } else { 1 })
            .sum();
        assert_eq!((count, queue.key_bytes), (20_000, 0));
        assert!(queue.events.capacity() <= SPARE);
    }
}
