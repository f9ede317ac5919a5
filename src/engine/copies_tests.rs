//! Decoded copies beside entries: what pays for them, and when they end.
//!
//! Owns: a store whose readers keep copies while entries come and go. Never: decodes anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::copied::{AsWritten, ReadAs};
use super::entry::{Decoded, Draft, Entry, Origin, ReadEntry};
use super::moment::Moment;
use super::store::{Cause, Store};
use super::table::Tables;
use super::terms::Life;
use super::testing::{Rng, draft, each_seed, key, value};
use super::view::{Served, View};
use super::weigh::OVERHEAD;

const KEYS: u64 = 12;
const COPY: u32 = 90;

/// Counts how many of it were dropped, and panics while it is.
struct Sore(Arc<AtomicUsize>);

impl Drop for Sore {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
        panic!("a host's value whose end panics");
    }
}

fn store(entries: u64) -> (Store, Arc<View>) {
    let view = Arc::new(View::new(1));
    (Store::new(Arc::clone(&view), entries * (OVERHEAD + 20)), view)
}

fn put(store: &mut Store, of: u64, seq: u64) {
    let draft = draft(key(&format!("k::{of}")), value(of, 0), Duration::MAX, Moment::START, seq, Origin::Set);
    store.insert(draft, Moment::START, &mut Vec::new());
}

fn read(view: &View, of: u64) -> Option<Served> {
    view.read(&format!("k::{of}"), Moment::START, Duration::ZERO)
}

fn sore(dropped: &Arc<AtomicUsize>) -> Decoded {
    Arc::new(ReadAs(Sore(Arc::clone(dropped))))
}

#[test]
fn what_pays_for_copies_agrees_with_the_copies_whatever_readers_still_hold() {
    each_seed(60, |seed| {
        let (mut rng, (mut store, view)) = (Rng::new(seed), store(KEYS));
        let mut held = Vec::new();
        for seq in 1..400 {
            let of = rng.below(KEYS);
            match rng.below(20) {
                0..5 => put(&mut store, of, seq),
                5..8 => {
                    store.remove(&format!("k::{of}"), Cause::Removed, Moment::START, &mut Vec::new());
                }
                8 if rng.one_in(3) => drop(store.clear()),
                9 => {
                    let grant = (2 + rng.below(2 * KEYS)) * (OVERHEAD + 20);
                    store.set_grant(grant, Moment::START, &mut Vec::new());
                }
                10..14 => held.extend(read(&view, of)),
                _ if !held.is_empty() => {
                    let entry = &held[rng.below(held.len() as u64) as usize];
                    let shown = view.peek(entry.key()).is_some_and(|shown| shown.is(entry));
                    let kept = view.keep_copy(entry, Arc::new(ReadAs(seq)), COPY).is_ok();
                    assert!(shown || !kept, "a copy was kept beside what nobody finds any more");
                }
                _ => {}
            }
            drop(store.take_husks());
            store.check();
        }
    });
}

#[test]
fn what_stands_in_front_of_a_key_is_a_copy_of_what_the_view_shows() {
    let all = AtomicUsize::new(0);
    each_seed(60, |seed| {
        let (mut rng, (mut store, view)) = (Rng::new(seed), store(4 * KEYS));
        let (mut held, mut found) = (Vec::new(), 0);
        for seq in 1..400 {
            let of = rng.below(KEYS);
            let name = format!("k::{of}");
            match rng.below(20) {
                0..4 => put(&mut store, of, seq),
                4 => drop(store.remove(&name, Cause::Removed, Moment::START, &mut Vec::new())),
                5 if rng.one_in(5) => drop(store.clear()),
                6 => {
                    let grant = (KEYS + rng.below(3 * KEYS)) * (OVERHEAD + 20);
                    store.set_grant(grant, Moment::START, &mut Vec::new());
                }
                7..12 => held.extend(read(&view, of)),
                // Also a copy of what was replaced or taken away since it was read.
                12..15 if !held.is_empty() => {
                    let entry: &Served = &held[held.len() - 1 - rng.below(held.len().min(6) as u64) as usize];
                    let copy = Arc::new(AsWritten::of(entry, entry.seq()));
                    if view.keep_copy(entry, Arc::clone(&copy) as Decoded, COPY).is_ok() {
                        view.put_in_front(entry, copy);
                    }
                }
                _ => {
                    let copy = view.in_front::<u64>(view.hash(&name), &name);
                    let shown = view.peek(&name).map(|entry| entry.seq());
                    assert!(copy.as_ref().is_none_or(|copy| Some(*copy.value()) == shown));
                    found += usize::from(copy.is_some());
                }
            }
            drop(store.take_husks());
            store.check();
        }
        all.fetch_add(found, Relaxed);
    });
    let all = all.into_inner();
    assert!(all > 500, "only {all} copies were found in front");
}

