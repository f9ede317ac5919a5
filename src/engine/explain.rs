//! What a tier knows of one key: whether it is there, how fresh, and why it was absent last.
//!
//! Owns: how what is held, what is under way and what is remembered become one answer. Never: shows a value, counts as a
//! read.

use std::sync::Arc;
use std::time::Duration;

use super::departures::{Departure, Why};
use super::effects::{Effects, Happened, Waiter};
use super::entry::{Entry, Freshness, Origin, ReadEntry};
use super::flight::LoadPhase;
use super::key::Key;
use super::moment::Moment;
use super::scope::Scope;
use super::tag::Tags;
use super::tier::Tier;
use crate::error::ErrorKind;

/// What is known of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Which key.
    pub key: Key,
    /// The tier that it belongs to.
    pub tier: Arc<str>,
    /// The prefix of the settings that led there; nothing when none knows its first segment, so that it went to the tier for
    /// unknown prefixes.
    pub route: Option<Arc<str>>,
    /// Whether it would be served.
    pub state: KeyState,
    /// What is held under it; also what is no longer served and was not swept yet.
    pub held: Option<Held>,
    /// A load of it that is under way.
    pub load: Option<LoadPhase>,
    /// The last reason for which it was absent. When it is absent now there is one; else only if one is remembered.
    pub last_absence: Option<Absence>,
    /// Whether the tier broke too often and is bypassed: it holds nothing then.
    pub bypassed: bool,
    /// Whether the cache is switched on.
    pub enabled: bool,
}

/// Whether a key would be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Its value is within its time to live.
    Fresh,
    /// Its value is past its time to live, and served where stale values are allowed.
    Stale,
    /// It is known that the source has nothing under it.
    NothingThere,
    /// It is absent, and a load is under way whose value will be stored.
    Loading,
    /// It is absent.
    Absent,
}

/// What is held under a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Time since it was set or its load ended.
    pub age: Duration,
    /// How long it is still fresh; zero: no more.
    pub fresh_for: Duration,
    /// How long it may still be served at all; zero: no more.
    pub served_for: Duration,
    /// Bytes that it is charged with: key, value, tags and overhead.
    pub size: u64,
    /// How often it was served, its forerunners under the key included.
    pub hits: u32,
    /// Who brought it.
    pub origin: Origin,
    /// How long its load took, in whole milliseconds; zero for what was not loaded.
    pub took: Duration,
    /// Loads of the key that failed since it was stored.
    pub failures: u32,
    /// The names that it can be taken away by.
    pub tags: Tags,
}

/// Why a key was absent, and how long ago that came about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Absence {
    /// Why.
    pub reason: Reason,
    /// How long ago; zero where nothing is remembered.
    pub ago: Duration,
}

/// Why a key was absent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing ever left under this key since the tier began: it was never stored, as far as is known.
    NeverStored,
    /// There is no record of it; the last 4,096 reasons of the tier are about other keys.
    NoRecord,
    /// Its time to live, and what it may be served past that, was over.
    Expired,
    /// It was pushed out for room.
    Evicted,
    /// It was taken by key.
    Removed,
    /// An invalidation took it: this one, as far as it is remembered.
    Invalidated(Option<Scope>),
    /// An invalidation that keeps what may be served stale ended its time to live: this one, as far as it is remembered. It
    /// is absent for those who take nothing stale.
    Outdated(Option<Scope>),
    /// Everything in the tier was taken, if it was there.
    Cleared,
    /// The tier broke and began anew, empty.
    Restarted,
    /// A load or a warm run brought a value that was not stored, because a set or an invalidation had overtaken it.
    Revoked,
    /// The value was larger than `max_entry_size`.
    TooLarge,
    /// The value had more than 32 tags.
    TooManyTags,
    /// The value's time to live was zero, or the cache is switched off.
    NotKept,
    /// A load brought a value that cannot be written and read back; the log names the type and the field.
    Unreadable,
    /// A warm run brought it, and there was no room without evicting what is in use.
    NoRoom,
    /// Its load failed, in this way.
    LoadFailed(ErrorKind),
}

impl Explanation {
    /// What is said of a key of `tier` of which nothing is known. Its fields can be filled: for tests of what shows it.
    pub fn of_unknown(key: Key, tier: impl Into<Arc<str>>) -> Self {
        Self {
            key,
            tier: tier.into(),
            route: None,
            state: KeyState::Absent,
            held: None,
            load: None,
            last_absence: Some(Absence::new(Reason::NeverStored, Duration::ZERO)),
            bypassed: false,
            enabled: true,
        }
    }
}

