//! Why keys are absent: a short memory of the last reasons, for whoever asks about one key.
//!
//! Owns: the last 4,096 departures of a tier, and the last 256 scopes that took entries. Never: keeps a value or the key
//! that left (the view's keyed hash stands for it), or is asked on the data path.
//!
//! A record is 32 bytes, so a tier's memory is 128 KiB, taken at its first record and not charged to the budget. Writing
//! one is a store into a ring, some 6 ns, and allocates nothing. Order among records is their moment first, for an entry
//! that expired is noticed later than it ended, and then the order in which they were written.

use std::collections::VecDeque;

use super::effects::NotStored;
use super::entry::ReadEntry;
use super::moment::Moment;
use super::scope::Scope;
use super::store::{Cause, Gone};
use crate::error::ErrorKind;

/// Departures that are remembered.
pub const RECORDS_MAX: usize = 4_096;
/// Scopes that are remembered.
pub const SCOPES_MAX: usize = 256;

/// Why a key was absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its time was over.
    Expired,
    /// It was pushed out for room.
    Evicted,
    /// It was taken by key.
    Removed,
    /// An invalidation took it, the one with the record's number.
    Invalidated,
    /// An invalidation, the one with the record's number, ended its time to live; it may still be served where stale values are
    /// allowed.
    Outdated,
    /// Everything was taken, if it was there.
    Cleared,
    /// The tier began anew, empty.
    Restarted,
    /// A load or a warm run brought a value that was overtaken by a set or an invalidation, and so not stored.
    Revoked,
    /// The value was larger than the largest entry that is kept.
    TooLarge,
    /// The value had more tags than an entry may have.
    TooManyTags,
    /// The value's time to live was zero, or the cache is off.
    NotKept,
    /// A load brought it, and it cannot be read back.
    Unreadable,
    /// A warm run brought it, and there was no room without evicting what is in use.
    NoRoom,
    /// Its load failed.
    LoadFailed(ErrorKind),
}

impl From<NotStored> for Why {
    fn from(reason: NotStored) -> Self {
        match reason {
            NotStored::Revoked => Self::Revoked,
            NotStored::TooLarge => Self::TooLarge,
            NotStored::TooManyTags => Self::TooManyTags,
            NotStored::NotKept => Self::NotKept,
            NotStored::Unreadable => Self::Unreadable,
        }
    }
}

impl Why {
    /// Whether it is a reason of every key of the tier.
    fn takes_all(self) -> bool {
        matches!(self, Self::Cleared | Self::Restarted)
    }
}

/// One reason, and when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// Why.
    pub why: Why,
    /// When.
    pub at: Moment,
    /// The tier's sequence number then.
    pub seq: u64,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    /// The view's hash of the key; means nothing when the reason is one of all keys.
    hash: u64,
    departure: Departure,
}

/// The last reasons for which keys of one tier are absent.
#[derive(Debug, Default)]
pub struct Departures {
    ring: Vec<Record>,
    /// The place of the oldest record, once the ring is full.
    oldest: usize,
    /// Whether a record was overwritten.
    forgot: bool,
    /// By number, the oldest first.
    scopes: VecDeque<(u64, Scope)>,
    /// The moment of the turn that writes.
    now: Moment,
}

impl Departures {
    /// The time of what is written from now on; it never goes back.
    pub fn tick(&mut self, now: Moment) {
        self.now = self.now.max(now);
    }

    /// The time of what is written now.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Notes why the key of `hash` is absent.
    pub fn note(&mut self, hash: u64, why: Why, seq: u64) {
        self.push(hash, Departure { why, at: self.now, seq });
    }

    /// Notes that the entry whose key `hash` tells was taken, if its absence is worth a word: one that was replaced is there.
    pub fn gone(&mut self, gone: &Gone, hash: impl FnOnce() -> u64, seq: u64) {
        let Gone { entry, cause, overwritten } = gone;
        if *overwritten {
            return;
        }
        let (why, at) = match cause {
            // Noticed now, over since then.
            Cause::Expired => (Why::Expired, self.now.min(entry.life().dead_at)),
            Cause::Evicted => (Why::Evicted, self.now),
            Cause::Removed => (Why::Removed, self.now),
            Cause::Invalidated => (Why::Invalidated, self.now),
            // Why a set was not kept is noted where that is decided; of a clear there is one record.
            Cause::Replaced | Cause::Displaced | Cause::Cleared => return,
        };
        self.push(hash(), Departure { why, at, seq });
    }

    /// Notes that everything there was is gone: one record, however much it was. `why` is one that takes all keys.
    pub fn everything(&mut self, why: Why, seq: u64) {
        debug_assert!(why.takes_all(), "of one key: {why:?}");
        self.push(0, Departure { why, at: self.now, seq });
    }

    /// Notes which scope the invalidation of number `seq` has, unless that is known, or is a long list: that is kept by nobody's
    /// budget.
    pub fn scope(&mut self, seq: u64, scope: &Scope) {
        const LISTED_MAX: usize = 16;
        let listed = match scope {
            Scope::Keys(keys) => keys.as_slice().len(),
            Scope::Containing(runs) => runs.as_slice().len(),
            _ => 1,
        };
        if listed <= LISTED_MAX && self.scope_of(seq).is_none() {
            if self.scopes.len() == SCOPES_MAX {
                self.scopes.pop_front();
            }
            self.scopes.push_back((seq, scope.clone()));
        }
    }

