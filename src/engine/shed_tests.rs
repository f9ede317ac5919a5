//! What has expired goes before anything that can still be served, however much of it there is.
//!
//! Owns: the order of the two. Never: judges which of the entries that can be served goes first.

use std::sync::Arc;
use std::time::Duration;

use super::entry::{Draft, Freshness, Origin, ReadEntry};
use super::moment::Moment;
use super::policy::Eviction;
use super::slice::CHANGES;
use super::store::{Cause, Gone, Store};
use super::terms::Life;
use super::testing::{self, Rng, each_seed, key, value};
use super::view::View;
use crate::codec::value::Value;

const SECOND: Duration = Duration::from_secs(1);
const CHOICES: [Eviction; 3] = [Eviction::Lru, Eviction::Lgtc, Eviction::LgtcBytes];

struct Bench {
    store: Store,
    now: Moment,
    seq: u64,
    evicted: usize,
    expired: usize,
}

impl Bench {
    fn new(eviction: Eviction, grant: u64) -> Self {
        let store = Store::evicting(eviction, Arc::new(View::new(1)), grant);
        Self { store, now: Moment::START, seq: 0, evicted: 0, expired: 0 }
    }

    fn draft(&mut self, number: u64, bytes: u64, ttl: Duration, origin: Origin) -> Draft {
        self.seq += 1;
        let key = key(&format!("k::{number}"));
        testing::draft(key, value(self.seq, bytes), ttl, self.now, self.seq, origin)
    }

    fn set(&mut self, number: u64, bytes: u64, ttl: Duration) {
        let draft = self.draft(number, bytes, ttl, Origin::Set);
        self.insert(draft);
    }

    fn insert(&mut self, draft: Draft) {
        let mut gone = Vec::new();
        self.store.insert(draft, self.now, &mut gone);
        self.judge(&gone);
    }

    fn held_expired(&self) -> usize {
        let entries = self.store.keys();
        let expired = |key: &&super::key::Key| {
            let entry = self.store.find(key.as_str()).expect("it is held");
            entry.freshness(self.now) == Freshness::Dead
        };
        entries.iter().filter(expired).count()
    }

    /// Nothing that could be served was evicted while something was held that could not.
    fn judge(&mut self, gone: &[Gone]) {
        let dead = |gone: &&Gone| gone.entry.freshness(self.now) == Freshness::Dead;
        let last_evicted = gone.iter().rposition(|gone| gone.cause == Cause::Evicted);
        if let Some(last) = last_evicted {
            assert_eq!(self.held_expired(), 0, "evicted while expired entries were held");
            // What was replaced left at once; the order of all others tells what was held.
            let later = gone[last..].iter().filter(dead).count();
            assert_eq!(later, 0, "an expired entry outlived one that was evicted");
        }
        self.evicted += gone.iter().filter(|gone| gone.cause == Cause::Evicted).count();
        self.expired += gone.iter().filter(|gone| gone.cause == Cause::Expired).count();
    }

    /// Comes down to `grant` in slices.
    fn set_grant(&mut self, grant: u64) {
        let mut gone = Vec::new();
        let mut holds = self.store.set_grant(grant, self.now, &mut gone);
        for _ in 0..1_000 {
            assert!(gone.len() <= CHANGES, "a slice took {} entries", gone.len());
            self.judge(&std::mem::take(&mut gone));
            if holds {
                return;
            }
            holds = self.store.come_down(CHANGES, self.now, &mut gone);
        }
        panic!("the grant never held");
    }

    /// As in a cache that is full of entries of 2.7 KB of which every second one has expired.
    fn half_expired(eviction: Eviction) -> Self {
        let mut bench = Self::new(eviction, 1 << 30);
        for number in 0..2_000 {
            bench.set(number, 2_700, if number % 2 == 0 { 5 * SECOND } else { 500 * SECOND });
        }
        bench.now = bench.now.after(5 * SECOND + Duration::from_millis(1));
        assert_eq!(bench.held_expired(), 1_000);
        bench
    }
}

#[test]
fn a_grant_that_shrinks_takes_all_that_expired_before_anything_else() {
    for eviction in CHOICES {
        let mut bench = Bench::half_expired(eviction);
        bench.set_grant(bench.store.used() * 3 / 4);
        assert_eq!(bench.evicted, 0, "{eviction:?}");
        bench.set_grant(bench.store.used() / 2);
        assert_eq!(bench.expired, 1_000, "{eviction:?}");
        assert!(bench.evicted > 0, "{eviction:?}: nothing else was left to go");
        bench.store.check();
    }
}

