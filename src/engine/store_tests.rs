//! The store against a plain map: what it shows, what it lets go and why, and what its walks come to.
//!
//! Owns: the model. Never: looks inside the store but through `check`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::entry::{Draft, Origin, ReadEntry};
use super::groups::Step;
use super::key::Key;
use super::moment::Moment;
use super::path::Path;
use super::policy::Eviction;
use super::scope::Scope;
use super::store::{Cause, Gone, Store};
use super::tag::Tags;
use super::testing::{self, Rng, each_seed, key, number, some_key, value};
use super::view::View;
use super::weigh::{OVERHEAD, weigh};
use crate::codec::value::Value;

/// What the model knows of an entry.
#[derive(Debug, Clone)]
struct Known {
    number: u64,
    seq: u64,
    due: Moment,
    weight: u64,
    /// The write that came last before the entry was last used.
    used: u64,
    unread_warm: bool,
    tags: Tags,
}

/// A walk under way: what was there when it began and still is, and what of it was visited.
#[derive(Debug)]
struct Walk {
    path: Path,
    scope: Scope,
    /// What was stored before this number is wanted.
    seq: u64,
    here: BTreeSet<Key>,
    visited: BTreeSet<Key>,
}

struct Run {
    rng: Rng,
    eviction: Eviction,
    store: Store,
    view: Arc<View>,
    model: BTreeMap<Key, Known>,
    walks: Vec<Walk>,
    now: Moment,
    seq: u64,
    writes: u64,
}

impl Run {
    fn new(seed: u64, eviction: Eviction) -> Self {
        let view = Arc::new(View::new(seed));
        let store = Store::evicting(eviction, Arc::clone(&view), 20 * OVERHEAD);
        Self {
            eviction,
            rng: Rng::new(seed),
            store,
            view,
            model: BTreeMap::new(),
            walks: Vec::new(),
            now: Moment::START,
            seq: 0,
            writes: 0,
        }
    }

    fn step(&mut self) {
        match self.rng.below(20) {
            0..=6 => self.insert(false),
            7..=8 => self.insert(true),
            9..=10 => self.read(),
            11 => self.remove(),
            12..=13 => self.expire(),
            14 => self.set_grant(),
            15 if self.rng.one_in(10) => self.clear(),
            15..=16 => self.begin_walk(),
            _ => self.walk_on(),
        }
        self.compare();
    }

    fn insert(&mut self, warm: bool) {
        let key = some_key(&mut self.rng);
        self.seq += 1;
        let ttl = [1, 900, 5_000, 100_000, u64::MAX][self.rng.below(5) as usize];
        let since = self.rng.below(self.seq + 1);
        let padding = self.rng.below(120);
        let (ttl, origin) = (Duration::from_millis(ttl), if warm { Origin::Warm } else { Origin::Set });
        let mut draft =
            testing::draft(key.clone(), value(self.seq, padding), ttl, self.now, self.seq, origin);
        draft.tags = testing::some_tags(&mut self.rng);
        let weight = draft.weight();
        let known = Known {
            number: self.seq,
            seq: self.seq,
            due: draft.life.dead_at,
            weight,
            used: self.writes + 1,
            unread_warm: warm,
            tags: draft.tags.clone(),
        };
        let mut gone = Vec::new();
        if warm {
            let before = self.model.clone();
            let stored = self.store.insert_warm(draft, since, self.now, &mut gone);
            for Gone { entry, cause, .. } in gone.iter().filter(|gone| gone.cause == Cause::Evicted) {
                assert!(stored, "a warm write that failed pushed {} out: {cause:?}", entry.key());
                let pushed = &before[entry.key()];
                assert!(pushed.unread_warm && pushed.seq < since, "a warm write pushed {} out", entry.key());
            }
            if stored {
                self.put(key, known, &mut gone);
            }
        } else {
            assert_eq!(
                self.store.insert(draft, self.now, &mut gone),
                self.model.contains_key(&key),
                "whether {key} was replaced"
            );
            self.put(key.clone(), known, &mut gone);
            let fits = weight <= self.store.grant();
            assert!(
                !fits || gone.iter().all(|gone| !gone.entry.has_key(key.as_str())),
                "{key} went as it came"
            );
            self.judge_evictions(&gone);
        }
        self.leave(&gone);
    }

    /// Notes a store; the entry that it replaced is taken out of `gone`.
    fn put(&mut self, key: Key, mut known: Known, gone: &mut Vec<Gone>) {
        self.writes += 1;
        known.used = self.writes;
        if let Some(before) = self.model.get(&key) {
            // A warm write may have swept the expired forerunner away instead of replacing it.
            if let Some(place) = gone.iter().position(|gone| gone.overwritten) {
                let replaced = gone.remove(place);
                let cause = if before.due <= self.now { Cause::Expired } else { Cause::Replaced };
                assert_eq!(replaced.cause, cause, "{key}");
                assert_eq!(number(&replaced.entry.value()), before.number);
                known.unread_warm &= before.unread_warm || replaced.entry.hits() == 0;
            } else {
                let left = gone
                    .iter()
                    .position(|gone| gone.entry.has_key(key.as_str()))
                    .expect("the forerunner left");
                self.leave(&[gone.remove(left)]);
            }
        }
        self.model.insert(key, known);
    }

