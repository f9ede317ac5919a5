//! How do we compare with moka and `quick_cache` on a hit, on an awaited set, on 64 sets at a time, and with moka and
//! `cached` on a whole call of a cached function?
//!
//! Run: `cargo run --release -p apex-cache-bench --bin peers -- [--quick] [--json]`
//! Owns: which work is measured, and on how many threads. Never: compares figures of different runs.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods)] // what is measured here is the machine's own time, on threads of the host

use std::process::ExitCode;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use apex_cache_bench::Failure;
use apex_cache_bench::calls::{COUNT, Caller};
use apex_cache_bench::contestant::Contestant;
use apex_cache_bench::machine;
use apex_cache_bench::report::Row;
use apex_cache_bench::samples::{Samples, interleave};
use apex_cache_bench::work::{Profile, Random, Requests, key, zipf};
use tokio::runtime::{Builder, Runtime};

/// Keys that writes and loads are spread over.
const KEYS: u64 = 100_000;
/// Tasks that write at the same time.
const TASKS: usize = 64;
/// Worker threads of the host in which sets are awaited.
const WORKERS: usize = 2;

struct Options {
    json: bool,
    repetitions: usize,
    /// Numbers of keys that reads are measured with.
    sizes: &'static [u64],
    /// Reads of one thread in one turn.
    reads: usize,
    /// Sets that are awaited back to back in one turn.
    sets: usize,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let (mut quick, mut json) = (false, false);
        for argument in arguments {
            match argument.as_str() {
                "--quick" => quick = true,
                "--json" => json = true,
                other => {
                    return Err(format!("there is no option {other}; there are --quick and --json").into());
                }
            }
        }
        Ok(if quick {
            Self { json, repetitions: 5, sizes: &[1_000, 100_000], reads: 100_000, sets: 2_000 }
        } else {
            Self { json, repetitions: 9, sizes: &[1_000, 100_000, 1_000_000], reads: 300_000, sets: 5_000 }
        })
    }
}

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("peers: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Failure> {
    let options = Options::parse(std::env::args().skip(1))?;
    let machine = machine::describe();
    let peers = ["moka", "quick_cache", "cached"].map(machine::versioned).join(", ");
    let about = format!("{} beside {peers}; {machine}", machine::versioned("apex-cache"));
    // Rows alone go to standard output when a program reads it.
    if options.json {
        eprintln!("{about}");
    } else {
        println!("{about}\n{NOTES}\n{}", Row::heading());
    }
    let host = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    for &size in options.sizes {
        let contestants = host.block_on(Contestant::all(size))?;
        for threads in [1, 2] {
            let requests = |thread| Requests::zipf(size, options.reads, thread as u64 + 1);
            let work: Vec<Requests> = (0..threads).map(requests).collect();
            let measured = interleave(&contestants, options.repetitions, |one| reads(one, &work, false))?;
            show_reads(&options, &contestants, &size.to_string(), threads, &measured);
        }
    }
    let contestants = host.block_on(Contestant::all(KEYS))?;
    let work = vec![Requests::one(options.reads); 2];
    let measured = interleave(&contestants, options.repetitions, |one| reads(one, &work, false))?;
    show_reads(&options, &contestants, "one_hot_key", 2, &measured);

    // `get_with` has no counterpart with a loader, and sets are the same for both.
    let contestants: Vec<Contestant> =
        contestants.into_iter().filter(|one| !matches!(one, Contestant::OursLook(_))).collect();
    for threads in [1, 2] {
        let requests = |thread| Requests::zipf(KEYS, options.reads, thread as u64 + 1);
        let work: Vec<Requests> = (0..threads).map(requests).collect();
        let measured = interleave(&contestants, options.repetitions, |one| reads(one, &work, true))?;
        show(&options, &contestants, &format!("get_or_load_hit_{KEYS}"), threads, &measured);
    }
    let mut random = Random::new(7);
    let measured = interleave(&contestants, options.repetitions, |one| {
        sets(&host, one, vec![entries(&mut random, options.sets)])
    })?;
    show(&options, &contestants, "set_awaited", 1, &measured);
    let measured = interleave(&contestants, options.repetitions, |one| {
        let each = options.sets * 10 / TASKS;
        sets(&host, one, (0..TASKS).map(|_| entries(&mut random, each)).collect())
    })?;
    show(&options, &contestants, "set_64_tasks", WORKERS, &measured);
    drop(contestants);
    for (measure, shared) in [("cached_fn_hit", false), ("cached_fn_hit_arc", true)] {
        let callers = host.block_on(Caller::all(shared))?;
        for threads in [1, 2] {
            let ids = |thread| zipf(COUNT, options.reads, thread as u64 + 1);
            let work: Vec<Vec<u64>> = (0..threads).map(ids).collect();
            let measured = interleave(&callers, options.repetitions, |one| calls(one, &work))?;
            for (peer, theirs) in callers.iter().zip(&measured).skip(1) {
                row(&options, measure, threads, peer.name(), &measured[0], theirs);
            }
        }
    }
    Ok(())
}

