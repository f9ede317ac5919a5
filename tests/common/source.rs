//! A fake database with versions and gates, and callers that read it through a cache.
//!
//! Owns: the true version of every key, and who may go on reading. Never: sleeps, reads a clock, knows the cache's inside.
#![allow(dead_code, unreachable_pub)] // every test binary uses its own part

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_cache::{Cache, Hit, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// What the database holds under a key: which key it is, and how often it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub key: String,
    pub version: u64,
}

type Read = Pin<Box<dyn Future<Output = Result<Row, io::Error>> + Send>>;

/// A database whose reads can be held back. A key that was never written has version 1.
#[derive(Debug, Clone, Default)]
pub struct Source {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    versions: Mutex<HashMap<String, u64>>,
    gates: Mutex<HashMap<String, Gate>>,
    reads: AtomicU64,
    now: AtomicU64,
    most: AtomicU64,
}

/// Holds back the reads of one key that begin while it is the gate of that key: they have read, and wait.
#[derive(Debug, Clone)]
pub struct Gate {
    begun: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self { begun: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until one more read has begun.
    pub async fn begun(&self) {
        let begun = soon("a load begins", self.begun.acquire()).await;
        begun.expect("a gate is never closed").forget();
    }

    /// Lets one read go on, the one that has waited longest.
    pub fn open_one(&self) {
        self.open.add_permits(1);
    }

    /// Lets all reads go on, also those to come.
    pub fn open(&self) {
        self.open.add_permits(1 << 20);
    }

    async fn pass(&self) {
        self.begun.add_permits(1);
        self.open.acquire().await.expect("a gate is never closed").forget();
    }
}

impl Source {
    pub fn new() -> Self {
        Self::default()
    }

    /// The version of `key` now.
    pub fn version(&self, key: &str) -> u64 {
        self.inner.versions.lock().expect("no test panics here").get(key).copied().unwrap_or(1)
    }

    /// The row of `key` now.
    pub fn row(&self, key: &str) -> Row {
        Row { key: key.to_owned(), version: self.version(key) }
    }

    /// Writes `key`; returns what it holds then.
    pub fn write(&self, key: &str) -> Row {
        let mut versions = self.inner.versions.lock().expect("no test panics here");
        let version = versions.entry(key.to_owned()).or_insert(1);
        *version += 1;
        Row { key: key.to_owned(), version: *version }
    }

    /// Holds back reads of `key` that begin from now on.
    pub fn hold(&self, key: &str) -> Gate {
        let gate = Gate::new();
        self.inner.gates.lock().expect("no test panics here").insert(key.to_owned(), gate.clone());
        gate
    }

    /// Reads of `key` that begin from now on are not held back.
    pub fn let_go(&self, key: &str) {
        self.inner.gates.lock().expect("no test panics here").remove(key);
    }

    /// Reads that have begun, of all keys.
    pub fn reads(&self) -> u64 {
        self.inner.reads.load(SeqCst)
    }

    /// The most reads that were ever under way at the same time.
    pub fn most_at_once(&self) -> u64 {
        self.inner.most.load(SeqCst)
    }

    /// Reads `key`: looks first, then waits for its gate.
    pub async fn read(self, key: String) -> Result<Row, io::Error> {
        self.inner.reads.fetch_add(1, SeqCst);
        let _under_way = UnderWay::of(&self.inner);
        let row = self.row(&key);
        let gate = self.inner.gates.lock().expect("no test panics here").get(&key).cloned();
        if let Some(gate) = gate {
            gate.pass().await;
        }
        Ok(row)
    }

    /// A loader of `key`.
    pub fn loader(&self, key: &str) -> impl FnOnce() -> Read + Send + 'static {
        let (source, key) = (self.clone(), key.to_owned());
        move || Box::pin(source.read(key))
    }

    /// Reads `key` through `cache`, in a task of its own.
    pub fn ask(&self, cache: &Cache, key: &str) -> JoinHandle<Result<Hit<Row>>> {
        let (cache, key, load) = (cache.clone(), key.to_owned(), self.loader(key));
        go(async move { cache.get_or_load(key, load).await })
    }

    /// Reads `key` through `cache`.
    pub async fn get(&self, cache: &Cache, key: &str) -> Result<Hit<Row>> {
        cache.get_or_load(key, self.loader(key)).await
    }
}

/// Counts a read as under way until it is dropped.
struct UnderWay<'s>(&'s Inner);

impl<'s> UnderWay<'s> {
    fn of(inner: &'s Inner) -> Self {
        let now = inner.now.fetch_add(1, SeqCst) + 1;
        inner.most.fetch_max(now, SeqCst);
        Self(inner)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

/// What the cache holds of `key`, without loading it.
pub fn held(cache: &Cache, key: &str) -> Option<u64> {
    cache.get_with(key, |row: &Row| row.version).expect("a row can be read")
}

/// Starts `task` on the runtime of the test.
#[allow(clippy::disallowed_methods)] // a test is a host: its tasks are its own
pub fn go<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(task)
}

/// Waits for `future`; what never happens fails the test instead of hanging it.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let answer = tokio::time::timeout(Duration::from_secs(300), future).await;
    answer.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Waits for a task of [`go`].
pub async fn join<T>(task: JoinHandle<T>) -> T {
    soon("the task ends", task).await.expect("the task does not panic")
}

/// Time by the clock of the test, which may stand still.
#[allow(clippy::disallowed_methods)] // a test measures; the cache asks its Env
pub fn clock() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Runs `test` on several threads in real time, with no actix system around it.
pub fn threads<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime").block_on(test())
}

/// The numbers of the tier `name`.
pub async fn stats_of(cache: &Cache, name: &str) -> apex_cache::message::TierStats {
    let stats = cache.stats().await.expect("the counters");
    let tier = stats.tiers.into_iter().find(|tier| &*tier.name == name);
    tier.expect("the tier exists").stats
}

/// The status of the tier `name`.
pub async fn info_of(cache: &Cache, name: &str) -> apex_cache::message::TierInfo {
    let info = cache.info().await.expect("the status");
    info.tiers.into_iter().find(|tier| &*tier.name == name).expect("the tier exists")
}

/// Random numbers from a seed (splitmix64), the same on every machine.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of `choices`.
    pub fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}
