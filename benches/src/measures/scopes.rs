//! What an invalidation costs by the entries there are, and by those it takes.
//!
//! Owns: the scopes. Those that take the same number of entries in different ways are different rows.

use std::sync::Arc;

use super::{Bench, Gone, Peer};
use crate::Failure;
use crate::cli::Options;
use crate::contestant::{Entrant, Setup, Taken, Work};
use crate::host::nanos_in_all;
use crate::ours::Ours;
use crate::report::Report;
use crate::work::{Naming, Profile, Requests, grouped_key, nested_key};

/// The kinds of scope: all entries of a user; a pattern that goes on in the middle of that segment; and a part of the
/// entries of a user, deeper in the key.
pub const NAMES: [&str; 3] = ["prefix", "pattern", "nested"];
/// How many entries are taken.
const MATCHES: [u64; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

/// Runs those that are wanted, with each size.
///
/// Errors: a sentence, when a cache fails, or does not do what it says.
pub fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let sizes: &[u64] = options.pick(&[10_000, 100_000], &[10_000, 100_000, 1_000_000]);
    let mut bench = Bench::new(options, report)?;
    bench.repetitions = options.pick(2, 5);
    for &size in sizes {
        for kinds in [&NAMES[..2], &NAMES[2..]] {
            let wanted: Vec<_> = kinds.iter().filter(|name| options.wants(name)).collect();
            let Some(kind) = wanted.first() else { continue };
            let setup = Setup { predicates: true, ..Setup::of(size) };
            let peers = &[Peer::QuickCache, Peer::MokaSync];
            let entrants = bench.entrants::<Profile, Ours>(setup, size, naming(kind), peers)?;
            for kind in wanted {
                for matches in MATCHES.into_iter().filter(|&matches| matches * 2 <= size) {
                    take(&mut bench, kind, (size, matches), &entrants)?;
                }
            }
            super::scale::turns(&mut bench, size, &entrants[0])?;
        }
    }
    Ok(())
}

fn naming(kind: &str) -> Naming {
    if kind == "nested" { nested_key } else { grouped_key }
}

/// The scope that takes `matches` entries, and the first of these.
fn scope(kind: &str, matches: u64) -> (Taken, u64) {
    let first = (matches - 1) / 9; // 1 + 10 + 100 + ..
    match kind {
        "prefix" => (Taken::Prefix(format!("user::with{matches}xs").into()), first),
        "pattern" => (Taken::Like(format!("user::with{matches}x").into()), first),
        _ => {
            let key = nested_key(0);
            // One segment less for each power of ten.
            let begin = key.rsplitn(matches.ilog10() as usize + 1, "::").last().unwrap_or(&key);
            (Taken::Prefix(begin.into()), 0)
        }
    }
}

fn take(
    bench: &mut Bench<'_>,
    kind: &str,
    (size, matches): (u64, u64),
    entrants: &[Entrant],
) -> Result<(), Failure> {
    let ((taken, first), naming, host) = (scope(kind, matches), naming(kind), crate::host::start()?);
    let ids: Arc<[u64]> = (first..first + matches).collect();
    let keys = Requests::of(ids.iter().copied(), naming);
    let (measure, mut gone) = (format!("{kind}_{matches}"), Gone::default());
    bench.compare(&measure, (1, size), entrants, |one| {
        let done = host.block_on(one.run(&Work::Take([taken.clone()].into())))?;
        gone.check(&host, one, &keys)?;
        host.block_on(one.run(&Work::SetMany(Arc::clone(&ids), naming, 1_000)))?;
        host.block_on(one.run(&Work::Settle(size)))?;
        Ok(nanos_in_all(&[done], 1))
    })?;
    gone.tell(&measure, bench.report);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_takes_the_entries_that_it_says() {
        for kind in NAMES {
            for matches in MATCHES {
                let ((taken, first), naming) = (scope(kind, matches), naming(kind));
                let found: Vec<_> = (0..300_000).filter(|&id| taken.takes(&naming(id))).collect();
                assert_eq!(found.first(), Some(&first), "{taken:?}");
                assert_eq!(
                    (found.len() as u64, found.last()),
                    (matches, Some(&(first + matches - 1))),
                    "{taken:?}"
                );
            }
        }
    }
}
