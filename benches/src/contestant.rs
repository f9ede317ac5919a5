//! A cache under measurement: what each offers, and the loops over it, which are the same for all.
//!
//! Owns: the loops, their timing, and what is counted to know that each operation did what it says. Never: knows which
//! cache it drives, or which figures are wanted.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Barrier;

use crate::Failure;
use crate::turns::Turns;
use crate::work::{Naming, Payload, Random, Requests};

/// How a cache is started. All are given the same.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Entries that it has room for.
    pub room: u64,
    /// How long they live, where the cache knows such a thing.
    pub ttl: Duration,
    /// Whether predicates will be used, where that has to be said.
    pub predicates: bool,
}

impl Setup {
    /// Room for twice `count`, so that nothing is evicted, for an hour.
    #[must_use]
    pub fn of(count: u64) -> Self {
        Self { room: count * 2, ttl: Duration::from_hours(1), predicates: false }
    }
}

/// What is to be taken away: all keys that begin with a text.
#[derive(Debug, Clone)]
pub enum Taken {
    /// A key and all below it, named in whole segments.
    Prefix(Arc<str>),
    /// All keys that go on from here, in the middle of a segment.
    Like(Arc<str>),
}

impl Taken {
    /// For caches that know keys as texts only.
    #[must_use]
    pub fn takes(&self, key: &str) -> bool {
        match self {
            Self::Prefix(prefix) => {
                key.strip_prefix(&**prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            }
            Self::Like(begin) => key.starts_with(&**begin),
        }
    }
}

/// A cache, driven as its documentation advises.
pub trait Contestant<V: Payload>: Send + Sync + Sized + 'static {
    /// How it is called in a row.
    const NAME: &'static str;

    /// An empty one.
    fn start(setup: &Setup) -> impl Future<Output = Result<Self, Failure>> + Send;
    /// Reads. Returns whether it was there.
    fn get(&self, key: &str) -> impl Future<Output = Result<bool, Failure>> + Send;
    /// Stores, and waits until readers see it.
    fn set(&self, key: String, value: V) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Takes away. Returns whether it was there, where the cache tells.
    fn remove(&self, key: &str) -> impl Future<Output = Result<bool, Failure>> + Send;
    /// Entries in memory, after all work that was put off.
    fn held(&self) -> impl Future<Output = Result<u64, Failure>> + Send;

    /// Reads; a stand-in is loaded when nothing is there. Returns whether it was.
    fn get_or_load(&self, _key: &str) -> impl Future<Output = Result<bool, Failure>> + Send {
        std::future::ready(Err(format!("{} is not given a loader", Self::NAME).into()))
    }

    /// Takes away all of `taken`, and waits until no reader sees them.
    fn take(&self, _taken: &Taken) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Err(format!("{} has no such operation", Self::NAME).into()))
    }

    /// How long the turns of its actors took so far; empty where it has no actors.
    fn turns(&self) -> impl Future<Output = Result<Turns, Failure>> + Send {
        std::future::ready(Ok(Turns::default()))
    }

    /// Gives it another budget while it runs. Nothing where there is no such thing.
    fn resize(&self, _entries: u64) -> impl Future<Output = Option<Result<(), Failure>>> + Send {
        std::future::ready(None)
    }

    /// Stores several at once where the cache can, else one after the other.
    fn set_many(&self, entries: Vec<(String, V)>) -> impl Future<Output = Result<(), Failure>> + Send {
        async {
            for (key, value) in entries {
                self.set(key, value).await?;
            }
            Ok(())
        }
    }

    /// Stores several without waiting for each, where the cache can; all are stored when it returns.
    fn set_unawaited(&self, entries: Vec<(String, V)>) -> impl Future<Output = Result<(), Failure>> + Send {
        self.set_many(entries)
    }

    /// Reads all of `requests`. Apart for a cache that is given keys in a form of its own, made before the time runs.
    fn get_all(
        &self,
        requests: &Requests,
        gate: &Barrier,
    ) -> impl Future<Output = Result<Done, Failure>> + Send {
        timed(gate, async {
            let mut found = 0;
            for key in requests.iter() {
                found += u64::from(self.get(key).await?);
            }
            Ok(found)
        })
    }
}

