//! How much of the index one write moves, and what becomes of the tables that were left.
//!
//! Owns: growth, shrinking and churn of a view without a store. Never: looks at time; the work is counted.

use std::time::Duration;

use super::{GIVEN_BACK_PER_MOVE, LOOKS_PER_MOVE, MOVES, PREPARES, Table, View};
use crate::engine::entry::{Entry, Origin};
use crate::engine::moment::Moment;
use crate::engine::testing::{Rng, draft, each_seed, key, value};

fn put(view: &View, number: u64) {
    let (key, value) = (key(&format!("k::{number}")), value(number, 0));
    view.insert(Entry::new(
        draft(key, value, Duration::from_secs(1), Moment::START, number, Origin::Set),
        0,
        0,
        0,
    ));
}

fn take(view: &View, number: u64) {
    if let Some(entry) = view.find(&format!("k::{number}")) {
        view.remove([&entry].into_iter());
    }
}

/// Places that the move has come to, and those that are ready in the next table.
fn progress(view: &View) -> (usize, usize) {
    let writer = view.writer.lock();
    (writer.moved, writer.next.as_ref().map_or(0, Table::places))
}

#[test]
fn no_write_moves_or_prepares_more_than_a_few_places_however_the_index_grows_and_shrinks() {
    each_seed(6, |seed| {
        let (view, mut rng) = (View::new(seed), Rng::new(seed));
        let mut held = std::collections::BTreeSet::new();
        for phase in 0..8 {
            // Up to all keys, down to few, and a churn of keys that are always others.
            let (keys, removes_of_ten) = (1 << (6 + rng.below(9)), rng.below(11));
            for step in 0..6_000 {
                let (moved, ready) = progress(&view);
                let number = if rng.one_in(4) { step + (phase << 20) } else { rng.below(keys) };
                if rng.below(10) < removes_of_ten {
                    let gone = if rng.one_in(2) { held.first().copied() } else { Some(number) };
                    gone.inspect(|&gone| take(&view, gone)).inspect(|gone| _ = held.remove(gone));
                } else {
                    put(&view, number);
                    held.insert(number);
                }
                let (now_moved, now_ready) = progress(&view);
                assert!(now_moved <= moved + MOVES * LOOKS_PER_MOVE, "moved from {moved} to {now_moved}");
                assert!(now_ready <= ready + PREPARES, "prepared from {ready} to {now_ready}");
            }
            assert_eq!(view.len(), held.len());
            view.check();
        }
    });
}

#[test]
fn new_keys_that_come_behind_a_shrink_are_in_time_too() {
    const HELD: u64 = 20_000;
    for percent_left in [0, 1, 3, 6, 9, 12, 14] {
        let view = View::new(1);
        (0..HELD).for_each(|number| put(&view, number));
        let left = HELD * percent_left / 100;
        (left..HELD).for_each(|number| take(&view, number));
        // Only such as fill the next table, which is the smaller the fewer are left.
        for number in HELD..3 * HELD {
            let (moved, ready) = progress(&view);
            put(&view, number);
            let (now_moved, now_ready) = progress(&view);
            assert!(now_moved <= moved + MOVES * LOOKS_PER_MOVE, "moved from {moved} to {now_moved}");
            assert!(now_ready <= ready + PREPARES, "prepared from {ready} to {now_ready}");
        }
        assert_eq!(view.len() as u64, left + 2 * HELD);
        view.check();
    }
}

#[test]
fn tables_that_were_left_are_given_back_in_slices() {
    let view = View::new(1);
    (0..40_000).for_each(|number| put(&view, number));
    let places = |view: &View| view.writer.lock().retired.iter().map(|table| table.places()).sum::<usize>();
    assert!(places(&view) > 40_000, "{} places were left", places(&view));
    let (moves, mut slices) = (32, 0);
    while view.is_moving() {
        let before = places(&view);
        view.settle(moves);
        let after = places(&view);
        assert!(
            before.saturating_sub(after) <= moves * GIVEN_BACK_PER_MOVE + 256,
            "{before} to {after} at once"
        );
        slices += 1;
    }
    assert_eq!(places(&view), 0);
    assert!(slices > 20);
    view.check();
}

#[test]
fn a_table_that_somebody_still_reads_is_kept_and_nobody_is_kept_busy_by_it() {
    let view = View::new(1);
    let reader = view.newest();
    (0..1_000).for_each(|number| put(&view, number));
    while view.is_moving() {
        view.settle(MOVES);
    }
    assert_eq!(view.writer.lock().retired.len(), 1, "only the one that is read");
    drop(reader);
    assert!(view.is_moving(), "now nobody has it");
    view.settle(MOVES);
    assert!(view.writer.lock().retired.is_empty());
}

#[test]
fn what_is_cleared_leaves_its_tables_when_the_last_entry_has_gone() {
    let view = View::new(1);
    (0..1_000).for_each(|number| put(&view, number));
    while view.is_moving() {
        view.settle(MOVES);
    }
    let mut shown = view.take_all();
    assert!(!view.is_moving(), "its entries are there yet");
    while shown.drop_some(100) {}
    drop(shown);
    assert!(view.is_moving());
    while view.is_moving() {
        view.settle(MOVES);
    }
    assert!(view.writer.lock().retired.is_empty());
}
