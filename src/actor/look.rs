//! A look into the view of a tier: what every call begins with, and what most calls end with.
//!
//! Owns: which entry may be given to which call, and that the look is counted. Never: waits, or asks a tier.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::call::Asked;
use super::seen::Seen;
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::codec::value::Wanted;
use crate::engine::entry::{Freshness, ReadEntry};
use crate::engine::given::Given;
use crate::engine::moment::Moment;
use crate::engine::sampler::Facts;
use crate::engine::stamp::{At, Stamp};
use crate::engine::view::{Fronted, Served, View};
use crate::loader::Old;

/// What a call with a loader finds in the view.
#[derive(Debug)]
pub(crate) enum Found<'w> {
    /// A value that is its answer.
    Hit(Seen<'w>),
    /// A value that is its answer, and that it should have loaded anew, see [`Wiring::refresh`].
    Due(Seen<'w>),
    /// Nothing that it takes.
    Nothing,
}

/// Before a reader asks again for a refresh that seems to have been lost.
const ASK_PAUSE: Duration = Duration::from_secs(1);

/// A key, and its hash in the view of its tier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyAt<'k> {
    pub(crate) key: &'k str,
    pub(crate) hash: u64,
}

impl<'k> KeyAt<'k> {
    /// `key`, hashed for `tier`.
    #[inline]
    pub(crate) fn of(tier: &TierShared, key: &'k str) -> Self {
        Self { key, hash: tier.view.hash(key) }
    }
}

impl TierShared {
    /// What the view holds under `key` and may be served at `now`; what is older than `after` is not.
    #[inline]
    fn served(&self, at: KeyAt<'_>, now: Moment, after: Option<At>, allowed: Duration) -> Option<Served> {
        let KeyAt { key, hash } = at;
        let Some(after) = after else { return self.view.read_hashed(hash, key, now, allowed) };
        // The life is looked at first. The other way round:
        //   1 a reader finds an old entry   2 the tier breaks and begins a new life   3 the entry seems to be of that life
        let incarnation = self.incarnation.load(Ordering::Acquire);
        self.view
            .read_hashed(hash, key, now, allowed)
            .filter(|entry| !after.outdates(incarnation, entry.since()))
    }
}

impl Wiring {
    /// The short way of a hit: a copy that stands in front, counted as a read. It notes in `at` when that was.
    ///
    /// Nothing says nothing of the key: nothing was counted or marked, and [`Wiring::look`] tells more. It is the way of nearly
    /// all reads, so it asks only what decides. What is in the sample goes the other way, for its weight stands there.
    #[inline]
    pub(crate) fn hit<T: Send + Sync + 'static>(
        &self,
        tier: &TierShared,
        key: &str,
        hash: u64,
        at: &mut Moment,
    ) -> Fronted<T> {
        let found = tier.view.in_front::<T>(hash, key);
        let Some(copy) = found.as_ref() else { return found };
        // Behind the look-up: while the copy is on its way from memory there is time for the clock.
        let now = self.env.now();
        if !copy.is_fresh(now) || !self.is_enabled() || tier.counters.sampler.takes(hash) {
            return View::nothing_in_front();
        }
        tier.view.mark_copy(copy);
        tier.counters.hit();
        *at = now;
        found
    }

    /// What the view holds under `key` and may be served as it is, counted as a read.
    #[inline]
    pub(crate) fn look<'w>(&self, tier: &'w TierShared, at: KeyAt<'_>, wanted: Wanted) -> Option<Seen<'w>> {
        self.read(tier, at, wanted, None, Duration::ZERO)
    }

    /// What the view holds under `key` for a call with a loader that takes values as far past their time to live as
    /// `allowed`, counted as a read; what is older than `after` counts as absent.
    #[inline]
    pub(crate) fn look_to_load<'w>(
        &self,
        tier: &'w TierShared,
        allowed: Duration,
        at: KeyAt<'_>,
        wanted: Wanted,
        after: Option<&Stamp>,
    ) -> Found<'w> {
        let after = after.and_then(|stamp| stamp.of(tier.id));
        match self.read(tier, at, wanted, after, allowed) {
            None => Found::Nothing,
            Some(seen) if seen.entry.ask(seen.now, ASK_PAUSE) => Found::Due(seen),
            Some(seen) => Found::Hit(seen),
        }
    }

    #[inline]
    fn read<'w>(
        &self,
        tier: &'w TierShared,
        at: KeyAt<'_>,
        wanted: Wanted,
        after: Option<At>,
        allowed: Duration,
    ) -> Option<Seen<'w>> {
        let now = self.env.now();
        let entry = tier.served(at, now, after, allowed).filter(|entry| {
            let fits = wanted.takes(entry.fingerprint());
            if !fits && !entry.is_nothing() {
                tier.note_wrong_type(entry.fingerprint(), wanted.fingerprint());
            }
            fits
        });
        if self.is_enabled() {
            match &entry {
                Some(entry) => {
                    tier.counters.hit();
                    if !entry.is_fresh(now) {
                        tier.counters.stale_hits.one();
                    }
                }
                None => tier.counters.miss(),
            }
            tier.counters.sampler.saw(at.hash, now, || entry.as_ref().map(Facts::of));
        }
        entry.map(|entry| Seen { entry, now, tier })
    }

    /// A fresh value for a call that was on its way to the source: another may have brought it meanwhile.
    pub(super) fn fresh(&self, tier: &TierShared, asked: &Asked) -> Option<Given> {
        let now = self.env.now();
        let at = KeyAt::of(tier, asked.key.as_str());
        let entry = tier.served(at, now, asked.after, Duration::ZERO)?;
        if !asked.wanted.takes(entry.fingerprint()) {
            return None;
        }
        let mut given = Given::of(&entry.entry(), now);
        given.read(asked.wanted).is_ok().then_some(given)
    }

    /// A value past its time to live for a call that has no better answer. Looked for at the last moment: what was
    /// removed while the call waited is not served.
    pub(super) fn stale(&self, tier: &TierShared, asked: &Asked) -> Option<Given> {
        if asked.terms.stale.is_zero() {
            return None;
        }
        let now = self.env.now();
        let at = KeyAt::of(tier, asked.key.as_str());
        let entry = tier.served(at, now, asked.after, asked.terms.stale)?;
        if entry.is_nothing() || !asked.wanted.takes(entry.fingerprint()) {
            return None;
        }
        let mut given = Given::of(&entry.entry(), now);
        if let Err(error) = given.read(asked.wanted) {
            tier.note_unreadable(entry.fingerprint(), &error);
            return None;
        }
        tier.counters.stale_hits.one();
        Some(given)
    }

    /// What is held under `key` and could be renewed, with its tags and how long it lasts; counts as no read.
    pub(crate) fn held(&self, key: &str) -> Option<(Given, Old)> {
        let (tier, _) = self.route(key).ok()?;
        let now = self.env.now();
        let entry = tier.view.peek(key).filter(|entry| entry.freshness(now) != Freshness::Dead)?;
        let given = Given::of(&entry.entry(), now);
        let value = given.value.clone();
        Some((given, Old { value, tags: entry.tags().clone(), lasting: entry.lasting() }))
    }
}
