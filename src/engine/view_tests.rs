//! The view under real threads: one writer through the store, readers that never stop it.
//!
//! Owns: one stress test, bounded by its writes. Never: sleeps, waits for a time, depends on how threads meet.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::copied::AsWritten;
use super::entry::{Decoded, Origin, ReadEntry};
use super::moment::Moment;
use super::scope::Scope;
use super::store::{Cause, Store};
use super::testing::{Rng, Seed, draft, key, number, pattern, value};
use super::view::View;
use super::weigh::OVERHEAD;

const KEYS: u64 = 24;
const WRITES: u64 = 30_000;

/// What both sides share.
struct Shared {
    view: Arc<View>,
    now: AtomicU64,
    done: AtomicBool,
}

/// A value tells its key (below 100) and its version.
fn write(store: &mut Store, rng: &mut Rng, version: u64, now: Moment) {
    let of_key = rng.below(KEYS);
    let mut gone = Vec::new();
    match rng.below(12) {
        0 => drop(store.remove(&format!("k::{of_key}"), Cause::Removed, Moment::START, &mut gone)),
        1 => drop(store.expire(now, 64, &mut gone)),
        2 if rng.one_in(50) => drop(store.clear()),
        3 if rng.one_in(20) => invalidate(store, &pattern("k::1*")),
        _ => {
            let span = Duration::from_millis(1 + rng.below(40));
            let (key, value) = (key(&format!("k::{of_key}")), value(version * 100 + of_key, 0));
            let draft = draft(key, value, span, now, version, Origin::Set);
            store.insert(draft, now, &mut gone);
        }
    }
}

fn invalidate(store: &mut Store, scope: &Scope) {
    let mut path = store.begin_walk(scope);
    loop {
        let (step, entry) = store.step(&mut path, scope, u64::MAX);
        let hit = entry.is_some_and(|entry| scope.matches(entry.key()));
        match step {
            super::groups::Step::Slot(slot) if hit => {
                store.take_all(&[slot], Cause::Invalidated, &mut Vec::new());
            }
            super::groups::Step::Done => return store.end_walk(&path),
            _ => {}
        }
    }
}

/// Looks as a typed reader does: in front first. What is found behind is put in front.
fn look(view: &View, key: &str, now: Moment) -> Option<u64> {
    if let Some(copy) = view.in_front::<u64>(view.hash(key), key).as_ref().filter(|copy| copy.is_fresh(now)) {
        return Some(*copy.value());
    }
    let entry = view.read(key, now, Duration::ZERO)?;
    assert!(entry.is_fresh(now), "a reader was given an expired entry");
    let number = number(&entry.value());
    let copy = Arc::new(AsWritten::of(&entry, number));
    if view.keep_copy(&entry, Arc::clone(&copy) as Decoded, 20).is_ok() {
        view.put_in_front(&entry, copy);
    }
    Some(number)
}

/// Reads until the writer is done; returns how many reads were served.
fn read(shared: &Shared, seed: u64) -> u64 {
    let (mut rng, mut latest, mut served) = (Rng::new(seed), HashMap::new(), 0);
    while !shared.done.load(Ordering::Acquire) {
        let of_key = rng.below(KEYS);
        let now = Moment::from_millis(shared.now.load(Ordering::Acquire));
        if let Some(given) = look(&shared.view, &format!("k::{of_key}"), now) {
            let (version, named) = (given / 100, given % 100);
            assert_eq!(named, of_key, "a reader was given the value of another key");
            let before = latest.insert(of_key, version).unwrap_or(0);
            assert!(before <= version, "version {version} of {of_key} after {before}");
            served += 1;
        }
    }
    served
}

#[test]
fn readers_are_never_given_another_key_an_older_version_or_an_expired_entry() {
    let seed = Seed(1);
    let view = Arc::new(View::new(seed.0));
    let shared = Shared { view: Arc::clone(&view), now: AtomicU64::new(0), done: AtomicBool::new(false) };
    let mut store = Store::new(view, 18 * OVERHEAD);
    let mut rng = Rng::new(seed.0);
    thread::scope(|scope| {
        let readers = [2, 3].map(|seed| {
            let shared = &shared;
            scope.spawn(move || read(shared, seed))
        });
        for version in 1..=WRITES {
            let now = Moment::from_millis(version / 4);
            shared.now.store(now.as_millis(), Ordering::Release);
            write(&mut store, &mut rng, version, now);
        }
        shared.done.store(true, Ordering::Release);
        for reader in readers {
            reader.join().expect("no reader saw anything wrong");
        }
    });
    store.check();
}