#[test]
fn a_large_set_takes_all_that_expired_before_anything_else() {
    for eviction in CHOICES {
        let mut bench = Bench::half_expired(eviction);
        bench.set_grant(bench.store.used());
        for number in 0..6 {
            bench.set(10_000 + number, 400_000, 500 * SECOND);
        }
        assert_eq!(bench.evicted, 0, "{eviction:?}");
        assert!(bench.expired > 6 * 130, "{eviction:?}");
        bench.store.check();
    }
}

#[test]
fn a_large_warm_entry_finds_the_room_of_all_that_expired() {
    let mut bench = Bench::half_expired(Eviction::Lgtc);
    bench.set_grant(bench.store.used());
    let draft = bench.draft(10_000, 2_000_000, 500 * SECOND, Origin::Warm);
    let mut gone = Vec::new();
    let (seq, now) = (bench.seq, bench.now);
    assert!(bench.store.insert_warm(draft, seq, now, &mut gone), "some 740 of the 1,000 make room for it");
    bench.judge(&gone);
    assert_eq!(bench.evicted, 0);
}

#[test]
fn expired_entries_that_say_there_is_nothing_go_before_others_that_do() {
    let mut bench = Bench::new(Eviction::Lgtc, 1 << 20);
    let nothing = |bench: &mut Bench, number, ttl| {
        let draft = Draft { value: Value::nothing(), ..bench.draft(number, 0, ttl, Origin::Load) };
        bench.insert(draft);
    };
    for number in 0..100 {
        nothing(&mut bench, number, 500 * SECOND);
    }
    let mut short = 0;
    while bench.evicted == 0 {
        short += 1;
        nothing(&mut bench, 100 + short, 5 * SECOND);
    }
    bench.now = bench.now.after(5 * SECOND);
    bench.evicted = 0;
    // As many by weight: their keys are longer.
    for number in 0..short - 10 {
        nothing(&mut bench, 10_000 + number, 500 * SECOND);
    }
    assert_eq!((bench.evicted, bench.expired as u64), (0, short));
}

#[test]
fn what_may_still_be_served_stale_has_not_expired() {
    let mut bench = Bench::new(Eviction::Lru, 1 << 20);
    for number in 0..200 {
        let mut draft = bench.draft(number, 900, SECOND, Origin::Load);
        draft.life = Life { dead_at: draft.life.fresh_until.after(10 * SECOND), ..draft.life };
        bench.insert(draft);
    }
    bench.now = bench.now.after(2 * SECOND);
    bench.set_grant(bench.store.used() / 2);
    assert!(bench.evicted >= 100 && bench.expired == 0, "{} {}", bench.evicted, bench.expired);
    bench.now = bench.now.after(9 * SECOND);
    bench.set(1_000, 900, SECOND);
    bench.set_grant(bench.store.used() / 2);
    assert!(bench.expired > 0);
}

#[test]
fn nothing_that_can_be_served_is_evicted_while_an_expired_entry_is_held() {
    for eviction in CHOICES {
        each_seed(6, |seed| {
            let (mut rng, mut bench) = (Rng::new(seed), Bench::new(eviction, 400_000));
            for _ in 0..800 {
                match rng.below(12) {
                    0 => {
                        let jump = [1, 7, 90, 600, 1_024, 5_000][rng.below(6) as usize];
                        bench.now = bench.now.after(Duration::from_millis(jump));
                    }
                    1 => {
                        let grant = 100_000 + rng.below(400_000);
                        bench.set_grant(grant);
                    }
                    2 => {
                        let draft = bench.draft(rng.below(600), rng.below(9_000), 2 * SECOND, Origin::Warm);
                        let (since, now, mut gone) = (rng.below(bench.seq + 1), bench.now, Vec::new());
                        bench.store.insert_warm(draft, since, now, &mut gone);
                        bench.judge(&gone);
                    }
                    3 => {
                        let (key, now) = (format!("k::{}", rng.below(600)), bench.now);
                        bench.store.remove(&key, Cause::Removed, now, &mut Vec::new());
                    }
                    _ => {
                        let ttl = [3, 400, 1_000, 2_500, 60_000, u64::MAX][rng.below(6) as usize];
                        let bytes = if rng.one_in(20) { 30_000 } else { rng.below(1_500) };
                        let mut draft =
                            bench.draft(rng.below(600), bytes, Duration::from_millis(ttl), Origin::Set);
                        if rng.one_in(4) {
                            draft.life.dead_at = draft.life.dead_at.after(SECOND);
                        }
                        bench.insert(draft);
                    }
                }
                bench.store.check();
            }
            assert!(bench.evicted > 10 && bench.expired > 100, "{} {}", bench.evicted, bench.expired);
        });
    }
}
