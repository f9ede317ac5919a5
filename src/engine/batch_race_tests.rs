//! The races of loads that bring several keys: each member, and what comes beside, against what overtakes it.
//!
//! Owns: one example for each order of events, and a run of random ones against the true version of every key.
//! Never: single loads (`race_tests` has them).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::flight::{Class, RunId};
use super::key::Key;
use super::moment::Moment;
use super::scope::Scope;
use super::testing::{Rng, each_seed, item, key, number, pattern, prefix, tag, tags, terms, value};
use super::tier::{Batch, BatchLanded, Effects, Item, Member, Outcome, Rules, Tier, Waiter};
use super::view::View;
use crate::error::{Error, Shown};

const TTL: Duration = Duration::from_secs(60);
const NOW: Moment = Moment::START;
const KEY: &str = "user::42::profile";
const OTHER: &str = "user::7::profile";

/// A caller by name, and whether its loader can still be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Caller(&'static str, bool);

impl Waiter for Caller {
    fn can_lead(&self) -> bool {
        self.1
    }
}

type Fx = Effects<Caller, ()>;

struct Bench {
    tier: Tier<Caller, ()>,
    view: Arc<View>,
}

impl Bench {
    fn new(load_concurrency: usize, load_queue: usize) -> Self {
        let name = "user".into();
        let rules = Rules { name, enabled: true, max_entry: 1 << 20, load_concurrency, load_queue };
        let view = Arc::new(View::new(1));
        let tier = Tier::new(rules, Arc::clone(&view), Arc::new(Counters::default()), 1 << 20, NOW);
        Self { tier, view }
    }

    /// Runs one turn, checks all invariants and returns what it leaves to be done.
    fn turn(&mut self, run: impl FnOnce(&mut Tier<Caller, ()>, &mut Fx)) -> Fx {
        let mut fx = Effects::default();
        run(&mut self.tier, &mut fx);
        self.tier.check();
        fx
    }

    /// Asks for `keys` together.
    fn ask(&mut self, keys: &[&str], who: &'static str) -> Fx {
        let member = |text: &&str| Member { key: key(text), terms: terms(TTL), waiter: Caller(who, true) };
        let members = keys.iter().map(member).collect();
        self.turn(|tier, fx| tier.load_many(members, Class::Caller, NOW, fx))
    }

    /// Asks for `keys`, all of which are missing, and starts their loader.
    fn begin(&mut self, keys: &[&str]) -> Batch {
        let mut fx = self.ask(keys, "batch");
        let batch = fx.batches.pop().expect("there is a place");
        self.take_loaders(&batch);
        assert_eq!((batch.runs.len(), fx.batches.len()), (keys.len(), 0));
        batch
    }

    /// The shell starts one loader for all of them.
    fn take_loaders(&mut self, batch: &Batch) -> Vec<Key> {
        let take = |&id: &RunId| {
            let (key, _, leader) = self.tier.leader(id).expect("a load that starts has a leader");
            assert!(std::mem::take(&mut leader.1), "the leader has no loader");
            key
        };
        batch.runs.iter().map(take).collect()
    }

    fn single(&mut self, text: &str, who: &'static str) -> Fx {
        self.turn(|tier, fx| tier.load(&key(text), &terms(TTL), Class::Caller, Caller(who, true), NOW, fx))
    }

    /// Ends a batch: every member with `with`, and beside it `extras`.
    fn land(&mut self, batch: &Batch, with: &Outcome, extras: &[(&str, u64)]) -> Fx {
        let members = batch.runs.iter().map(|&id| (id, with.clone())).collect();
        let extras = extras.iter().map(|(text, version)| item(&key(text), value(*version, 0), TTL)).collect();
        let (ticket, took) = (batch.ticket, Duration::ZERO);
        let landed = BatchLanded { ticket, members, extras, is_first: true, is_last: true, took };
        self.turn(|tier, fx| tier.land_batch(landed, NOW, fx))
    }

    fn invalidate(&mut self, scope: Scope) -> u64 {
        let mut fx = self.turn(|tier, fx| tier.invalidate(scope, false, (), NOW, fx));
        while fx.taken.is_empty() {
            fx = self.turn(Tier::go_on);
        }
        fx.taken[0].1.revoked_loads
    }

    fn set(&mut self, text: &str, with: u64) -> Fx {
        self.turn(|tier, fx| {
            tier.set(item(&key(text), value(with, 0), TTL), NOW, fx).expect("the value fits");
        })
    }

