//! Bugs that are planted on purpose: a simulation that does not find them would not find others either.
//!
//! Owns: the table of bug and seed. Never: runs without a bug.

use std::panic::{AssertUnwindSafe, catch_unwind};

use apex_cache::engine::seeded::{Bug, plant};

use crate::cells::Cells;

/// A bug must be found within so many seeds.
const SEEDS: u64 = 1_000;

/// The first seed whose history shows `bug`, and by what.
fn caught(bug: Bug) -> Option<(u64, String)> {
    plant(Some(bug));
    let found = (0..SEEDS).find_map(|seed| {
        let judged = catch_unwind(AssertUnwindSafe(|| crate::judged(seed, &mut Cells::default())));
        let words = match judged {
            Ok(Ok(_)) => return None,
            Ok(Err(fault)) => fault.lines().next().unwrap_or_default().to_owned(),
            Err(_) => String::from("a check within the cache failed"),
        };
        Some((seed, words))
    });
    plant(None);
    found
}

#[test]
fn each_planted_bug_is_found_within_a_thousand_seeds() {
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        match caught(bug) {
            Some((seed, words)) => println!("{:<20} seed {seed:>4}: {words:.120}", format!("{bug:?}")),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}
