//! More threads than cores, and many tasks on two threads: the share of the throughput of two threads that is
//! left, and the time that single operations take.
//!
//! Owns: the crews, the operations that they share, and the rows. Never: gives each thread operations of its
//! own, because the thread that gets the least of a core would then decide how long a turn lasts.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::Barrier;

use super::{Bench, KEYS};
use crate::Failure;
use crate::contestant::{Contestant, Done, Setup, settle};
use crate::host::{each, lower_priority, nanos_in_all};
use crate::ours::Ours;
use crate::peers::{MokaFuture, QuickCache};
use crate::report::{Report, rounded};
use crate::samples::{Latencies, Samples, interleave};
use crate::turns::Turns;
use crate::work::{Profile, Random, key, zipf};

/// Operations that a thread takes at a time. A task yields after them.
const BATCH: usize = 16;
/// One of so many operations of `mixed` is a set.
const MIX: usize = 10;

/// The threads or tasks that work at the same time.
#[derive(Debug, Clone, Copy)]
enum Crew {
    /// Threads with a runtime each. The first `nice` of them have the lowest priority.
    Threads { count: usize, nice: usize },
    /// Tasks on the two threads of a runtime.
    Tasks(usize),
}

/// The first crew is the base of the comparison.
const CREWS: [Crew; 4] = [
    Crew::Threads { count: 2, nice: 0 },
    Crew::Threads { count: 4, nice: 1 },
    Crew::Threads { count: 8, nice: 1 },
    Crew::Tasks(64),
];

/// One operation, with what it needs.
#[derive(Debug)]
enum Step {
    Get(String),
    /// Loads what is not there.
    Load(String),
    /// `None` once it was carried out.
    Set(Option<(String, Profile)>),
}

/// The operations of one turn, in batches. A thread or task that is free takes the next batch.
#[derive(Debug)]
struct Steps {
    batches: Vec<Mutex<Vec<Step>>>,
    next: AtomicUsize,
}

impl Steps {
    /// `count` operations of the kind `work`.
    fn of(work: &str, count: u64) -> Self {
        let mut random = Random::new(7);
        let mut set = |_| {
            let id = random.below(KEYS);
            Step::Set(Some((key(id), Profile::of(id))))
        };
        let steps: Vec<Step> = match work {
            "set_awaited" => (0..count).map(set).collect(),
            "get_or_load_cold" => (KEYS..KEYS + count).map(|id| Step::Load(key(id))).collect(),
            _ => {
                let reads = zipf(KEYS, count as usize, 1).into_iter().enumerate();
                reads.map(|(place, id)| if place % MIX == 0 { set(0) } else { Step::Get(key(id)) }).collect()
            }
        };
        let (mut steps, mut batches) = (steps.into_iter().peekable(), Vec::new());
        while steps.peek().is_some() {
            batches.push(Mutex::new(steps.by_ref().take(BATCH).collect()));
        }
        Self { batches, next: AtomicUsize::new(0) }
    }