    /// The source was changed, and the cache is told of it, in one way or another.
    fn tell_of(&mut self, text: &str, version: u64, rng: &mut Rng) -> Fx {
        match rng.below(3) {
            0 => return self.set(text, version),
            1 => return self.remove(text),
            _ => self.invalidate(pattern(&format!("{text}*"))),
        };
        Fx::default()
    }

    fn remove(&mut self, text: &str) -> Fx {
        self.turn(|tier, fx| {
            tier.remove(&key(text), fx);
        })
    }

    fn read(&self, text: &str) -> Option<u64> {
        self.view.read(text, NOW, Duration::ZERO).map(|entry| number(&entry.value()))
    }
}

fn loaded(version: u64) -> Outcome {
    Outcome::Loaded(value(version, 0).into())
}

fn stored(fx: &Fx, who: &str) -> Vec<bool> {
    let of = fx.answers.iter().filter(|(caller, _)| caller.0 == who);
    of.map(|(_, answer)| answer.as_ref().expect("the caller gets a value").stored).collect()
}

/// Every kind of scope, each of which takes [`KEY`], and whether it takes [`OTHER`] too.
fn scopes() -> [(Scope, bool); 7] {
    [
        (Scope::Key(key(KEY)), false),
        (prefix("user::42"), false),
        (pattern("user::42::*"), false),
        (pattern("*2::profile"), false),
        (pattern(KEY), false),
        (Scope::Tier("user".into()), true),
        (Scope::All, true),
    ]
}

#[test]
fn a_member_that_an_invalidation_overtook_is_not_stored_and_the_others_are() {
    for (scope, all) in scopes() {
        let mut bench = Bench::new(4, 4);
        let batch = bench.begin(&[OTHER, KEY]);
        assert_eq!(bench.invalidate(scope.clone()), 1 + u64::from(all), "{scope}");
        let later = bench.single(KEY, "after").starts;
        assert_eq!(later.len(), 1, "{scope}: a caller after the invalidation joined the batch");
        let fx = bench.land(&batch, &loaded(1), &[]);
        assert_eq!(stored(&fx, "batch"), [!all, false], "{scope}");
        assert_eq!((bench.read(OTHER), bench.read(KEY)), ((!all).then_some(1), None), "{scope}");
        bench.turn(|tier, fx| tier.land(later[0], 0, loaded(2), Duration::ZERO, NOW, fx));
        assert_eq!(bench.read(KEY), Some(2), "{scope}");
    }
}

#[test]
fn what_comes_beside_is_not_stored_when_an_invalidation_overtook_it() {
    for (scope, all) in scopes() {
        let mut bench = Bench::new(4, 4);
        let batch = bench.begin(&["user::1"]);
        bench.invalidate(scope.clone());
        bench.land(&batch, &loaded(1), &[(KEY, 1), (OTHER, 1)]);
        assert_eq!(bench.read(KEY), None, "{scope}: the old value was stored");
        assert_eq!(bench.read(OTHER).is_some(), !all, "{scope}");
    }
}

#[test]
fn what_comes_beside_takes_no_tags_away() {
    let mut bench = Bench::new(4, 4);
    let tagged = Item { tags: tags(&["x"]), ..item(&key(KEY), value(1, 0), TTL) };
    bench.turn(|tier, fx| drop(tier.set(tagged, NOW, fx)));
    let batch = bench.begin(&["user::1"]);
    bench.land(&batch, &loaded(2), &[(KEY, 2)]);
    assert_eq!(bench.read(KEY), Some(1));
    bench.invalidate(tag("x").into());
    assert_eq!(bench.read(KEY), None);
}

#[test]
fn what_comes_beside_is_not_stored_over_what_is_newer_nor_after_it_was_lost_again() {
    let mut bench = Bench::new(4, 4);
    bench.set(OTHER, 1);
    let batch = bench.begin(&["user::1"]);
    bench.set(KEY, 9);
    bench.set("user::3", 9);
    bench.remove("user::3");
    let later = bench.single("user::4", "later").starts[0];
    bench.turn(|tier, fx| tier.land(later, 0, loaded(9), Duration::ZERO, NOW, fx));
    bench.land(&batch, &loaded(2), &[(KEY, 2), ("user::3", 2), ("user::4", 2), (OTHER, 2)]);
    let held = [KEY, "user::3", "user::4", OTHER].map(|text| bench.read(text));
    assert_eq!(held, [Some(9), None, Some(9), Some(2)], "only what was there before it began is replaced");
    // Its ticket went with it.
    bench.land(&batch, &loaded(3), &[("user::5", 3)]);
    assert_eq!(bench.read("user::5"), None);
}