    /// Where least recently used goes first, nothing that stays was used before what was pushed out.
    fn judge_evictions(&self, gone: &[Gone]) {
        let mut left = self.model.clone();
        for Gone { entry, cause, .. } in gone {
            let known = left.remove(entry.key()).expect("only what was held can leave");
            if *cause == Cause::Evicted && self.eviction == Eviction::Lru {
                let oldest = left.values().map(|other| other.used).min();
                assert!(oldest.is_none_or(|oldest| known.used <= oldest), "{} went too early", entry.key());
            }
        }
    }

    fn leave(&mut self, gone: &[Gone]) {
        for Gone { entry, cause, .. } in gone {
            let known = self.model.remove(entry.key()).expect("only what was held can leave");
            assert_eq!(known.number, number(&entry.value()));
            match cause {
                Cause::Expired => assert!(known.due <= self.now, "{} expired too early", entry.key()),
                Cause::Evicted => {
                    assert!(known.due > self.now, "{} was not evicted, it expired", entry.key());
                }
                _ => {}
            }
            for walk in &mut self.walks {
                walk.here.remove(entry.key());
            }
        }
    }

    fn read(&mut self) {
        let key = some_key(&mut self.rng);
        let read = self.view.read(key.as_str(), self.now, Duration::ZERO);
        let known = self.model.get_mut(&key).filter(|known| self.now < known.due);
        assert_eq!(read.is_some(), known.is_some(), "whether {key} is served");
        if let (Some(read), Some(known)) = (read, known) {
            assert_eq!(number(&read.value()), known.number, "{key} is served with an older value");
            known.used = self.writes;
            known.unread_warm = false;
        }
    }

    fn remove(&mut self) {
        let key = some_key(&mut self.rng);
        let mut gone = Vec::new();
        let removed = self.store.remove(key.as_str(), Cause::Removed, self.now, &mut gone);
        assert_eq!(removed, self.model.contains_key(&key));
        self.leave(&gone);
    }

    fn expire(&mut self) {
        let jump = [0, 1, 500, 3_000, 90_000][self.rng.below(5) as usize];
        self.now = self.now.after(Duration::from_millis(jump));
        let limit = 1 + self.rng.below(6) as usize;
        let mut gone = Vec::new();
        let all = self.store.expire(self.now, limit, &mut gone);
        assert!(gone.len() <= limit, "a slice of {limit} took {}", gone.len());
        self.leave(&gone);
        if all {
            let late = self.now.as_millis().saturating_sub(1_024);
            assert!(self.model.values().all(|known| known.due.as_millis() > late), "something due was kept");
        }
    }

    fn set_grant(&mut self) {
        let grant = self.rng.below(25) * OVERHEAD;
        let mut gone = Vec::new();
        self.store.set_grant(grant, self.now, &mut gone);
        self.judge_evictions(&gone);
        self.leave(&gone);
    }

    fn clear(&mut self) {
        let emptied = self.store.clear();
        assert_eq!(emptied.entries, self.model.len() as u64);
        assert_eq!(emptied.bytes, self.model.values().map(|known| known.weight).sum::<u64>());
        self.model.clear();
        self.walks.clear();
    }

    fn begin_walk(&mut self) {
        if self.walks.len() < 3 {
            let scope = testing::any_scope(&mut self.rng);
            let takes = |(key, known): &(&Key, &Known)| scope.takes(key.as_str(), &known.tags);
            let matching = self.model.iter().filter(takes).count() as u64;
            if let Some((counted, _)) = self.store.counted(&scope) {
                assert_eq!(counted, matching, "{scope}");
            }
            let path = self.store.begin_full_walk(&scope);
            let here = self.model.keys().cloned().collect();
            self.walks.push(Walk { path, scope, seq: self.seq + 1, here, visited: BTreeSet::new() });
        }
    }

    fn walk_on(&mut self) {
        if self.walks.is_empty() {
            return;
        }
        let at = self.rng.below(self.walks.len() as u64) as usize;
        for _ in 0..self.rng.below(12) {
            let walk = &mut self.walks[at];
            let (step, entry) = self.store.step(&mut walk.path, &walk.scope, walk.seq);
            if let Some(entry) = entry {
                let key = entry.to_key();
                if walk.here.contains(&key) {
                    assert!(walk.visited.insert(key.clone()), "{} visits {key} twice", walk.scope);
                }
                if self.rng.one_in(3)
                    && let Step::Slot(slot) = step
                {
                    let mut gone = Vec::new();
                    self.store.take_all(&[slot], Cause::Invalidated, &mut gone);
                    self.leave(&gone);
                }
            }
            if step == Step::Done {
                let walk = self.walks.swap_remove(at);
                self.store.end_walk(&walk.path);
                for key in &walk.here {
                    let known = &self.model[key];
                    let wanted = known.seq < walk.seq && walk.scope.takes(key.as_str(), &known.tags);
                    assert!(!wanted || walk.visited.contains(key), "{} passes {key} over", walk.scope);
                }
                return;
            }
        }
    }

