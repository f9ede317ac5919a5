//! Whether what was seen of one key could have been seen of a register that forgets at will.
//!
//! Owns: the search for one order of all calls that explains what each saw (Wing and Gong), with what was tried remembered.
//! Never: looks at more than one key.
//!
//! The state is the value that is held, or none; it may be lost at any time. A set, and an invalidation, takes place at one
//! moment between its beginning and its end. What a load stores it stores at some moment after it began, or never; it is
//! looked at only when a reader needs it, for later is always as good, and it may not be stored once a set or an
//! invalidation has taken place that began after the load did.

use std::collections::HashSet;

use apex_cache::Source;

use crate::judge::Fault;
use crate::plan::Kind;
use crate::world::{Did, NEVER, Order, Record};

/// Calls that one search takes; a history is cut where nothing is under way.
const MOST: usize = 120;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    /// Where a history was cut: whatever helps.
    Any,
    Nothing,
    Value(u32),
}

#[derive(Debug, Clone, Copy)]
enum What {
    Read(u32),
    Set(u32),
    /// It takes values with this tag, or all.
    Gone(Option<u8>),
}

#[derive(Debug, Clone, Copy)]
struct Op {
    began: Order,
    ended: Order,
    what: What,
}

/// The right of a load to store its value: it began then.
#[derive(Debug, Clone, Copy)]
struct Store {
    id: u32,
    born: Order,
}

/// Searches for an explanation of all that was seen of `key`.
pub(crate) fn check(record: &Record, key: u8) -> Result<(), Fault> {
    let mut ops = ops_of(record, key);
    ops.sort_unstable_by_key(|op| op.began);
    let stores: Vec<Store> = stores_of(record, key);
    let mut state = State::Nothing;
    for window in windows(&ops) {
        let stores: Vec<Store> = stores.iter().copied().chain(beside(&ops, window)).collect();
        let mut search = Search { ops: window, stores: &stores, record, seen: HashSet::new() };
        if !search.explain(0, std::mem::replace(&mut state, State::Any)) {
            let words = format!("no order of these calls explains what they saw: {window:?}");
            return Err(Fault { key: Some(key), words });
        }
    }
    Ok(())
}

fn ops_of(record: &Record, key: u8) -> Vec<Op> {
    let of_event = |event: &crate::world::Event| {
        let what = match event.did {
            Did::Read {
                key: read,
                id,
                from: Source::Memory | Source::Loaded | Source::Joined,
                stored: true,
                ..
            } if read == key => What::Read(id),
            Did::Gone { kind, keys, tag } if keys >> key & 1 == 1 => {
                // What expires stays for those who take stale values; others do not see it any more.
                debug_assert!(kind != Kind::Remove || tag.is_none());
                What::Gone(tag)
            }
            Did::Set { key: set, id, told: true } if set == key => What::Set(id),
            _ => return None,
        };
        Some(Op { began: event.began, ended: event.ended, what })
    };
    record.events.iter().filter_map(of_event).collect()
}

/// What may be stored: by loads, by loads that found it to be right still, and by sets that nobody waited for.
fn stores_of(record: &Record, key: u8) -> Vec<Store> {
    let told = |id: u32| {
        record
            .events
            .iter()
            .any(|event| matches!(event.did, Did::Set { id: set, told: true, .. } if set == id))
    };
    let mut stores = Vec::new();
    for (id, made) in (0..).zip(&record.made).filter(|(_, made)| made.key == key) {
        if !made.is_set || !told(id) {
            // A set that nobody waited for comes when it likes, so nothing takes its right away.
            let born = if made.is_set { NEVER } else { made.born };
            stores.push(Store { id, born });
        }
        stores.extend(made.renewed.iter().map(|&(born, ..)| Store { id, born }));
    }
    stores
}