#[test]
fn a_load_that_began_before_does_not_replace_what_a_later_batch_brought_beside() {
    let mut bench = Bench::new(4, 4);
    let first = bench.single(KEY, "first").starts[0];
    let batch = bench.begin(&["user::1"]);
    bench.land(&batch, &loaded(2), &[(KEY, 2)]);
    let fx = bench.turn(|tier, fx| tier.land(first, 0, loaded(1), Duration::ZERO, NOW, fx));
    assert_eq!((stored(&fx, "first"), bench.read(KEY)), (vec![false], Some(2)));
}

#[test]
fn a_batch_takes_one_place_and_waits_for_it() {
    let mut bench = Bench::new(1, 1);
    let runs = bench.single("user::0", "runs").starts[0];
    let fx = bench.ask(&["user::1", "user::2", "user::3"], "batch");
    assert!(fx.answers.is_empty() && fx.batches.is_empty());
    assert_eq!(bench.tier.flights.counts(), (1, 1));
    assert!(bench.single("user::2", "joins").answers.is_empty(), "it joins though the queue is full");
    let refused = bench.ask(&["user::4", "user::5", "user::2"], "late").answers;
    assert_eq!(refused.len(), 2, "what others load already is joined: {refused:?}");
    // What waits has read nothing: a set answers its own key, an invalidation takes nothing.
    assert_eq!(bench.set("user::1", 5).answers.len(), 1);
    assert_eq!(bench.invalidate(Scope::All), 1, "only what runs");
    let fx = bench.turn(|tier, fx| tier.land(runs, 0, loaded(1), Duration::ZERO, NOW, fx));
    assert_eq!(fx.batches[0].runs.len(), 2, "user::1 was set");
    assert_eq!(bench.tier.flights.counts(), (1, 0));
    let fx = bench.land(&fx.batches[0], &loaded(7), &[]);
    assert_eq!((stored(&fx, "batch"), stored(&fx, "joins")), (vec![true, true], vec![true]));
    assert_eq!(bench.tier.flights.counts(), (0, 0));
    let runs = bench.single("user::6", "runs").starts[0];
    bench.ask(&["user::8"], "batch");
    assert_eq!(bench.set("user::8", 5).answers.len(), 1, "a batch of which nothing is left is gone");
    assert_eq!(bench.tier.flights.counts(), (1, 0));
    bench.turn(|tier, fx| tier.land(runs, 0, loaded(1), Duration::ZERO, NOW, fx));
}

#[test]
fn a_loader_that_waits_for_a_key_of_a_queued_batch_does_not_wait_for_a_place() {
    let mut bench = Bench::new(1, 1);
    bench.single("user::0", "runs");
    bench.ask(&["user::1", "user::2"], "batch");
    let nested = |tier: &mut Tier<Caller, ()>, fx: &mut Fx| {
        tier.load(&key("user::2"), &terms(TTL), Class::Nested, Caller("nested", true), NOW, fx);
    };
    assert_eq!(bench.turn(nested).batches.len(), 1, "else each would wait for the other");
}

#[test]
fn a_lost_batch_is_taken_over_key_by_key_by_those_who_wait() {
    let mut bench = Bench::new(2, 8);
    let batch = bench.begin(&["user::1", "user::2", "user::3"]);
    bench.single("user::1", "waits");
    bench.single("user::3", "waits");
    bench.invalidate(Scope::Key(key("user::3")));
    let fx = bench.land(&batch, &Outcome::Lost, &[(KEY, 1)]);
    assert_eq!(fx.starts.len(), 2, "user::1 goes on, user::3 begins anew");
    assert!(fx.batches.is_empty());
    let lost: Vec<_> = fx.answers.iter().map(|(caller, answer)| (caller.0, answer.is_err())).collect();
    assert_eq!(lost, [("batch", true)], "nobody else waits for user::2");
    for (&id, version) in fx.starts.iter().zip(1..) {
        let fx = bench.turn(|tier, fx| tier.land(id, 0, loaded(version), Duration::ZERO, NOW, fx));
        assert_eq!((stored(&fx, "waits"), stored(&fx, "batch")), (vec![true], vec![true]));
    }
    assert_eq!(bench.tier.flights.counts(), (0, 0));
}

