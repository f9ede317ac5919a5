//! The database as the shop sees it: some connections, a delay in front of each query, and a count per kind.
//!
//! Owns: the connections, the added delay, the counters and the times of all answers, the counter of versions.
//! Never: knows the cache. What is asked stands in `queries.rs`, what is changed in `mutations.rs`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Semaphore;

use crate::Trouble;
use crate::measure::Samples;
use crate::model::{KINDS, Kind, Version};
use crate::options::Span;
use crate::random::mix;

/// Connections that read at once; one more writes, as `SQLite` has one writer at a time anyway.
const READERS: usize = 4;

/// A handle on the database; clones share everything.
#[derive(Clone)]
pub(crate) struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    readers: Pool,
    writer: Pool,
    delay: Span,
    seed: u64,
    drawn: AtomicU64,
    version: AtomicI64,
    counts: [AtomicU64; KINDS],
    times: Mutex<Samples>,
}

/// Connections that are lent out; whoever waits for one holds no thread.
struct Pool {
    free: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Database {
    /// Opens the file; `delay` stands for the way to a remote server and is drawn per query from `seed`.
    pub(crate) fn open(path: &Path, delay: Span, seed: u64) -> Result<Self, Trouble> {
        let shared = Shared {
            readers: Pool::open(path, READERS)?,
            writer: Pool::open(path, 1)?,
            delay,
            seed,
            drawn: AtomicU64::new(0),
            version: AtomicI64::new(0),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            times: Mutex::new(Samples::default()),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs `query` in one read transaction, so that data and version belong together.
    pub(crate) async fn read<T, F>(&self, kind: Kind, query: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(
            kind,
            |shared| &shared.readers,
            move |_, connection| {
                let transaction = connection.transaction()?;
                query(&transaction)
            },
        )
        .await
    }

    /// Runs `change` in one write transaction, with the version that the rows it changes are to bear.
    ///
    /// The version is drawn inside the transaction: versions rise in the order in which changes become visible.
    pub(crate) async fn write<T, F>(&self, kind: Kind, change: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Version) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(
            kind,
            |shared| &shared.writer,
            move |shared, connection| {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let version = shared.version.fetch_add(1, Ordering::Relaxed) + 1;
                let answer = change(&transaction, version)?;
                transaction.commit()?;
                Ok(answer)
            },
        )
        .await
    }

    async fn ask<T, F>(&self, kind: Kind, pool: fn(&Shared) -> &Pool, work: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&Shared, &mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let begun = Instant::now();
        self.shared.counts[kind as usize].fetch_add(1, Ordering::Relaxed);
        // The way to the server takes time but no thread and no connection of it.
        let delay = self.shared.next_delay();
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
        let permit = pool(&self.shared).permits.acquire().await.map_err(|_| Trouble::closed())?;
        let shared = Arc::clone(&self.shared);
        let answer = tokio::task::spawn_blocking(move || {
            let mut lent = Lent::from(pool(&shared))?;
            lent.with(|connection| work(&shared, connection)).map_err(Trouble::from)
        })
        .await
        .map_err(|_| Trouble::closed())?;
        drop(permit);
        self.shared.times.lock().push(begun.elapsed());
        answer
    }

    /// Queries so far, by kind.
    pub(crate) fn counts(&self) -> [u64; KINDS] {
        std::array::from_fn(|kind| self.shared.counts[kind].load(Ordering::Relaxed))
    }

    /// How long the answers took so far, delay included.
    pub(crate) fn times(&self) -> Samples {
        self.shared.times.lock().clone()
    }
}

impl Shared {
    /// The n-th query of a run gets the same delay in every run with this seed.
    fn next_delay(&self) -> Duration {
        let drawn = mix(self.seed ^ mix(self.drawn.fetch_add(1, Ordering::Relaxed) + 1));
        let (min, max) = (self.delay.min * 1_000, self.delay.max * 1_000);
        Duration::from_micros(min + drawn % (max - min + 1))
    }
}

impl Pool {
    fn open(path: &Path, connections: usize) -> Result<Self, Trouble> {
        let free = (0..connections).map(|_| connect(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { free: Mutex::new(free), permits: Semaphore::new(connections) })
    }
}

fn connect(path: &Path) -> Result<Connection, Trouble> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16000;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection on loan; it goes back even when the query panics.
struct Lent<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl<'a> Lent<'a> {
    fn from(pool: &'a Pool) -> Result<Self, Trouble> {
        let connection = pool.free.lock().pop().ok_or_else(Trouble::closed)?;
        Ok(Self { pool, connection: Some(connection) })
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> T) -> T {
        work(self.connection.as_mut().expect("invariant: a loan holds its connection until it is dropped"))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.free.lock().extend(self.connection.take());
    }
}