const NOTES: &str = "\
Time is nanoseconds for one operation: of a read, as each thread sees it; of a set with 64 tasks, time of all by number
of all. Medians, with the smallest and the largest; a ratio above 1 means that we are faster. All in one run, in turns.
Peers hand out a shared Arc<Profile>; get and get_with of ours decode the value at each read, and set encodes it. In
cached_fn_hit each function returns a Profile of its caller's own, which peers clone; in cached_fn_hit_arc an Arc.";

/// Nanoseconds for each read, as the threads see it; each thread does its own part of `work`.
fn reads(contestant: &Contestant, work: &[Requests], load: bool) -> Result<f64, Failure> {
    let took = on_threads(work, async |requests: &Requests| {
        let read =
            if load { contestant.read_or_load(requests).await } else { contestant.read(requests).await };
        match read? {
            found if found == requests.len() => Ok(()),
            found => Err(format!("{} found {found} of {} keys", contestant.name(), requests.len()).into()),
        }
    })?;
    let all: usize = work.iter().map(Requests::len).sum();
    Ok(took.as_nanos() as f64 / all as f64)
}

/// Nanoseconds for each call of a cached function, likewise.
fn calls(caller: &Caller, work: &[Vec<u64>]) -> Result<f64, Failure> {
    let took = on_threads(work, async |ids: &Vec<u64>| caller.call(ids).await)?;
    let all: usize = work.iter().map(Vec::len).sum();
    Ok(took.as_nanos() as f64 / all as f64)
}

/// Does each part of `work` in a thread of its own, at the same time. Returns what they took, summed.
fn on_threads<W: Sync>(
    work: &[W],
    act: impl AsyncFn(&W) -> Result<(), Failure> + Sync,
) -> Result<Duration, Failure> {
    let gate = Barrier::new(work.len());
    let run = |part: &W| -> Result<Duration, Failure> {
        let runtime = Builder::new_current_thread().build()?;
        gate.wait();
        let began = Instant::now();
        runtime.block_on(act(part))?;
        Ok(began.elapsed())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = work.iter().map(|part| scope.spawn(|| run(part))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a reader panicked")?).sum()
    })
}

/// Overwrites of keys drawn evenly.
fn entries(random: &mut Random, count: usize) -> Vec<(String, Profile)> {
    let entry = |_| {
        let id = random.below(KEYS);
        (key(id), Profile::of(id))
    };
    (0..count).map(entry).collect()
}

/// Nanoseconds for each set, when each part of `work` is a task that awaits one set after the other.
fn sets(host: &Runtime, contestant: &Contestant, work: Vec<Vec<(String, Profile)>>) -> Result<f64, Failure> {
    let all: usize = work.iter().map(Vec::len).sum();
    let began = Instant::now();
    host.block_on(async {
        let start = |entries| {
            let contestant = contestant.clone();
            tokio::spawn(async move { contestant.write(entries).await })
        };
        let tasks: Vec<_> = work.into_iter().map(start).collect();
        for task in tasks {
            task.await??;
        }
        Ok::<_, Failure>(())
    })?;
    Ok(began.elapsed().as_nanos() as f64 / all as f64)
}

/// The two ways of reading ours, each beside every peer.
fn show_reads(
    options: &Options,
    contestants: &[Contestant],
    keys: &str,
    threads: usize,
    measured: &[Samples],
) {
    for (ours, samples) in contestants.iter().zip(measured) {
        let way = match ours {
            Contestant::Ours(_) => "get",
            Contestant::OursLook(_) => "get_with",
            _ => continue,
        };
        rows(options, contestants, &format!("{way}_{keys}"), threads, samples, measured);
    }
}

/// Ours beside every peer.
fn show(options: &Options, contestants: &[Contestant], measure: &str, threads: usize, measured: &[Samples]) {
    let ours = contestants.iter().position(|one| matches!(one, Contestant::Ours(_)));
    if let Some(ours) = ours {
        rows(options, contestants, measure, threads, &measured[ours], measured);
    }
}

fn rows(
    options: &Options,
    contestants: &[Contestant],
    measure: &str,
    threads: usize,
    ours: &Samples,
    measured: &[Samples],
) {
    let is_ours = |one: &Contestant| matches!(one, Contestant::Ours(_) | Contestant::OursLook(_));
    for (peer, theirs) in contestants.iter().zip(measured).filter(|(one, _)| !is_ours(one)) {
        row(options, measure, threads, peer.name(), ours, theirs);
    }
}

fn row(
    options: &Options,
    measure: &str,
    threads: usize,
    peer: &'static str,
    ours: &Samples,
    theirs: &Samples,
) {
    let (measure, ours, theirs) = (measure.to_owned(), ours.clone(), theirs.clone());
    let row = Row { measure, threads, peer, ours, theirs };
    println!("{}", if options.json { row.json() } else { row.line() });
}