#[test]
fn a_failed_batch_fails_each_of_its_keys_and_gives_its_place_back() {
    let mut bench = Bench::new(1, 0);
    let batch = bench.begin(&["user::1", "user::2"]);
    let failed = Outcome::Failed(Error::LoadPanicked { key: Shown::new("user::1") });
    let fx = bench.land(&batch, &failed, &[]);
    assert!(fx.answers.len() == 2 && fx.answers.iter().all(|(_, answer)| answer.is_err()));
    assert_eq!(bench.tier.flights.counts(), (0, 0));
    assert_eq!(bench.begin(&["user::1", "user::2"]).runs.len(), 2);
}

#[test]
fn what_a_batch_brings_to_a_tier_that_broke_meanwhile_is_not_stored() {
    let mut bench = Bench::new(4, 4);
    let batch = bench.begin(&["user::1"]);
    let view = Arc::new(View::new(2));
    bench.tier.reset(Arc::clone(&view), NOW);
    bench.view = view;
    // In the new life flights are counted from the beginning, so numbers of the old one mean others now.
    let anew = bench.begin(&["user::2"]);
    assert_eq!(anew.runs, batch.runs);
    let fx = bench.land(&batch, &loaded(1), &[(KEY, 1)]);
    assert!(fx.answers.is_empty() && bench.read(KEY).is_none() && bench.read("user::2").is_none());
}

/// Batches of few keys with extras, single loads, sets, removals and invalidations, in random order; every load reads the
/// true version when it starts.
#[test]
fn the_store_never_holds_an_older_version_than_the_last_change_that_was_told() {
    each_seed(400, |seed| {
        let mut rng = Rng::new(seed);
        let mut bench = Bench::new(1 + rng.below(3) as usize, 8);
        let keys: Vec<String> = (0..6).map(|number| format!("user::{number}")).collect();
        let some = |rng: &mut Rng| keys[rng.below(6) as usize].clone();
        let mut truth: BTreeMap<Key, u64> = keys.iter().map(|text| (key(text), 1)).collect();
        let mut running: Vec<(Batch, Vec<Key>, BTreeMap<Key, u64>)> = Vec::new();
        let mut version = 1;
        for _ in 0..120 {
            let mut fx = Fx::default();
            match rng.below(8) {
                0..=2 => {
                    let asked = [some(&mut rng), some(&mut rng), some(&mut rng)];
                    fx = bench.ask(&asked.each_ref().map(String::as_str), "batch");
                }
                3..=4 if !running.is_empty() => {
                    let which = rng.below(running.len() as u64) as usize;
                    let (batch, asked, read) = running.swap_remove(which);
                    let lost = rng.one_in(6);
                    let outcome = |text: &Key| if lost { Outcome::Lost } else { loaded(read[text]) };
                    let extra = |(text, version): (&Key, &u64)| item(text, value(*version, 0), TTL);
                    let landed = BatchLanded {
                        ticket: batch.ticket,
                        members: batch
                            .runs
                            .iter()
                            .zip(&asked)
                            .map(|(&id, text)| (id, outcome(text)))
                            .collect(),
                        extras: read.iter().map(extra).collect(),
                        is_first: true,
                        is_last: true,
                        took: Duration::ZERO,
                    };
                    fx = bench.turn(|tier, fx| tier.land_batch(landed, NOW, fx));
                }
                5 => {
                    version += 1;
                    let changed = some(&mut rng);
                    truth.insert(key(&changed), version);
                    fx = bench.tell_of(&changed, version, &mut rng);
                }
                _ => {}
            }
            while !(fx.batches.is_empty() && fx.starts.is_empty()) {
                for batch in std::mem::take(&mut fx.batches) {
                    let asked = bench.take_loaders(&batch);
                    running.push((batch, asked, truth.clone()));
                }
                // What a lost batch left to its waiters: read and landed at once.
                for id in std::mem::take(&mut fx.starts) {
                    let (text, _, leader) = bench.tier.leader(id).expect("it starts");
                    leader.1 = false;
                    let version = truth[&text];
                    let more =
                        bench.turn(|tier, fx| tier.land(id, 0, loaded(version), Duration::ZERO, NOW, fx));
                    fx.batches.extend(more.batches);
                    fx.starts.extend(more.starts);
                }
            }
            for (text, version) in &truth {
                let held = bench.read(text.as_str());
                assert!(held.is_none_or(|held| held == *version), "{text}: {held:?} is not {version}");
            }
        }
    });
}