/// Parts of `ops` between which nothing is under way; one that is too long is cut where it need not be, and then proves less.
fn windows(ops: &[Op]) -> Vec<&[Op]> {
    let (mut windows, mut first, mut last_cut, mut end) = (Vec::new(), 0, 0, 0);
    for (place, op) in ops.iter().enumerate() {
        if op.began > end {
            last_cut = place;
        }
        if place - first >= MOST {
            let cut = if last_cut > first { last_cut } else { place };
            windows.push(&ops[first..cut]);
            first = cut;
        }
        end = end.max(op.ended);
    }
    windows.push(&ops[first..]);
    windows
}

/// Sets that are in another window and were under way beside this one, where it was cut though something was under way:
///   1 a read begins   2 so many calls follow that a cut is made   3 a value is set   4 the read ends with it
/// Or the other way round, with a set that ends behind the cut. For this window such a set comes when it likes.
fn beside(ops: &[Op], window: &[Op]) -> impl Iterator<Item = Store> {
    let first = window.first().map_or(NEVER, |op| op.began);
    let last = window.last().map_or(0, |op| op.began);
    let end = window.iter().map(|op| op.ended).max().unwrap_or(0);
    let is_beside =
        move |op: &&Op| (op.began < first && op.ended > first) || (op.began > last && op.began < end);
    ops.iter().filter(is_beside).filter_map(|op| match op.what {
        What::Set(id) => Some(Store { id, born: NEVER }),
        _ => None,
    })
}

struct Search<'s> {
    ops: &'s [Op],
    stores: &'s [Store],
    record: &'s Record,
    /// Dead ends: the calls that had taken place, and what was held.
    seen: HashSet<(u128, State)>,
}