/// One piece of work. A clone is the same work.
#[derive(Debug, Clone)]
pub enum Work {
    /// Reads each; counts those that were there.
    Get(Requests),
    /// Reads each with a loader behind it; counts those that were loaded.
    GetOrLoad(Requests),
    /// Stores each and waits for it.
    Set(Arc<[u64]>, Naming),
    /// Stores so many at a time.
    SetMany(Arc<[u64]>, Naming, usize),
    /// Stores all without waiting for each.
    SetUnawaited(Arc<[u64]>, Naming),
    /// Takes each away; counts those that were there.
    Remove(Requests),
    /// Takes each scope away.
    Take(Arc<[Taken]>),
    /// Does work that was put off until so many entries are left, or no more go; counts them.
    Settle(u64),
    /// Gives it room for so many entries; counts 1 where there is such a thing.
    Resize(u64),
    /// Puts there how long the turns of its actors took so far.
    Turns(Arc<Mutex<Turns>>),
    /// Reads again and again until told to stop, and keeps how long each took; counts those that were not there.
    Sample(Requests, Arc<AtomicBool>, Arc<Mutex<Vec<u64>>>),
    /// Overwrites of random keys below a number, so many in each millisecond, until told to stop; counts them.
    Overwrite(u64, usize, Arc<AtomicBool>),
}

/// When work began and ended, and what it counted.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// Its first moment.
    pub began: Instant,
    /// Its last.
    pub ended: Instant,
    /// What was counted; see [`Work`].
    pub count: u64,
}

impl Done {
    /// What it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.ended - self.began
    }
}

/// Waits until all who work at the same time are ready, then does `work`.
///
/// Errors: those of `work`.
pub async fn timed(
    gate: &Barrier,
    work: impl Future<Output = Result<u64, Failure>>,
) -> Result<Done, Failure> {
    gate.wait().await;
    let began = Instant::now();
    let count = work.await?;
    Ok(Done { began, ended: Instant::now(), count })
}

type Doing<'a> = Pin<Box<dyn Future<Output = Result<Done, Failure>> + Send + 'a>>;

/// A contestant of any kind, with payloads of any kind.
trait Runner: Send + Sync {
    fn run<'a>(&'a self, work: &'a Work, gate: &'a Barrier) -> Doing<'a>;
}

struct Driven<V, C>(C, PhantomData<fn(V)>);

impl<V: Payload, C: Contestant<V>> Runner for Driven<V, C> {
    fn run<'a>(&'a self, work: &'a Work, gate: &'a Barrier) -> Doing<'a> {
        Box::pin(run(&self.0, work, gate))
    }
}

/// A cache that holds entries. A clone is the same cache.
#[derive(Clone)]
pub struct Entrant {
    /// How it is called in a row.
    pub name: &'static str,
    runner: Arc<dyn Runner>,
}

impl Entrant {
    /// Starts one, and stores `ids` in it.
    ///
    /// Errors: a sentence, when it does not start or does not hold what it was given.
    pub async fn start<V: Payload, C: Contestant<V>>(
        setup: Setup,
        ids: &Arc<[u64]>,
        naming: Naming,
    ) -> Result<Self, Failure> {
        let entrant = Self::of(C::start(&setup).await?);
        // In pieces: what is handed over at once is in memory twice.
        for piece in ids.chunks(100_000) {
            entrant.run(&Work::SetMany(piece.into(), naming, 1_000)).await?;
        }
        match entrant.run(&Work::Settle(ids.len() as u64)).await?.count {
            held if held == ids.len() as u64 => Ok(entrant),
            held => Err(format!("{} holds {held} of {} entries", entrant.name, ids.len()).into()),
        }
    }

    /// Drives `contestant`.
    pub fn of<V: Payload, C: Contestant<V>>(contestant: C) -> Self {
        Self { name: C::NAME, runner: Arc::new(Driven(contestant, PhantomData)) }
    }

    /// Does `work`, alone.
    ///
    /// Errors: a sentence, when the cache fails. Whether the operations did what they say is told by the count.
    pub async fn run(&self, work: &Work) -> Result<Done, Failure> {
        self.run_with(work, &Barrier::new(1)).await
    }

    /// How long the turns of its actors took so far; empty where it has no actors.
    ///
    /// Errors: a sentence, when it does not tell.
    pub async fn turns(&self) -> Result<Turns, Failure> {
        let told = Arc::new(Mutex::new(Turns::default()));
        self.run(&Work::Turns(Arc::clone(&told))).await?;
        Ok(std::mem::take(&mut *told.lock().map_err(|_| "a reader panicked")?))
    }

    /// Does `work` beside others, from the moment when all are ready.
    ///
    /// Errors: as [`Entrant::run`].
    pub async fn run_with(&self, work: &Work, gate: &Barrier) -> Result<Done, Failure> {
        self.runner.run(work, gate).await
    }
}