    fn next(&self) -> Option<Vec<Step>> {
        let batch = self.batches.get(self.next.fetch_add(1, Relaxed))?;
        Some(std::mem::take(&mut *batch.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Takes batches until none is left. Returns the number of operations that did what they say, and the
/// nanoseconds of each.
async fn work<C: Contestant<Profile>>(
    cache: &C,
    steps: &Steps,
    gate: &Barrier,
    yields: bool,
) -> Result<(Done, Vec<u64>), Failure> {
    let (mut nanos, mut count) = (Vec::new(), 0);
    gate.wait().await;
    let began = Instant::now();
    while let Some(mut batch) = steps.next() {
        let mut last = Instant::now();
        for step in &mut batch {
            count += u64::from(match step {
                Step::Get(key) => cache.get(key).await?,
                Step::Load(key) => cache.get_or_load(key).await?,
                Step::Set(entry) => match entry.take() {
                    Some((key, profile)) => cache.set(key, profile).await.map(|()| true)?,
                    None => false,
                },
            });
            let now = Instant::now();
            nanos.push((now - last).as_nanos() as u64);
            last = now;
        }
        if yields {
            tokio::task::yield_now().await;
        }
    }
    Ok((Done { began, ended: Instant::now(), count }, nanos))
}

/// The figures of one turn.
struct CrewTurn {
    /// Operations in a second.
    per_second: f64,
    /// Nanoseconds of each operation: of the threads with the usual priority, and of those with the lowest.
    nanos: [Vec<u64>; 2],
}

/// A cache of any kind that takes part.
trait Contender {
    fn name(&self) -> &'static str;
    fn turn(&self, work: &str, count: u64, crew: Crew) -> Result<CrewTurn, Failure>;
    fn turns(&self) -> Result<Turns, Failure>;
}

struct Filled<C> {
    cache: Arc<C>,
    host: Runtime,
}

impl<C: Contestant<Profile>> Filled<C> {
    /// One that holds [`KEYS`] profiles.
    fn start() -> Result<Box<dyn Contender>, Failure> {
        let host = crate::host::start()?;
        let cache = host.block_on(async {
            let cache = C::start(&Setup::of(KEYS)).await?;
            for ids in Random::new(KEYS).shuffled(KEYS).chunks(1_000) {
                cache.set_many(ids.iter().map(|&id| (key(id), Profile::of(id))).collect()).await?;
            }
            Ok::<_, Failure>(cache)
        })?;
        Ok(Box::new(Self { cache: Arc::new(cache), host }))
    }

    /// Carries `steps` out. Returns for each thread or task whether it has the usual priority, what it did,
    /// and the nanoseconds of its operations.
    fn all_work(&self, steps: Steps, crew: Crew) -> Result<Vec<(bool, Done, Vec<u64>)>, Failure> {
        match crew {
            Crew::Threads { count, nice } => {
                let (gate, threads) = (Barrier::new(count), (0..count).collect::<Vec<_>>());
                each(&threads, |&thread, runtime| {
                    let is_nice = thread < nice;
                    let lowered = if is_nice { lower_priority() } else { Ok(()) };
                    let (done, nanos) = runtime.block_on(work(&*self.cache, &steps, &gate, false))?;
                    lowered?; // only now: the others wait at the gate for this thread
                    Ok((!is_nice, done, nanos))
                })
            }
            Crew::Tasks(count) => self.host.block_on(async {
                let shared = Arc::new((steps, Barrier::new(count)));
                let start = |_| {
                    let (cache, shared) = (Arc::clone(&self.cache), Arc::clone(&shared));
                    tokio::spawn(async move { work(&*cache, &shared.0, &shared.1, true).await })
                };
                let tasks: Vec<_> = (0..count).map(start).collect();
                let mut all = Vec::new();
                for task in tasks {
                    let (done, nanos) = task.await??;
                    all.push((true, done, nanos));
                }
                Ok(all)
            }),
        }
    }
}

impl<C: Contestant<Profile>> Contender for Filled<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn turn(&self, work: &str, count: u64, crew: Crew) -> Result<CrewTurn, Failure> {
        let all = self.all_work(Steps::of(work, count), crew)?;
        let done: Vec<Done> = all.iter().map(|(_, done, _)| *done).collect();
        match done.iter().map(|done| done.count).sum::<u64>() {
            right if right == count => {}
            right => return Err(format!("{} did {right} of {count} operations", C::NAME).into()),
        }
        if work == "get_or_load_cold" {
            self.host.block_on(async {
                for id in KEYS..KEYS + count {
                    self.cache.remove(&key(id)).await?;
                }
                match settle(&*self.cache, KEYS).await? {
                    KEYS => Ok(()),
                    held => Err(Failure::from(format!("{} holds {held} of {KEYS} entries", C::NAME))),
                }
            })?;
        }
        let mut nanos = [Vec::new(), Vec::new()];
        for (is_usual, _, mut more) in all {
            nanos[usize::from(!is_usual)].append(&mut more);
        }
        Ok(CrewTurn { per_second: 1e9 / nanos_in_all(&done, count as usize), nanos })
    }

    fn turns(&self) -> Result<Turns, Failure> {
        self.host.block_on(self.cache.turns())
    }
}

/// A cache with one crew, and the nanoseconds of all operations in the turns that count.
struct CrewCase<'c> {
    cache: &'c dyn Contender,
    crew: Crew,
    nanos: Mutex<[Vec<u64>; 2]>,
    turns: AtomicUsize,
}

impl<'c> CrewCase<'c> {
    fn of(cache: &'c dyn Contender, crew: Crew) -> Self {
        Self { cache, crew, nanos: Mutex::default(), turns: AtomicUsize::new(0) }
    }

    fn turn(&self, work: &str, count: u64) -> Result<f64, Failure> {
        let turn = self.cache.turn(work, count, self.crew)?;
        if self.turns.fetch_add(1, Relaxed) > 0 {
            let mut all = self.nanos.lock().map_err(|_| "a turn panicked")?;
            all.iter_mut().zip(turn.nanos).for_each(|(all, mut nanos)| all.append(&mut nanos));
        }
        Ok(turn.per_second)
    }
}

#[derive(Serialize)]
struct ThreadsRow {
    measure: String,
    work: String,
    peer: &'static str,
    threads: usize,
    /// Threads with the lowest priority.
    nice: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<usize>,
    per_second: f64,
    /// The throughput divided by that of two threads in the same round.
    against_2: f64,
    p50: f64,
    p99_9: f64,
    longest: f64,
    /// The longest operation of the thread with the lowest priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_nice: Option<f64>,
    unit: &'static str,
    spread: RateSpread,
}

#[derive(Serialize)]
struct RateSpread {
    per_second: [f64; 2],
    against_2: [f64; 2],
}

impl ThreadsRow {
    fn of(measure: &str, work: &str, case: CrewCase<'_>, throughput: &Samples, base: &Samples) -> Self {
        let [usual, nice] = case.nanos.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (usual, nice) = (Latencies::from(usual), Latencies::from(nice));
        let micros = |latencies: &Latencies, of_1000| rounded(latencies.within(of_1000) / 1_000.0);
        let (threads, nice_threads, tasks) = match case.crew {
            Crew::Threads { count, nice } => (count, nice, None),
            Crew::Tasks(count) => (crate::host::WORKERS, 0, Some(count)),
        };
        let against = throughput.ratio(base);
        Self {
            measure: measure.to_owned(),
            work: work.to_owned(),
            peer: case.cache.name(),
            threads,
            nice: nice_threads,
            tasks,
            per_second: rounded(throughput.median()),
            against_2: rounded(against.median()),
            p50: micros(&usual, 500),
            p99_9: micros(&usual, 999),
            longest: micros(&usual, 1_000),
            longest_nice: (nice.count() > 0).then(|| micros(&nice, 1_000)),
            unit: "us",
            spread: RateSpread {
                per_second: throughput.spread().map(rounded),
                against_2: against.spread().map(rounded),
            },
        }
    }

    fn print(&self, report: &mut Report) {
        let heading = format!(
            "{:<17} {:>3} {:>4} {:>5}  {:<12} {:>10} {:<21} {:>9} {:<13} {:>8} {:>9} {:>10} {:>13}  us",
            self.measure,
            "thr",
            "nice",
            "tasks",
            "cache",
            "1/s",
            "(min..max)",
            "against 2",
            "(min..max)",
            "p50",
            "p99.9",
            "longest",
            "longest, nice"
        );
        let spread = |[least, most]: [f64; 2]| format!("({least}..{most})");
        let line = format!(
            "{:<17} {:>3} {:>4} {:>5}  {:<12} {:>10} {:<21} {:>9} {:<13} {:>8} {:>9} {:>10} {:>13}",
            self.work,
            self.threads,
            self.nice,
            self.tasks.map_or_else(String::new, |tasks| tasks.to_string()),
            self.peer,
            self.per_second,
            spread(self.spread.per_second),
            self.against_2,
            spread(self.spread.against_2),
            self.p50,
            self.p99_9,
            self.longest,
            self.longest_nice.map_or_else(String::new, |longest| longest.to_string()),
        );
        report.print(&heading, &line, &serde_json::to_string(self).expect("numbers can always be written"));
    }
}

/// Sets, cold loads, and nine reads for each set.
pub(super) fn threads(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let caches = [
        Filled::<Ours>::start()?,
        Filled::<MokaFuture<Profile>>::start()?,
        Filled::<QuickCache<Profile>>::start()?,
    ];
    let (writes, repetitions) = (bench.writes, bench.repetitions);
    for (work, count) in
        [("set_awaited", writes * 20), ("get_or_load_cold", writes * 4), ("mixed", writes * 80)]
    {
        let cases: Vec<CrewCase<'_>> =
            caches.iter().flat_map(|cache| CREWS.map(|crew| CrewCase::of(&**cache, crew))).collect();
        let before = caches[0].turns()?;
        let samples = interleave(&cases, repetitions, |case| {
            case.turn(work, count).map_err(|failure| format!("{work}, {:?}: {failure}", case.crew).into())
        })?;
        for (place, case) in cases.into_iter().enumerate() {
            let base = &samples[place / CREWS.len() * CREWS.len()];
            ThreadsRow::of(measure, work, case, &samples[place], base).print(bench.report);
        }
        for times in caches[0].turns()?.since(&before) {
            times.during(&format!("{measure}, {work}")).aside(bench.report);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_carried_out_once_by_whichever_crew() -> Result<(), Failure> {
        let cache = Filled::<QuickCache<Profile>>::start()?;
        for crew in [Crew::Threads { count: 3, nice: 0 }, Crew::Tasks(5)] {
            for work in ["set_awaited", "get_or_load_cold", "mixed"] {
                let turn = cache.turn(work, 1_003, crew)?;
                assert_eq!(turn.nanos.map(|nanos| nanos.len()), [1_003, 0], "{work}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_row_tells_what_is_left_of_the_throughput_of_two_threads() -> Result<(), Failure> {
        let cache = Filled::<QuickCache<Profile>>::start()?;
        let case = CrewCase::of(&*cache, CREWS[3]);
        for _ in 0..2 {
            case.turn("mixed", 2_000)?;
        }
        let samples = [vec![50.0, 90.0, 60.0], vec![100.0, 100.0, 100.0]].map(Samples::from);
        let row = ThreadsRow::of("many_threads", "mixed", case, &samples[0], &samples[1]);
        assert_eq!((row.threads, row.nice, row.tasks), (2, 0, Some(64)));
        assert_eq!(format!("{} {:?}", row.against_2, row.spread.against_2), "0.6 [0.5, 0.9]");
        let times = [row.p50, row.p99_9, row.longest];
        assert!(times[0] > 0.0 && times.is_sorted(), "{times:?}");
        let json = serde_json::to_string(&row)?;
        assert!(json.contains("\"work\":\"mixed\"") && !json.contains("longest_nice"), "{json}");
        Ok(())
    }
}
