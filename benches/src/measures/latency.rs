//! How long single reads take while something large happens beside them.
//!
//! Owns: what happens. Never: takes a mean: that of a million quick reads hides the one that waited.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Bench, Peer, check};
use crate::Failure;
use crate::cli::Options;
use crate::contestant::{Entrant, Setup, Taken, Work};
use crate::host::on_threads;
use crate::ours::Ours;
use crate::report::Report;
use crate::samples::{Latencies, Samples};
use crate::work::{Profile, Requests, halved_key, zipf};

/// What happens beside the reads.
pub const NAMES: [&str; 4] = ["quiet", "wide_invalidation", "growth", "budget_shrink"];
/// How long nothing happens in `quiet`.
const QUIET: Duration = Duration::from_millis(500);
const PEERS: &[Peer] = &[Peer::MokaSync, Peer::QuickCache];

/// Runs those that are wanted.
///
/// Errors: a sentence, when a cache fails, or does not do what it says.
pub fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let mut bench = Bench::new(options, report)?;
    let turns = options.pick(2, 5);
    for name in NAMES.into_iter().filter(|name| options.wants(name)) {
        let mut samples = Vec::new();
        for turn in 0..turns {
            // A new cache for each turn: one that has grown does not grow again.
            let setup = Setup { predicates: true, room: bench.many * 4, ..Setup::of(bench.many) };
            let entrants = bench.entrants::<Profile, Ours>(setup, bench.many, halved_key, PEERS)?;
            samples.resize(entrants.len(), [const { Vec::new() }; 3]);
            for place in 0..entrants.len() {
                let number = (place + turn) % entrants.len();
                let figures = beside(&bench, &entrants[number], name)?;
                samples[number].iter_mut().zip(figures).for_each(|(sample, figure)| sample.push(figure));
            }
        }
        rows(&mut bench, name, samples);
    }
    Ok(())
}

fn rows(bench: &mut Bench<'_>, name: &str, samples: Vec<[Vec<f64>; 3]>) {
    if samples[0][0].iter().any(|figure| figure.is_nan()) {
        bench.report.remark(&format!("{name}: Apex Cache has no such operation"));
        return;
    }
    // A peer without such an operation has no row.
    let there: Vec<_> = ["apex", "moka_sync", "quick_cache"]
        .into_iter()
        .zip(samples)
        .filter(|(_, figures)| !figures[0].iter().any(|figure| figure.is_nan()))
        .collect();
    let names: Vec<_> = there.iter().map(|(name, _)| *name).collect();
    for (place, part) in ["p50", "p99_9", "longest"].into_iter().enumerate() {
        let figures: Vec<_> = there.iter().map(|(_, all)| Samples::from(all[place].clone())).collect();
        bench.rows(&format!("{name}_{part}"), (1, bench.many), &names, &figures, "ns");
    }
}

/// Nanoseconds of reads on one thread, half of which do not exceed the first figure, and all but one in a thousand the
/// second; the third is the longest. Not a number where the cache has no such operation.
fn beside(bench: &Bench<'_>, entrant: &Entrant, name: &str) -> Result<[f64; 3], Failure> {
    let ids = zipf(bench.many / 2, bench.reads, 1).into_iter().map(|id| id * 2);
    let requests = Requests::of(ids, halved_key);
    let (stop, kept) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    // Once before, so that the reads that count find the machine warm.
    check(entrant, &[bench.run(entrant, &Work::Get(requests.clone()))?], requests.len() as u64)?;
    let work = [Work::Sample(requests, Arc::clone(&stop), Arc::clone(&kept))];
    let (happened, reads) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| on_threads(entrant, &work));
        let happened = happen(bench, entrant, name);
        stop.store(true, Relaxed);
        (happened, reader.join())
    });
    let reads = reads.map_err(|_| "the reader panicked")??;
    if !happened? {
        return Ok([f64::NAN; 3]);
    }
    // A smaller budget may take what is read.
    if name != "budget_shrink" {
        check(entrant, &reads, 0)?;
    }
    let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    let latencies = Latencies::from(kept);
    Ok([500, 999, 1_000].map(|part| latencies.within(part)))
}

/// Lets it happen, to its end. Returns whether the cache can do such a thing.
fn happen(bench: &Bench<'_>, entrant: &Entrant, name: &str) -> Result<bool, Failure> {
    match name {
        "quiet" => std::thread::sleep(QUIET),
        "wide_invalidation" => {
            bench.run(entrant, &Work::Take([Taken::Prefix("user::odd".into())].into()))?;
            bench.run(entrant, &Work::Settle(bench.many / 2))?;
        }
        "growth" => {
            let ids: Arc<[u64]> = (bench.many..bench.many * 2).collect();
            bench.run(entrant, &Work::SetMany(ids, halved_key, 1_000))?;
        }
        _ => return Ok(bench.run(entrant, &Work::Resize(bench.many / 4))?.count > 0),
    }
    Ok(true)
}