impl Search<'_> {
    /// Whether the calls that are not `done` can follow, with `state` held.
    fn explain(&mut self, mut done: u128, state: State) -> bool {
        // A read of what is held changes nothing: it may as well come now.
        loop {
            let horizon = self.horizon(done);
            let free = self.open(done, horizon).find(|&place| match (self.ops[place].what, state) {
                (What::Read(id), State::Value(held)) => id == held,
                _ => false,
            });
            match free {
                Some(place) => done |= 1 << place,
                None => break,
            }
        }
        if done.count_ones() as usize == self.ops.len() {
            return true;
        }
        if !self.seen.insert((done, state)) {
            return false;
        }
        let horizon = self.horizon(done);
        let open: Vec<usize> = self.open(done, horizon).collect();
        for place in open {
            let next = match self.ops[place].what {
                What::Read(id) if state == State::Any || self.may_store(id, done) => State::Value(id),
                What::Read(_) => continue,
                What::Set(id) => State::Value(id),
                What::Gone(tag) => self.without(state, tag),
            };
            if self.explain(done | 1 << place, next) {
                return true;
            }
        }
        false
    }

    /// The first end of a call that is not `done`: what begins after it comes after it.
    fn horizon(&self, done: u128) -> Order {
        let left = (0..self.ops.len()).filter(|place| done >> place & 1 == 0);
        left.map(|place| self.ops[place].ended).min().unwrap_or(NEVER)
    }

    fn open(&self, done: u128, horizon: Order) -> impl Iterator<Item = usize> + use<'_> {
        let begun = self.ops.iter().take_while(move |op| op.began <= horizon).count();
        (0..begun).filter(move |place| done >> place & 1 == 0)
    }

    /// Whether a load of `id` may store it now: nothing took its right away.
    fn may_store(&self, id: u32, done: u128) -> bool {
        let made = &self.record.made[id as usize];
        let overtook = |store: &Store, op: &Op| match op.what {
            What::Read(_) => false,
            What::Set(_) => op.began > store.born,
            What::Gone(tag) => op.began > store.born && tag.is_none_or(|tag| made.tags >> tag & 1 == 1),
        };
        let done =
            || (0..self.ops.len()).filter(|place| done >> place & 1 == 1).map(|place| &self.ops[place]);
        // A store is used by the reader that it was for; what was held before, and is not now, needs another.
        let was_held = done().any(|op| matches!(op.what, What::Read(held) | What::Set(held) if held == id));
        let stores = || self.stores.iter().filter(|store| store.id == id);
        // A set that was answered is a call, and no store.
        let by_call = made.is_set && !stores().any(|store| store.born == NEVER);
        let is_left = !was_held || stores().count() + usize::from(by_call) > 1;
        is_left && stores().any(|store| !done().any(|op| overtook(store, op)))
    }

    fn without(&self, state: State, tag: Option<u8>) -> State {
        let goes = match (state, tag) {
            (_, None) => true,
            (State::Value(id), Some(tag)) => self.record.made[id as usize].tags >> tag & 1 == 1,
            (State::Any | State::Nothing, Some(_)) => false,
        };
        if goes { State::Nothing } else { state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Event, Made};

    /// A history of key 0: values by when their loads began, and calls.
    fn history(born: &[Order], calls: &[(Order, Order, Did)]) -> Record {
        let mut record = Record::default();
        record.made.extend(born.iter().zip(0..).map(|(&born, version)| {
            let (renewed, done, ttl) = (Vec::new(), NEVER, NEVER);
            Made { key: 0, version, tags: 0, is_set: false, born, done, ttl, renewed }
        }));
        record.events.extend(calls.iter().map(|(began, ended, did)| {
            let (client, limit, did) = (0, None, did.clone());
            Event { client, began: *began, ended: *ended, began_ms: 0, ended_ms: 0, limit, did }
        }));
        record
    }

    fn read(id: u32) -> Did {
        Did::Read { key: 0, id, from: Source::Memory, stored: true, age: 0, allowed: 0 }
    }

    fn gone() -> Did {
        Did::Gone { kind: Kind::Key, keys: 1, tag: None }
    }

    #[test]
    fn what_a_register_shows_is_explained_and_what_it_cannot_show_is_not() {
        let explained =
            |born: &[Order], calls: &[(Order, Order, Did)]| check(&history(born, calls), 0).is_ok();
        assert!(explained(&[1, 4], &[(2, 3, read(0)), (5, 6, read(1))]));
        // While it is invalidated the old value may still be seen, and not once that has been answered.
        assert!(explained(&[1], &[(2, 9, gone()), (3, 4, read(0))]));
        assert!(!explained(&[1], &[(2, 3, gone()), (4, 5, read(0))]));
        // What one has seen to be gone is gone for all.
        let calls = [(2, 3, read(0)), (4, 12, gone()), (5, 6, read(1)), (7, 8, read(0))];
        assert!(!explained(&[1, 5], &calls));
    }

    /// More calls than one search takes, each of which takes the value away.
    fn many(first: Order) -> impl Iterator<Item = (Order, Order, Did)> {
        (0..MOST as Order + 20).map(move |place| (first + 2 * place, first + 2 * place + 1, gone()))
    }

    #[test]
    fn what_is_under_way_where_a_history_is_cut_by_force_is_explained_on_both_sides() {
        let explained = |calls: Vec<(Order, Order, Did)>| {
            let mut record = history(&[450, 1], &calls);
            record.made[0].is_set = true;
            check(&record, 0).is_ok()
        };
        let set = || Did::Set { key: 0, id: 0, told: true };
        let read_across = |end| many(10).chain([(1, end, read(0)), (500, 501, set())]).collect();
        assert!(explained(read_across(600)), "the read may have come behind the set");
        assert!(!explained(read_across(499)), "it had ended before");
        // The set takes place behind the cut, and what was seen before it is another value.
        let seen = |set_ended| {
            let loaded = [(451, 452, read(1)), (453, 454, read(0)), (1, set_ended, set())];
            many(10).chain(loaded).collect::<Vec<_>>()
        };
        let loaded_late = |calls: Vec<(Order, Order, Did)>| {
            let mut record = history(&[2, 450], &calls);
            record.made[0].is_set = true;
            check(&record, 0).is_ok()
        };
        assert!(loaded_late(seen(600)));
        assert!(!loaded_late(seen(9)), "it was gone since");
    }
}
