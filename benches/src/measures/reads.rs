//! Reads that find what they look for, or nothing.
//!
//! Owns: which keys are read, and what is read beside them. Never: changes an entry, except in `hit_under_writes`.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use tokio::sync::Barrier;

use super::{Bench, KEYS, Peer, check};
use crate::Failure;
use crate::calls::{COUNT, Caller};
use crate::contestant::{Done, Entrant, Setup, Work, timed};
use crate::host::{each, nanos_as_seen, on_threads};
use crate::ours::{Ours, Prepared};
use crate::samples::interleave;
use crate::work::{Naming, Requests, absent_key, key, zipf};

const PEERS: &[Peer] = &[Peer::MokaSync, Peer::QuickCache, Peer::Foyer, Peer::BareMap];

/// Requests of one thread.
fn popular(count: usize, thread: usize, naming: Naming) -> Requests {
    Requests::of(zipf(KEYS, count, thread as u64 + 1), naming)
}

/// Nanoseconds for each of `requests`, which each thread has for itself; `found` says how many are there.
fn turn(
    entrant: &Entrant,
    requests: &[Requests],
    work: fn(Requests) -> Work,
    found: fn(usize) -> usize,
) -> Result<f64, Failure> {
    let work: Vec<Work> = requests.iter().cloned().map(work).collect();
    let done = on_threads(entrant, &work)?;
    let count = requests.iter().map(Requests::len).sum();
    check(entrant, &done, found(count) as u64)?;
    Ok(nanos_as_seen(&done, count))
}

/// On one thread and on two.
fn reads(
    bench: &mut Bench<'_>,
    measure: &str,
    entrants: &[Entrant],
    requests: impl Fn(usize) -> Requests,
    work: fn(Requests) -> Work,
    found: fn(usize) -> usize,
) -> Result<(), Failure> {
    for threads in [1, 2] {
        let requests: Vec<Requests> = (0..threads).map(&requests).collect();
        bench.compare(measure, (threads, KEYS), entrants, |one| turn(one, &requests, work, found))?;
    }
    Ok(())
}

fn hits(bench: &mut Bench<'_>, measure: &str, entrants: &[Entrant]) -> Result<(), Failure> {
    let count = bench.reads;
    reads(bench, measure, entrants, |thread| popular(count, thread, key), Work::Get, |all| all)
}

/// Ours by keys that were prepared; peers have no such thing and are given texts.
pub(super) fn typed_hit(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let entrants = bench.profiles::<Prepared>(PEERS)?;
    hits(bench, measure, &entrants)
}

pub(super) fn typed_hit_str(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let entrants = bench.profiles::<Ours>(PEERS)?;
    hits(bench, measure, &entrants)
}

pub(super) fn bytes_hit(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let entrants = bench.entrants::<Bytes, Ours>(Setup::of(KEYS), KEYS, key, PEERS)?;
    hits(bench, measure, &entrants)
}

pub(super) fn hot_key(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let entrants = bench.profiles::<Prepared>(PEERS)?;
    // Many of them: a turn that ends before the other thread has woken measures one thread.
    let one = Requests::of(vec![0; bench.reads * 10], key);
    reads(bench, measure, &entrants, |_| one.clone(), Work::Get, |all| all)
}

pub(super) fn miss(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let (entrants, count) = (bench.profiles::<Ours>(PEERS)?, bench.reads * 4);
    reads(bench, measure, &entrants, |thread| popular(count, thread, absent_key), Work::Get, |_| 0)
}

pub(super) fn get_or_load_hit(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let peers = [Peer::MokaSync, Peer::MokaFuture, Peer::QuickCache, Peer::Foyer];
    let (entrants, count) = (bench.profiles::<Ours>(&peers)?, bench.reads);
    // None is loaded.
    reads(bench, measure, &entrants, |thread| popular(count, thread, key), Work::GetOrLoad, |_| 0)
}

/// Overwrites in each millisecond while others read: 100,000 in a second.
const OVERWRITES: usize = 100;

pub(super) fn hit_under_writes(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let entrants = bench.profiles::<Prepared>(PEERS)?;
    let count = bench.reads * 5; // so that even the quickest reads beside many a millisecond of writing
    let rates = Mutex::new(Vec::new());
    for threads in [1, 2] {
        let requests: Vec<Requests> = (0..threads).map(|thread| popular(count, thread, key)).collect();
        bench.compare(measure, (threads, KEYS), &entrants, |one| {
            let (took, written) = beside_a_writer(one, || turn(one, &requests, Work::Get, |all| all))?;
            let rate = written.count as f64 / written.took().as_secs_f64();
            rates.lock().map_err(|_| "a turn panicked")?.push((rate, one.name));
            Ok(took)
        })?;
    }
    let mut rates = rates.into_inner().map_err(|_| "a turn panicked")?;
    rates.sort_by(|one, other| one.0.total_cmp(&other.0));
    if let Some((rate, name)) = rates.first().filter(|(rate, _)| *rate < 90_000.0) {
        bench
            .report
            .remark(&format!("{measure}: {name} was given {rate:.0} writes in a second at its worst"));
    }
    Ok(())
}

/// Calls `act` while a thread of its own overwrites entries.
fn beside_a_writer<R>(
    entrant: &Entrant,
    act: impl FnOnce() -> Result<R, Failure>,
) -> Result<(R, Done), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let work = [Work::Overwrite(KEYS, OVERWRITES, Arc::clone(&stop))];
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| on_threads(entrant, &work));
        let result = act();
        stop.store(true, Relaxed);
        let written = writer.join().map_err(|_| "the writer panicked")??;
        Ok((result?, written[0]))
    })
}

/// A whole call of a cached function, which formats its key from a number.
pub(super) fn cached_fn_hit(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let callers = bench.host.block_on(Caller::all(measure.ends_with("arc")))?;
    for threads in [1, 2] {
        let ids = |thread| zipf(COUNT, bench.reads, thread as u64 + 1);
        let work: Vec<Vec<u64>> = (0..threads).map(ids).collect();
        let samples = interleave(&callers, bench.repetitions, |one| {
            let gate = Barrier::new(threads);
            let done = each(&work, |ids, runtime| {
                runtime.block_on(timed(&gate, async { one.call(ids).await.map(|()| ids.len() as u64) }))
            })?;
            Ok(nanos_as_seen(&done, work.iter().map(Vec::len).sum()))
        })?;
        let names: Vec<_> = callers.iter().map(Caller::name).collect();
        bench.rows(measure, (threads, COUNT), &names, &samples, "ns");
    }
    Ok(())
}