impl Absence {
    /// For that reason, which came about so long ago.
    pub fn new(reason: Reason, ago: Duration) -> Self {
        Self { reason, ago }
    }
}

impl Held {
    fn of(entry: &Entry, now: Moment) -> Self {
        let life = entry.life();
        Self {
            age: now.since(life.stored),
            fresh_for: life.fresh_until.since(now),
            served_for: life.dead_at.since(now),
            size: entry.weight(),
            hits: entry.hits(),
            origin: entry.origin(),
            took: entry.took(),
            failures: entry.failures(),
            tags: entry.tags().clone(),
        }
    }
}

impl<W: Waiter, J> Tier<W, J> {
    /// What is known of `key`, which `route` led here. Cost: a look-up, and a look through what the tier remembers.
    pub fn explain(&self, key: Key, route: Option<Arc<str>>, now: Moment) -> Explanation {
        let entry = self.store.find(key.as_str());
        let load = self.flights.phase(&key);
        let held = entry.as_ref().map(|entry| (entry.freshness(now), entry.value().is_nothing()));
        let state = match (held, load) {
            (Some((Freshness::Fresh, true)), _) => KeyState::NothingThere,
            (Some((Freshness::Fresh, false)), _) => KeyState::Fresh,
            (Some((Freshness::Stale, _)), _) => KeyState::Stale,
            (_, Some(LoadPhase::Waits | LoadPhase::Runs)) => KeyState::Loading,
            _ => KeyState::Absent,
        };
        let absent = matches!(state, KeyState::Loading | KeyState::Absent);
        let dead = entry.as_ref().filter(|_| absent).map(|entry| entry.life().dead_at);
        let last = self.last_departure(key.as_str(), dead);
        let last_absence = match last {
            Some(departure) => Some(self.absence(departure, now)),
            None if !absent => None,
            None if self.departures.forgot() => Some(Absence::new(Reason::NoRecord, Duration::ZERO)),
            None => Some(Absence::new(Reason::NeverStored, Duration::ZERO)),
        };
        Explanation {
            route,
            state,
            held: entry.as_ref().map(|entry| Held::of(entry, now)),
            load,
            last_absence,
            enabled: self.rules.enabled,
            ..Explanation::of_unknown(key, Arc::clone(&self.rules.name))
        }
    }

    /// Remembers why `key` is absent, unless there is something under it that may be served.
    pub(super) fn note_absent(&mut self, key: &Key, why: Why, now: Moment) {
        let held = self.store.find(key.as_str());
        if held.is_none_or(|entry| entry.freshness(now) == Freshness::Dead) {
            self.departures.note(self.store.hash(key.as_str()), why, self.seq);
        }
    }

    /// Tells what took place, if somebody wants to be told; else it is not even made.
    pub(super) fn tell(&self, fx: &mut Effects<W, J>, what: impl FnOnce() -> Happened) {
        if self.watched {
            fx.happened.push((fx.gone.len(), what()));
        }
    }

    /// The last reason for which `key` was absent; an entry that is `dead` since then and not swept yet is one too.
    fn last_departure(&self, key: &str, dead: Option<Moment>) -> Option<Departure> {
        let noted = self.departures.last(self.store.hash(key));
        let dead = dead.map(|at| Departure { why: Why::Expired, at, seq: self.seq });
        [dead, noted].into_iter().flatten().max_by_key(|departure| departure.at)
    }

    fn absence(&self, departure: Departure, now: Moment) -> Absence {
        let reason = match departure.why {
            Why::Expired => Reason::Expired,
            Why::Evicted => Reason::Evicted,
            Why::Removed => Reason::Removed,
            Why::Invalidated => Reason::Invalidated(self.departures.scope_of(departure.seq).cloned()),
            Why::Outdated => Reason::Outdated(self.departures.scope_of(departure.seq).cloned()),
            Why::Cleared => Reason::Cleared,
            Why::Restarted => Reason::Restarted,
            Why::Revoked => Reason::Revoked,
            Why::TooLarge => Reason::TooLarge,
            Why::TooManyTags => Reason::TooManyTags,
            Why::NotKept => Reason::NotKept,
            Why::Unreadable => Reason::Unreadable,
            Why::NoRoom => Reason::NoRoom,
            Why::LoadFailed(kind) => Reason::LoadFailed(kind),
        };
        Absence::new(reason, now.since(departure.at))
    }
}
