//! Histories by hand, of which it is known whether they may be.
//!
//! Owns: a set and a load of one key, side by side. Never: runs a cache.

use super::*;

const KEY: u8 = 0;
const SET: u32 = 0;
const LOADED: u32 = 1;

fn read(id: u32, from: Source) -> Did {
    Did::Read { key: KEY, id, from, stored: true, age: 0, allowed: 0 }
}

/// A set of version 1 that begins at 3, a load that reads version 2 at 4, and the calls that are said.
fn history(done: Order, brought: Order, calls: &[(Order, Order, Did)]) -> Record {
    let mut record = Record::default();
    let made = |version, is_set, born, done| {
        let (tags, ttl, renewed) = (0, NEVER, Vec::new());
        Made { key: KEY, version, tags, is_set, born, done, ttl, renewed }
    };
    record.made = vec![made(1, true, 3, done), made(2, false, 4, NEVER)];
    let (entrance, start_ms, end_ms) = (Entrance::Load, 0, 0);
    record.runs.push(Run {
        key: KEY,
        entrance,
        tags: 0,
        start: 4,
        end: brought,
        start_ms,
        end_ms,
        id: LOADED,
    });
    let set = (3, done, Did::Set { key: KEY, id: SET, told: true });
    record.events.extend(calls.iter().cloned().chain([set]).map(|(began, ended, did)| Event {
        client: 0,
        began,
        ended,
        began_ms: 0,
        ended_ms: 0,
        limit: None,
        did,
    }));
    record
}

/// What is wrong with such a history.
fn judged(record: &Record) -> Option<String> {
    Line::new(record, KEY).judge(&mut Cells::default()).err().map(|fault| fault.words)
}

#[test]
fn a_set_under_way_across_a_whole_load_may_take_place_behind_it() {
    let load = (1, 6, read(LOADED, Source::Loaded));
    let seen = |began| (began, began + 1, read(SET, Source::Memory));
    assert_eq!(judged(&history(17, 5, &[load.clone(), seen(7), seen(18)])), None);
    // Also when the set is answered first; which of the two the tier takes first, nobody sees.
    let answered_late = (1, 9, read(LOADED, Source::Loaded));
    assert_eq!(judged(&history(7, 5, &[answered_late, seen(10)])), None);
}

#[test]
fn a_set_that_took_place_before_a_load_was_stored_does_not_come_back_after_it() {
    let load = (1, 9, read(LOADED, Source::Loaded));
    let seen = (20, 21, read(SET, Source::Memory));
    let known = |record: &Record| judged(record).is_some_and(|words| words.contains("version 2"));
    // It was answered before what the load brought could be held.
    assert!(known(&history(7, 8, &[load.clone(), seen.clone()])));
    // What the load brought was seen behind it.
    let again = (18, 19, read(LOADED, Source::Memory));
    assert!(known(&history(17, 5, &[load.clone(), again, seen.clone()])));
    // And what was set later is newer, however long the set before it took.
    let mut record = history(17, 5, &[load, seen]);
    record.made[LOADED as usize].is_set = true;
    assert!(known(&record));
}
