//! What one operation costs with a thousand entries, and with ten million.
//!
//! Owns: the sizes. Never: a hundred turns of the slow ones: those of peers that look at all entries take seconds there.

use std::sync::Arc;

use super::{Bench, Gone, Peer, check};
use crate::Failure;
use crate::cli::Options;
use crate::contestant::{Entrant, Setup, Taken, Work};
use crate::host::{nanos_as_seen, nanos_in_all};
use crate::ours::Prepared;
use crate::report::Report;
use crate::turns::Turns;
use crate::work::{Profile, Random, Requests, shared_key, zipf};

/// What is measured with each size.
pub const NAMES: [&str; 4] = ["get", "set", "remove", "invalidate"];
/// Up to here moka is measured, too; its ten million would take more than four gigabytes.
const MOKA_MAX: u64 = 1_000_000;

/// Runs those that are wanted, with each size.
///
/// Errors: a sentence, when a cache fails, or does not do what it says.
pub fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let sizes: &[u64] =
        options.pick(&[1_000, 10_000, 100_000, 1_000_000], &[1_000, 10_000, 100_000, 1_000_000, 10_000_000]);
    let mut bench = Bench::new(options, report)?;
    bench.repetitions = options.pick(2, 5);
    for &size in sizes {
        let setup = Setup { predicates: true, ..Setup::of(size) };
        let peers: &[Peer] =
            if size > MOKA_MAX { &[Peer::QuickCache] } else { &[Peer::QuickCache, Peer::MokaSync] };
        let entrants = bench.entrants::<Profile, Prepared>(setup, size, shared_key, peers)?;
        for name in NAMES.into_iter().filter(|name| options.wants(name)) {
            match name {
                "get" => get(&mut bench, size, &entrants),
                "set" => set(&mut bench, size, &entrants),
                "remove" => remove(&mut bench, size, &entrants),
                _ => invalidate(&mut bench, size, &entrants),
            }
            .map_err(|failure| format!("{name} with {size} entries: {failure}"))?;
        }
        turns(&mut bench, size, &entrants[0])?;
    }
    Ok(())
}

fn get(bench: &mut Bench<'_>, size: u64, entrants: &[Entrant]) -> Result<(), Failure> {
    let (requests, host) = (Requests::of(zipf(size, bench.reads, 1), shared_key), crate::host::start()?);
    bench.compare("get", (1, size), entrants, |one| {
        let done = host.block_on(one.run(&Work::Get(requests.clone())))?;
        check(one, &[done], requests.len() as u64)?;
        Ok(nanos_as_seen(&[done], requests.len()))
    })
}

fn set(bench: &mut Bench<'_>, size: u64, entrants: &[Entrant]) -> Result<(), Failure> {
    let (count, host, mut random) = (bench.writes, crate::host::start()?, Random::new(7));
    bench.compare("set", (1, size), entrants, |one| {
        let ids = (0..count).map(|_| random.below(size)).collect();
        let done = host.block_on(one.run(&Work::Set(ids, shared_key)))?;
        Ok(nanos_in_all(&[done], count as usize))
    })
}

/// Different entries, drawn evenly.
fn drawn(size: u64, count: u64) -> Arc<[u64]> {
    Random::new(5).shuffled(size).into_iter().take(count as usize).collect()
}

fn remove(bench: &mut Bench<'_>, size: u64, entrants: &[Entrant]) -> Result<(), Failure> {
    let ids = drawn(size, bench.writes.min(size / 2));
    let (keys, host) = (Requests::of(ids.iter().copied(), shared_key), crate::host::start()?);
    bench.compare("remove", (1, size), entrants, |one| {
        let done = host.block_on(one.run(&Work::Remove(keys.clone())))?;
        check(one, &[done], ids.len() as u64)?;
        host.block_on(one.run(&Work::SetMany(Arc::clone(&ids), shared_key, 1_000)))?;
        host.block_on(one.run(&Work::Settle(size)))?;
        Ok(nanos_in_all(&[done], ids.len()))
    })
}

/// The ten entries of a user, a few users in a turn, until no reader sees them.
fn invalidate(bench: &mut Bench<'_>, size: u64, entrants: &[Entrant]) -> Result<(), Failure> {
    const USERS: u64 = 3;
    let taken: Arc<[Taken]> = (0..USERS).map(|user| Taken::Prefix(format!("user::{user}").into())).collect();
    let ids: Arc<[u64]> = (0..USERS * 10).collect();
    let (keys, host) = (Requests::of(ids.iter().copied(), shared_key), crate::host::start()?);
    let mut gone = Gone::default();
    bench.compare("invalidate", (1, size), entrants, |one| {
        let done = host.block_on(one.run(&Work::Take(Arc::clone(&taken))))?;
        gone.check(&host, one, &keys)?;
        host.block_on(one.run(&Work::SetMany(Arc::clone(&ids), shared_key, 1_000)))?;
        host.block_on(one.run(&Work::Settle(size)))?;
        Ok(nanos_in_all(&[done], USERS as usize))
    })?;
    gone.tell("invalidate", bench.report);
    Ok(())
}

/// How long ours could take no message, in all turns since it was started, filling included: as seen on a clock, so that
/// a turn which the machine interrupts is as long as whoever waits for it finds it.
pub(super) fn turns(bench: &mut Bench<'_>, keys: u64, ours: &Entrant) -> Result<(), Failure> {
    for times in bench.host.block_on(ours.turns())?.since(&Turns::default()) {
        let times = times.among(keys);
        bench.report.print("turns of our cache", &times.line(), &times.json());
    }
    Ok(())
}
