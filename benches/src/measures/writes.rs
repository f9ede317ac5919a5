//! Writes, and loads of what is not there.
//!
//! Owns: what is written, and by how many at the same time. Never: counts the making of keys and values: they are ready.

use std::sync::Arc;

use super::{Bench, KEYS, Peer, check};
use crate::Failure;
use crate::contestant::{Entrant, Setup, Work};
use crate::host::{OneThread, WORKERS, in_tasks, nanos_as_seen, nanos_in_all, on_threads};
use crate::ours::{Inline, Ours};
use crate::work::{Profile, Random, Requests, key};

/// Peers that are written to; of moka's caches the one for tasks, which is the quicker one at it by a little.
const PEERS: &[Peer] = &[Peer::MokaFuture, Peer::QuickCache, Peer::Foyer, Peer::BareMap];

/// Overwrites of keys drawn evenly.
fn drawn(random: &mut Random, count: u64) -> Arc<[u64]> {
    (0..count).map(|_| random.below(KEYS)).collect()
}

/// Nanoseconds for each write, when `tasks` do their part of `count` at the same time.
fn sets(
    bench: &mut Bench<'_>,
    measure: &str,
    (tasks, count): (usize, u64),
    work: fn(Arc<[u64]>) -> Work,
) -> Result<(), Failure> {
    let (entrants, host) = (bench.profiles::<Ours>(PEERS)?, crate::host::start()?);
    let (mut random, each) = (Random::new(7), count / tasks as u64);
    bench.compare_writes(measure, (tasks, KEYS), &entrants, |one| {
        let pieces = (0..tasks).map(|_| work(drawn(&mut random, each))).collect();
        let done = in_tasks(&host, one, pieces)?;
        check(one, &done, each * tasks as u64)?;
        Ok(nanos_in_all(&done, (each * tasks as u64) as usize))
    })
}

/// One task that awaits each.
pub(super) fn set_awaited_1(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let count = bench.writes;
    sets(bench, measure, (1, count), |ids| Work::Set(ids, key))
}

/// One task that awaits each, on the thread of the cache: what it comes to without a wake-up.
pub(super) fn set_inline(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let mut entrants = bench.profiles::<Ours>(PEERS)?;
    let (thread, ids): (_, Arc<[u64]>) = (OneThread::start()?, Random::new(3).shuffled(KEYS).into());
    entrants[0] = thread.block_on(Entrant::start::<Profile, Inline>(Setup::of(KEYS), &ids, key))?;
    let (mut random, count) = (Random::new(7), bench.writes);
    bench.compare(measure, (1, KEYS), &entrants, |one| {
        let work = Work::Set(drawn(&mut random, count), key);
        let done = thread.block_on(one.run(&work))?;
        check(one, &[done], count)?;
        Ok(nanos_in_all(&[done], count as usize))
    })
}

/// 64 tasks that await each of theirs.
pub(super) fn set_awaited_64(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let count = bench.writes * 10;
    sets(bench, measure, (64, count), |ids| Work::Set(ids, key))
}

/// A hundred at once, by one task, and by eight; peers have no such call and write them one after the other.
pub(super) fn set_many_100(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let count = bench.writes * 10;
    for tasks in [1, 8] {
        sets(bench, measure, (tasks, count), |ids| Work::SetMany(ids, key, 100))?;
    }
    Ok(())
}

/// One after the other without waiting for each, and a barrier at the end.
pub(super) fn set_unawaited(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    sets(bench, measure, (1, 1_000), |ids| Work::SetUnawaited(ids, key))
}

/// Reads of keys that are not there, each of which runs a loader and stores what it brings.
pub(super) fn get_or_load_cold(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let peers = [Peer::MokaSync, Peer::MokaFuture, Peer::QuickCache, Peer::Foyer];
    let (entrants, count) = (bench.profiles::<Ours>(&peers)?, bench.writes * 2);
    for threads in [1, WORKERS as u64] {
        // Beside what is there, and taken away again after the turn.
        let part = |thread: u64| {
            let first = KEYS + thread * count;
            Requests::of(first..first + count, key)
        };
        let work: Vec<Requests> = (0..threads).map(part).collect();
        let host = crate::host::start()?;
        bench.compare_writes(measure, (threads as usize, KEYS), &entrants, |one: &Entrant| {
            let loads: Vec<Work> = work.iter().cloned().map(Work::GetOrLoad).collect();
            let done = on_threads(one, &loads)?;
            check(one, &done, threads * count)?; // all are loaded
            for requests in &work {
                host.block_on(one.run(&Work::Remove(requests.clone())))?;
            }
            let left = host.block_on(one.run(&Work::Settle(KEYS)))?;
            check(one, &[left], KEYS)?;
            Ok(nanos_as_seen(&done, (threads * count) as usize))
        })?;
    }
    Ok(())
}