    fn compare(&self) {
        self.store.check();
        assert_eq!(self.store.len(), self.model.len() as u64);
        for (key, known) in &self.model {
            let entry = self.view.peek(key.as_str()).expect("what is held is shown");
            assert_eq!((number(&entry.value()), entry.seq()), (known.number, known.seq), "{key}");
        }
    }
}

#[test]
fn the_store_agrees_with_a_plain_map() {
    for eviction in [Eviction::Lru, Eviction::Lgtc, Eviction::LgtcBytes] {
        each_seed(200, |seed| {
            let mut run = Run::new(seed, eviction);
            for _ in 0..300 {
                run.step();
            }
        });
    }
}

fn draft(text: &str, seq: u64, origin: Origin) -> Draft {
    testing::draft(key(text), value(seq, 0), Duration::MAX, Moment::START, seq, origin)
}

#[test]
fn a_warm_write_that_finds_no_room_pushes_nobody_out() {
    let view = Arc::new(View::new(1));
    let room = 2 * weigh(&key("a"), &value(1, 0), &Tags::NONE);
    let mut store = Store::new(view, room);
    let mut gone = Vec::new();
    assert!(store.insert_warm(draft("a", 1, Origin::Warm), 1, Moment::START, &mut gone));
    store.insert(draft("b", 2, Origin::Set), Moment::START, &mut gone);
    let large = Draft { value: value(3, 500), ..draft("c", 3, Origin::Warm) };
    assert!(!store.insert_warm(large, 3, Moment::START, &mut gone));
    assert!(gone.is_empty(), "{gone:?}");
    assert!(
        store.insert_warm(draft("c", 3, Origin::Warm), 3, Moment::START, &mut gone),
        "a is idle and of an older run"
    );
    assert!(
        !store.insert_warm(draft("d", 4, Origin::Warm), 3, Moment::START, &mut gone),
        "c is of the same run"
    );
}

#[test]
fn entries_that_say_there_is_nothing_take_a_twentieth_and_the_oldest_go_first() {
    each_seed(20, |seed| {
        let mut rng = Rng::new(seed);
        let room = 200 * weigh(&key("k::100"), &Value::nothing(), &Tags::NONE);
        let mut store = Store::new(Arc::new(View::new(seed)), room);
        for number in 0..10 {
            store.insert(
                draft(&format!("v::{number}"), number, Origin::Load),
                Moment::START,
                &mut Vec::new(),
            );
        }
        for seq in 10..500 {
            let mut gone = Vec::new();
            let some = format!("k::{}", rng.below(60));
            match rng.below(10) {
                0 => drop(store.remove(&some, Cause::Removed, Moment::START, &mut gone)),
                1 => drop(store.insert(draft(&some, seq, Origin::Set), Moment::START, &mut gone)),
                _ => {
                    let nothing = Draft { value: Value::nothing(), ..draft(&some, seq, Origin::Load) };
                    store.insert(nothing, Moment::START, &mut gone);
                    assert!(store.find(&some).is_some(), "the newest was pushed out");
                }
            }
            store.check();
            let nothings: Vec<_> = store.keys().iter().filter_map(|key| store.find(key.as_str())).collect();
            let bytes: u64 = nothings.iter().filter(|e| e.is_nothing()).map(ReadEntry::weight).sum();
            assert!(bytes <= room / 20, "{bytes} of {room} bytes say that there is nothing");
        }
        assert!(
            (0..10).all(|number| store.find(&format!("v::{number}")).is_some()),
            "values made room for nothing"
        );
    });
}

#[test]
fn a_walk_looks_at_every_slot_only_where_its_scope_can_reach_many_of_them() {
    let view = Arc::new(View::new(1));
    let mut store = Store::new(view, 1 << 20);
    for number in 0..1_010 {
        let text = if number < 1_000 { format!("product::{number}") } else { format!("user::{number}") };
        let draft = testing::draft(
            testing::key(&text),
            value(number, 0),
            Duration::from_secs(60),
            Moment::START,
            number,
            Origin::Set,
        );
        store.insert(draft, Moment::START, &mut Vec::new());
    }
    for (text, least, most) in
        [("user::1*", 10, 11), ("user:*", 10, 13), ("product::1*", 1_010, 1_010), ("*::1", 1_010, 1_010)]
    {
        let (scope, mut found) = (testing::pattern(text), Vec::new());
        let mut path = store.begin_full_walk(&scope);
        let (steps, done) = store.look(&mut path, &scope, u64::MAX, (usize::MAX, true), &mut found);
        store.end_walk(&path);
        assert!(done && (least..=most).contains(&steps), "{text} takes {steps} steps");
        let wanted = store.keys().iter().filter(|key| scope.matches(key.as_str())).count();
        assert_eq!(found.len(), wanted, "{text}");
    }
}