    /// The scope of the invalidation of number `seq`, if it is still known.
    pub fn scope_of(&self, seq: u64) -> Option<&Scope> {
        self.scopes.iter().rev().find(|(number, _)| *number == seq).map(|(_, scope)| scope)
    }

    /// The last reason for which the key of `hash` was absent. Cost: every record is looked at, some microseconds.
    pub fn last(&self, hash: u64) -> Option<Departure> {
        let (newer, older) = self.ring.split_at(self.oldest);
        let written = older.iter().chain(newer);
        let of_key = written.filter(|record| record.hash == hash || record.departure.why.takes_all());
        // The last of the greatest: of two at the same moment the one that was written later.
        of_key.map(|record| record.departure).max_by_key(|departure| departure.at)
    }

    /// Whether older records had to make room, so that "there is none" does not mean "it never was".
    pub fn forgot(&self) -> bool {
        self.forgot
    }

    fn push(&mut self, hash: u64, departure: Departure) {
        let record = Record { hash, departure };
        if self.ring.len() < RECORDS_MAX {
            if self.ring.is_empty() {
                self.ring.reserve_exact(RECORDS_MAX);
            }
            self.ring.push(record);
            return;
        }
        self.ring[self.oldest] = record;
        self.oldest = (self.oldest + 1) % RECORDS_MAX;
        self.forgot = true;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::engine::testing::Rng;

    const KEYS: u64 = 50;

    fn whys() -> [Why; 4] {
        [Why::Removed, Why::Evicted, Why::Revoked, Why::LoadFailed(ErrorKind::LoadTimeout)]
    }

    /// A record as the model keeps it: all of them, and it forgets by number.
    fn model_last(written: &[(Option<u64>, Departure)], key: u64) -> Option<Departure> {
        let kept = &written[written.len().saturating_sub(RECORDS_MAX)..];
        let mut last: Option<Departure> = None;
        for (hash, departure) in kept {
            let newer = last.is_none_or(|last| last.at <= departure.at);
            if newer && hash.is_none_or(|hash| hash == key) {
                last = Some(*departure);
            }
        }
        last
    }

    #[test]
    fn the_last_reason_of_each_key_is_remembered_until_as_many_came_after_it_as_there_is_room_for() {
        for seed in 0..12 {
            let (mut rng, mut ring, mut written) = (Rng::new(seed), Departures::default(), Vec::new());
            for step in 0..3 * RECORDS_MAX as u64 {
                ring.tick(Moment::from_millis(step / 3));
                // Few keys often, and many others that push them out.
                let key = if rng.one_in(200) { rng.below(KEYS) } else { KEYS + rng.below(100_000) };
                let (hash, why) =
                    if rng.one_in(3_000) { (None, Why::Cleared) } else { (Some(key), rng.pick(&whys())) };
                match hash {
                    Some(hash) => ring.note(hash, why, step),
                    None => ring.everything(why, step),
                }
                written.push((hash, Departure { why, at: Moment::from_millis(step / 3), seq: step }));
                if rng.one_in(64) || step < 100 {
                    let asked = rng.below(KEYS);
                    assert_eq!(
                        ring.last(asked),
                        model_last(&written, asked),
                        "seed {seed}, step {step}, key {asked}"
                    );
                }
                assert_eq!(ring.forgot(), written.len() > RECORDS_MAX, "seed {seed}, step {step}");
            }
        }
    }

    #[test]
    fn what_is_noted_often_is_known_as_a_map_of_last_reasons_knows_it() {
        let (mut rng, mut ring, mut map) = (Rng::new(1), Departures::default(), HashMap::new());
        for step in 0..20_000 {
            ring.tick(Moment::from_millis(step));
            let (key, why) = (rng.below(KEYS), rng.pick(&whys()));
            ring.note(key, why, step);
            map.insert(key, why);
        }
        for (key, why) in map {
            assert_eq!(ring.last(key).map(|departure| departure.why), Some(why), "key {key}");
        }
    }

    #[test]
    fn a_scope_is_known_by_its_number_until_others_took_its_room() {
        let mut ring = Departures::default();
        for seq in 0..SCOPES_MAX as u64 + 10 {
            ring.scope(seq, &Scope::Tier(format!("tier{seq}").into()));
            ring.scope(seq, &Scope::All);
        }
        assert_eq!(ring.scope_of(9), None);
        assert_eq!(ring.scope_of(10), Some(&Scope::Tier("tier10".into())));
    }

    #[test]
    fn a_record_is_as_small_as_the_docs_say_and_the_ring_takes_its_memory_once() {
        assert_eq!(size_of::<Record>(), 32);
        let mut ring = Departures::default();
        assert_eq!(ring.ring.capacity(), 0, "a tier that never lost anything takes nothing");
        (0..2 * RECORDS_MAX as u64).for_each(|step| ring.note(step, Why::Evicted, step));
        assert_eq!(ring.ring.capacity(), RECORDS_MAX);
    }
}