async fn run<V: Payload, C: Contestant<V>>(cache: &C, work: &Work, gate: &Barrier) -> Result<Done, Failure> {
    match work {
        Work::Get(requests) => cache.get_all(requests, gate).await,
        Work::GetOrLoad(requests) => {
            timed(gate, async {
                let mut loaded = 0;
                for key in requests.iter() {
                    loaded += u64::from(cache.get_or_load(key).await?);
                }
                Ok(loaded)
            })
            .await
        }
        Work::Set(ids, naming) => {
            let entries = entries(ids, *naming);
            timed(gate, async {
                for (key, value) in entries {
                    cache.set(key, value).await?;
                }
                Ok(ids.len() as u64)
            })
            .await
        }
        Work::SetMany(ids, naming, at_once) => {
            let batches: Vec<_> = ids.chunks(*at_once).map(|ids| entries(ids, *naming)).collect();
            timed(gate, async {
                for batch in batches {
                    cache.set_many(batch).await?;
                }
                Ok(ids.len() as u64)
            })
            .await
        }
        Work::SetUnawaited(ids, naming) => {
            let entries = entries(ids, *naming);
            timed(gate, async { cache.set_unawaited(entries).await.map(|()| ids.len() as u64) }).await
        }
        Work::Remove(requests) => {
            timed(gate, async {
                let mut present = 0;
                for key in requests.iter() {
                    present += u64::from(cache.remove(key).await?);
                }
                Ok(present)
            })
            .await
        }
        Work::Take(all) => {
            timed(gate, async {
                for taken in all.iter() {
                    cache.take(taken).await?;
                }
                Ok(all.len() as u64)
            })
            .await
        }
        Work::Settle(_) | Work::Resize(_) | Work::Turns(_) | Work::Sample(..) | Work::Overwrite(..) => {
            run_beside(cache, work, gate).await
        }
    }
}

/// What is done beside the operations that are measured.
async fn run_beside<V: Payload, C: Contestant<V>>(
    cache: &C,
    work: &Work,
    gate: &Barrier,
) -> Result<Done, Failure> {
    match work {
        Work::Settle(left) => timed(gate, settle(cache, *left)).await,
        Work::Resize(entries) => {
            timed(gate, async {
                match cache.resize(*entries).await {
                    Some(resized) => resized.map(|()| 1),
                    None => Ok(0),
                }
            })
            .await
        }
        Work::Turns(told) => {
            timed(gate, async {
                let turns = cache.turns().await?;
                *told.lock().map_err(|_| "a reader panicked")? = turns;
                Ok(1)
            })
            .await
        }
        Work::Sample(requests, stop, kept) => timed(gate, sample(cache, requests, stop, kept)).await,
        Work::Overwrite(below, each, stop) => timed(gate, overwrite(cache, *below, *each, stop)).await,
        _ => Err("this is an operation of its own".into()),
    }
}

/// Keys and values, ready to be handed over.
fn entries<V: Payload>(ids: &[u64], naming: Naming) -> Vec<(String, V)> {
    ids.iter().map(|&id| (naming(id), V::of(id))).collect()
}

/// Waits until `left` entries are left, or until nothing has changed for a while. Returns how many are left.
///
/// Errors: a sentence, when the cache fails.
pub async fn settle<V: Payload, C: Contestant<V>>(cache: &C, left: u64) -> Result<u64, Failure> {
    // moka needs up to half a second to find ten entries among a million, and may keep a few for good.
    const PATIENCE: Duration = Duration::from_secs(3);
    let (mut last, mut changed) = (cache.held().await?, Instant::now());
    while last != left && changed.elapsed() < PATIENCE {
        tokio::task::yield_now().await;
        let held = cache.held().await?;
        if held != last {
            (last, changed) = (held, Instant::now());
        }
    }
    Ok(last)
}

async fn sample<V: Payload, C: Contestant<V>>(
    cache: &C,
    requests: &Requests,
    stop: &AtomicBool,
    kept: &Mutex<Vec<u64>>,
) -> Result<u64, Failure> {
    let (mut missing, mut nanos) = (0, Vec::with_capacity(1 << 22));
    while !stop.load(Relaxed) {
        for key in requests.iter().take_while(|_| !stop.load(Relaxed)) {
            let began = Instant::now();
            let found = cache.get(key).await?;
            nanos.push(began.elapsed().as_nanos() as u64);
            missing += u64::from(!found);
        }
    }
    kept.lock().map_err(|_| "a reader panicked")?.append(&mut nanos);
    Ok(missing)
}

async fn overwrite<V: Payload, C: Contestant<V>>(
    cache: &C,
    below: u64,
    each: usize,
    stop: &AtomicBool,
) -> Result<u64, Failure> {
    const TICK: Duration = Duration::from_millis(1);
    let (mut random, mut written, mut next) = (Random::new(11), 0, Instant::now());
    while !stop.load(Relaxed) {
        let ids: Vec<u64> = (0..each).map(|_| random.below(below)).collect();
        cache.set_unawaited(entries(&ids, crate::work::key)).await?;
        written += each as u64;
        next += TICK;
        std::thread::sleep(next.saturating_duration_since(Instant::now())); // the thread is the writer's alone
    }
    Ok(written)
}