#[test]
fn what_a_thread_remembers_of_what_was_cleared_keeps_no_entry_alive() {
    let (mut store, view) = store(9);
    let ends = [(); 3].map(|()| Arc::new(()));
    for (of, end) in (0_u64..).zip(&ends) {
        put(&mut store, of, of);
        let copy: Decoded = Arc::new(ReadAs(Arc::clone(end)));
        let entry = read(&view, of).expect("it is there");
        assert!(view.keep_copy(&entry, copy, COPY).is_ok());
    }
    let is_kept = |of: usize| Arc::strong_count(&ends[of]) > 1;
    assert!(is_kept(0) && is_kept(1) && is_kept(2));
    // As when the actor dies with what it has not dropped yet: this thread has seen those tables, and reads no more.
    drop(store.clear());
    assert!(!is_kept(0) && !is_kept(1) && !is_kept(2));
}

#[test]
fn a_copy_whose_end_panics_takes_nobody_with_it() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (mut store, view) = store(9);
    for of in 0..6 {
        put(&mut store, of, of);
        let entry = read(&view, of).expect("it is there");
        assert!(view.keep_copy(&entry, sore(&dropped), COPY).is_ok());
    }
    // Two together: the second would come while the first unwinds.
    let mut gone = Vec::new();
    store.remove("k::0", Cause::Removed, Moment::START, &mut gone);
    store.remove("k::1", Cause::Removed, Moment::START, &mut gone);
    drop(gone);
    assert_eq!(dropped.load(Relaxed), 2);
    let mut rest = store.clear().remains;
    while rest.drop_some(1) {}
    assert_eq!(dropped.load(Relaxed), 6);
}

#[test]
fn a_table_that_is_dropped_forgets_empty_places_only() {
    let end = Arc::new(());
    let tables = Tables::of_size(8);
    for (hash, of) in [(1_u64, "a"), (1, "b"), (1, "c")] {
        let draft = draft(key(of), value(0, 0), Duration::MAX, Moment::START, 1, Origin::Set);
        let entry = Entry::new(draft, 0, 0, 0);
        let copy: Decoded = Arc::new(ReadAs(Arc::clone(&end)));
        assert!(entry.add_decoded(copy, COPY).is_ok());
        tables.current.fill(hash, entry);
    }
    let taken = tables.current.place_of(1, b"b").and_then(|(place, _)| tables.current.take(place));
    assert!(taken.is_some());
    drop(taken);
    assert_eq!(Arc::strong_count(&end), 3);
    drop(tables);
    assert_eq!(Arc::strong_count(&end), 1);
}

#[test]
fn an_entry_whose_copy_was_taken_away_is_asked_for_no_sooner_and_leaves_after_the_turn() {
    let (mut store, view) = store(3);
    let stale = Life { dead_at: Moment::NEVER, ..Life::fresh_for(Duration::from_secs(1), Moment::START) };
    let kept = draft(key("k::0"), value(0, 0), Duration::MAX, Moment::START, 1, Origin::Load);
    store.insert(Draft { life: stale, ..kept }, Moment::START, &mut Vec::new());
    let entry = read(&view, 0).expect("it is there").entry();
    entry.put_off(Moment::START, |_| Duration::from_secs(60));
    let end = Arc::new(());
    let copy: Decoded = Arc::new(ReadAs(Arc::clone(&end)));
    assert!(view.keep_copy(&read(&view, 0).expect("it is there"), copy, COPY).is_ok());
    assert!(store.find("k::0").is_some_and(|entry| entry.take_warm()), "it was read");
    drop(entry);

    store.set_grant(store.used() - 1, Moment::START, &mut Vec::new());
    let bare = store.find("k::0").expect("its copy goes first");
    assert_eq!((bare.decoded_weight(), bare.is_put_off(Moment::START)), (0, true));
    let later = Moment::from_millis(59_000);
    assert!(!bare.ask(later, Duration::ZERO), "the source is left alone for a minute");

    drop(store.clear());
    assert_eq!(Arc::strong_count(&end), 2, "a host's value was dropped within the turn");
    assert_eq!(store.take_husks().len(), 1);
    assert_eq!(Arc::strong_count(&end), 1);
}
