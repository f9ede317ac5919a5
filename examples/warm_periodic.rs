//! Refresh a costly result every so often, so that nobody ever waits for it.
//!
//! Run: `cargo run --example warm_periodic`
//! Look at: `.every(..)`; a second here, hours in a host. And at the run that is overtaken: it has read the old rows when
//! the leaderboard changes and is invalidated, and what it brings is not stored.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use apex_cache::{Cache, Pattern, WarmEntries, WarmSource};
use tokio::sync::Notify;

const KEY: &str = "query::leaderboard";

/// Stands for the database; it can be told to be slow with its next answer.
#[derive(Default)]
struct Database {
    version: AtomicU64,
    hold: AtomicBool,
    has_read: Notify,
    go_on: Notify,
}

impl Database {
    async fn leaderboard(&self) -> Result<u64, std::io::Error> {
        let version = self.version.load(Ordering::Relaxed);
        if self.hold.swap(false, Ordering::Relaxed) {
            self.has_read.notify_one();
            self.go_on.notified().await;
        }
        Ok(version)
    }

    fn change(&self) -> u64 {
        self.version.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn leaderboard(database: &Arc<Database>) -> WarmSource {
    let database = Arc::clone(database);
    WarmSource::new("leaderboard", "query", move |_run| {
        let database = Arc::clone(&database);
        async move {
            let rows = database.leaderboard().await?;
            Ok::<_, Box<dyn Error + Send + Sync>>(WarmEntries::new().with(KEY, &rows)?)
        }
    })
    .required() // the first run, at the start
    .every(Duration::from_secs(1))
}

/// Looks until `wanted` is cached. A host has no need for this: it reads what is there.
async fn until_cached(cache: &Cache, wanted: u64) -> Result<(), Box<dyn Error>> {
    for _ in 0..1_000 {
        if cache.get::<u64>(KEY).await?.is_some_and(|hit| *hit == wanted) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("version {wanted} was not brought within 10 s").into())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let database = Arc::new(Database::default());
    let cache = Cache::builder().warm(leaderboard(&database)).start().await?;
    cache.ready().await?;
    check(cache.get::<u64>(KEY).await?.is_some_and(|hit| *hit == 0), "version 0 is there at the start")?;

    let newer = database.change();
    until_cached(&cache, newer).await?;
    check(cache.stats().await?.total().loads == 0, "version 1 came by itself, and nobody waited for it")?;

    // The next run reads version 1 and is slow to bring it.
    database.hold.store(true, Ordering::Relaxed);
    database.has_read.notified().await;
    println!("a run has read version 1 and is under way");
    let newest = database.change();
    let gone = cache.invalidate(Pattern::parse("query::leaderboard*")?).await?;
    println!("version {newest} is written, {} entry was invalidated", gone.matched);
    let ended = runs(&cache).await?;
    database.go_on.notify_one();
    while runs(&cache).await? == ended {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let served = cache.get::<u64>(KEY).await?.map(|hit| *hit);
    println!("the run has ended; cached is {served:?}");
    check(served != Some(1), "what the overtaken run had read did not come back")?;

    let source = Arc::clone(&database);
    let load = move || async move { source.leaderboard().await };
    check(*cache.get_or_load(KEY, load).await? == newest, "whoever asks meanwhile gets the newest")?;

    cache.shutdown().await?;
    Ok(())
}

/// Runs that have ended.
async fn runs(cache: &Cache) -> apex_cache::Result<u64> {
    Ok(cache.stats().await?.warm.iter().map(|source| source.runs).sum())
}

/// Prints what was proved, or ends the program with it.
fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds {
        println!("proved: {what}");
        Ok(())
    } else {
        Err(format!("does not hold: {what}"))
    }
}
