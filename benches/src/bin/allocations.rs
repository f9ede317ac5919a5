//! How many times does an operation ask for memory? Counted, not timed.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin allocations -- [--quick] [--json] [--only NAME]`
//! Owns: the allocator that counts, and the loops over single operations. Never: times anything: counting
//! takes time.
#![forbid(unsafe_code)]

use std::alloc::System;
use std::ops::Range;
use std::process::ExitCode;

use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::contestant::{Contestant, Setup};
use apex_cache_bench::ours::Ours;
use apex_cache_bench::peers::{Foyer, MokaFuture, QuickCache};
use apex_cache_bench::report::{Better, Report, Row};
use apex_cache_bench::samples::Samples;
use apex_cache_bench::work::{Profile, key};
use apex_cache_bench::{Failure, host};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Entries that each cache holds.
const KEYS: u64 = 10_000;

const NOTES: &str = "\
Allocations of one operation; one that only makes a block larger counts too. They are those of the whole
program, so allocations that a cache makes for an operation on threads of its own are among them. One task
awaits each operation before the next. 10,000 profiles. Keys and profiles are made before, so a set of ours
encodes a profile, and one of a peer moves it into an Arc. set_awaited overwrites, set_new stores under a new
key, remove removes a key that is there, get_or_load_cold loads what is not there, hit reads by a text.";

/// What is counted, in this order: `remove` removes what `set_new` has stored.
const OPERATIONS: [&str; 5] = ["set_awaited", "set_new", "remove", "get_or_load_cold", "hit"];

/// Allocations so far.
fn asked() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// Does `operation` once for each of `ids`, one after the other. Returns how many allocations that took.
async fn counted<C: Contestant<Profile>>(
    cache: &C,
    operation: &str,
    ids: Range<u64>,
) -> Result<usize, Failure> {
    let entries: Vec<(String, Profile)> = ids.map(|id| (key(id), Profile::of(id))).collect();
    let (count, mut right, before) = (entries.len(), 0, asked());
    match operation {
        "set_awaited" | "set_new" => {
            for (key, profile) in entries {
                cache.set(key, profile).await?;
            }
            return Ok(asked() - before);
        }
        "remove" => {
            for (key, _) in &entries {
                right += usize::from(cache.remove(key).await?);
            }
        }
        "get_or_load_cold" => {
            for (key, _) in &entries {
                right += usize::from(cache.get_or_load(key).await?);
            }
        }
        _ => {
            for (key, _) in &entries {
                right += usize::from(cache.get(key).await?);
            }
        }
    }
    let allocations = asked() - before;
    if right == count {
        Ok(allocations)
    } else {
        Err(format!("{} did {right} of {count} operations of {operation}", C::NAME).into())
    }
}

/// Allocations of each of [`OPERATIONS`], the mean over `count` keys, in several rounds.
async fn figures<C: Contestant<Profile>>(count: u64, rounds: usize) -> Result<Vec<Samples>, Failure> {
    let cache = C::start(&Setup::of(KEYS)).await?;
    cache.set_many((0..KEYS).map(|id| (key(id), Profile::of(id))).collect()).await?;
    let (there, absent) = (0..count, KEYS..KEYS + count);
    let mut samples = vec![Samples::default(); OPERATIONS.len()];
    for round in 0..=rounds {
        for (sample, operation) in samples.iter_mut().zip(OPERATIONS) {
            let ids = if matches!(operation, "set_awaited" | "hit") { &there } else { &absent };
            if operation == "hit" {
                // The first hits of an entry decode it, and keep the copy.
                for _ in 0..3 {
                    counted(&cache, operation, ids.clone()).await?;
                }
            }
            let allocations = counted(&cache, operation, ids.clone()).await?;
            if operation == "get_or_load_cold" {
                counted(&cache, "remove", ids.clone()).await?; // so that the next round finds them absent
            }
            // In the first round each makes room for what follows.
            if round > 0 {
                sample.push(allocations as f64 / count as f64);
            }
        }
    }
    Ok(samples)
}

fn main() -> ExitCode {
    exit("allocations", || {
        let options = Options::parse(std::env::args().skip(1), &OPERATIONS, &[])?;
        let packages = ["apex-cache", "moka", "quick_cache", "foyer-memory"];
        let mut report = Report::open("allocations", &options, &packages, NOTES);
        let (count, rounds) = (options.pick(1_000, 5_000), options.pick(3, 5));
        let host = host::start()?;
        let ours = host.block_on(figures::<Ours>(count, rounds))?;
        let peers = [
            ("moka_future", host.block_on(figures::<MokaFuture<Profile>>(count, rounds))?),
            ("quick_cache", host.block_on(figures::<QuickCache<Profile>>(count, rounds))?),
            ("foyer", host.block_on(figures::<Foyer<Profile>>(count, rounds))?),
        ];
        for (place, operation) in OPERATIONS.into_iter().enumerate() {
            for (peer, theirs) in peers.iter().filter(|_| options.wants(operation)) {
                report.row(Row {
                    measure: operation.to_owned(),
                    keys: Some(KEYS),
                    threads: 1,
                    peer: (*peer).to_owned(),
                    ours: ours[place].clone(),
                    theirs: theirs[place].clone(),
                    unit: "allocs",
                    better: Better::Lower,
                });
            }
        }
        report.close()
    })
}
