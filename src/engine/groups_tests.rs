//! Key groups against a plain map: what a walk comes to while entries come and go, and where it looks.
//!
//! Owns: the model. Never: looks inside the groups but through `check`.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::{Groups, Names, Step, WalkId};
use super::key::{first_segment, group};
use super::scope::{Reach, Scope, segment_may_match};
use super::testing::{Rng, each_seed, some_key, some_scope};
use super::view::View;

#[derive(Default)]
struct Slots(Vec<Option<String>>);

impl Names for Slots {
    fn key(&self, slot: u32) -> &[u8] {
        self.0[slot as usize].as_deref().expect("a slot is named that is free").as_bytes()
    }
}

/// Which store of a key: a key that was removed and stored again is another one.
type Stored = (String, u64);

struct Walk {
    id: WalkId,
    scope: Scope,
    /// What was there when it began and still is.
    here: BTreeSet<Stored>,
    visited: BTreeSet<Stored>,
}

struct Run {
    rng: Rng,
    view: View,
    /// Whether nearly all texts have the same hash.
    collide: bool,
    groups: Groups,
    slots: Slots,
    model: BTreeMap<String, (u32, u64)>,
    walks: Vec<Walk>,
    stores: u64,
}

fn lies_within(reach: &Reach<'_>, key: &str) -> bool {
    match *reach {
        Reach::Key(name) | Reach::Group(name) => group(key) == group(name),
        Reach::Segment(name) => first_segment(key) == name,
        Reach::Literal(literal) => segment_may_match(literal, first_segment(key)),
        Reach::All => true,
    }
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            view: View::new(seed),
            collide: seed.is_multiple_of(2),
            groups: Groups::default(),
            slots: Slots::default(),
            model: BTreeMap::new(),
            walks: Vec::new(),
            stores: 0,
        }
    }

    fn step(&mut self) {
        match self.rng.below(12) {
            0..=3 => self.insert(),
            4..=5 => self.remove(),
            // Segments empty, and others come in their places.
            6 if self.rng.one_in(8) => self.remove_segment(),
            7..=8 => self.begin(),
            _ => self.walk_on(),
        }
        let mut held: Vec<u32> = self.model.values().map(|&(slot, _)| slot).collect();
        held.sort_unstable();
        let hash = hash(&self.view, self.collide);
        self.groups.check(&held, &self.slots, hash);
    }

    fn insert(&mut self) {
        let key = some_key(&mut self.rng).as_str().to_owned();
        if self.model.contains_key(&key) {
            return;
        }
        let free: Vec<usize> = (0..self.slots.0.len()).filter(|&slot| self.slots.0[slot].is_none()).collect();
        let slot = if free.is_empty() {
            self.slots.0.push(None);
            self.slots.0.len() - 1
        } else {
            self.rng.pick(&free)
        };
        self.slots.0[slot] = Some(key.clone());
        self.stores += 1;
        self.groups.insert(slot as u32, &self.slots, hash(&self.view, self.collide));
        self.model.insert(key, (slot as u32, self.stores));
    }

    fn remove(&mut self) {
        let held: Vec<u32> = self.model.values().map(|&(slot, _)| slot).collect();
        if !held.is_empty() {
            let slot = self.rng.pick(&held);
            self.take(slot);
        }
    }

    fn remove_segment(&mut self) {
        let name = some_key(&mut self.rng);
        let of = |key: &String| first_segment(key) == first_segment(name.as_str());
        let slots: Vec<u32> =
            self.model.iter().filter(|(key, _)| of(key)).map(|(_, &(slot, _))| slot).collect();
        slots.into_iter().for_each(|slot| self.take(slot));
    }

    fn take(&mut self, slot: u32) {
        self.groups.remove(slot, &self.slots, hash(&self.view, self.collide));
        let key = self.slots.0[slot as usize].take().expect("only what is held is taken");
        let (_, stored) = self.model.remove(&key).expect("only what is held is taken");
        for walk in &mut self.walks {
            walk.here.remove(&(key.clone(), stored));
        }
    }

    fn begin(&mut self) {
        if self.walks.len() < 4 {
            let scope = some_scope(&mut self.rng);
            let id = self.groups.begin(&scope.reach(), &self.slots, hash(&self.view, self.collide));
            let here = self.model.iter().map(|(key, &(_, stored))| (key.clone(), stored));
            let here = here.filter(|(key, _)| lies_within(&scope.reach(), key)).collect();
            self.walks.push(Walk { id, scope, here, visited: BTreeSet::new() });
        }
    }

    fn walk_on(&mut self) {
        if self.walks.is_empty() {
            return;
        }
        let at = self.rng.below(self.walks.len() as u64) as usize;
        for _ in 0..self.rng.below(6) {
            let walk = &mut self.walks[at];
            let reach = walk.scope.reach();
            match self.groups.step(walk.id, || reach, &self.slots) {
                Step::Slot(slot) => {
                    let key = self.slots.0[slot as usize].clone().expect("a walk comes to what is held");
                    assert!(lies_within(&reach, &key), "{} comes to {key}, out of its reach", walk.scope);
                    let stored = self.model[&key].1;
                    assert!(walk.visited.insert((key, stored)), "{} comes to a key twice", walk.scope);
                    if self.rng.one_in(3) {
                        self.take(slot);
                    }
                }
                Step::Passed => {}
                Step::Done => {
                    let walk = self.walks.swap_remove(at);
                    self.groups.end(walk.id);
                    let missed: Vec<_> = walk.here.difference(&walk.visited).collect();
                    assert!(missed.is_empty(), "{} passes {missed:?} over", walk.scope);
                    return;
                }
            }
        }
    }
}

fn hash(view: &View, collide: bool) -> impl Fn(&[u8]) -> u64 + '_ {
    move |text| if collide { text.len() as u64 % 3 } else { view.hash_of(text) }
}

#[test]
fn every_walk_comes_once_to_all_that_stays_and_to_nothing_out_of_its_reach() {
    each_seed(200, |seed| {
        let mut run = Run::new(seed);
        for _ in 0..400 {
            run.step();
        }
    });
}

#[test]
fn a_walk_over_a_group_costs_its_members_however_many_keys_there_are() {
    let view = View::new(1);
    let (mut groups, mut slots) = (Groups::default(), Slots::default());
    for number in 0..3_000 {
        slots.0.push(Some(format!("user::{}::{number}", number % 1_000)));
        groups.insert(number, &slots, hash(&view, false));
    }
    for (reach, members) in [
        (Reach::Group("user::7"), 3),
        (Reach::Group("user::none"), 0),
        (Reach::Segment("user"), 3_000),
        (Reach::Literal("x"), 0),
    ] {
        let walk = groups.begin(&reach, &slots, hash(&view, false));
        let mut steps = (0, 0);
        loop {
            match groups.step(walk, || reach, &slots) {
                Step::Slot(_) => steps.0 += 1,
                Step::Passed => steps.1 += 1,
                Step::Done => break,
            }
        }
        assert!(steps.0 == members && steps.1 <= 1, "{reach:?}: {steps:?}");
        groups.end(walk);
    }
}
