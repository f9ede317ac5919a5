//! Warm the configuration tier before serving, and refuse to serve without it.
//!
//! Run: `cargo run --example warm_on_start`
//! Look at: `.required()`, and `open_for_business`, which gives up with a sentence while the source is down. The cache
//! goes on trying with growing pauses, so the second attempt finds it ready without anybody's help.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use apex_cache::{Cache, Source, WarmEntries, WarmSource};

/// Stands for the database.
#[derive(Default)]
struct Database {
    up: AtomicBool,
    asked: AtomicU32,
}

impl Database {
    fn query(&self) -> Result<Vec<String>, std::io::Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.up.load(Ordering::Relaxed) {
            Ok(vec!["gold".into(), "silver".into()])
        } else {
            Err(std::io::Error::other("the database refuses connections"))
        }
    }
}

fn vip_tiers(database: &Arc<Database>) -> WarmSource {
    let database = Arc::clone(database);
    WarmSource::new("vip tiers", "config", move |_run| {
        let database = Arc::clone(&database);
        async move {
            let tiers = database.query()?;
            Ok::<_, Box<dyn Error + Send + Sync>>(WarmEntries::new().with("config::vip_tiers", &tiers)?)
        }
    })
    .required()
}

/// Returns once the configuration is there; else says what is missing and why.
async fn open_for_business(cache: &Cache, patience: Duration) -> Result<(), Box<dyn Error>> {
    if let Ok(ready) = tokio::time::timeout(patience, cache.ready()).await {
        return Ok(ready?);
    }
    let stats = cache.stats().await?;
    let failed = stats.warm.iter().filter_map(|warm| Some((&warm.source, warm.last_error.as_ref()?)));
    let reasons: Vec<String> = failed.map(|(source, error)| format!("{source}: {error}")).collect();
    Err(format!("not serving yet, the configuration could not be read ({})", reasons.join("; ")).into())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let database = Arc::new(Database::default());
    let cache = Cache::builder().warm(vip_tiers(&database)).start().await?;

    // A real host would end here, or answer its readiness probe with "no".
    let refused = open_for_business(&cache, Duration::from_millis(300)).await;
    let sentence = refused.err().map(|error| error.to_string()).unwrap_or_default();
    println!("{sentence}");
    check(
        sentence.contains("refuses connections"),
        "without its configuration the host does not serve, and says why",
    )?;
    check(!cache.is_ready(), "the cache does not call itself ready")?;

    // Readiness is not liveness: what needs no configuration is served meanwhile.
    let load = || async { Ok::<_, std::io::Error>(7_u32) };
    check(
        *cache.get_or_load("products::count", load).await? == 7,
        "it serves what it is asked for all the same",
    )?;

    println!("the database is up again");
    database.up.store(true, Ordering::Relaxed);
    open_for_business(&cache, Duration::from_secs(30)).await?;
    let tiers = cache.get::<Vec<String>>("config::vip_tiers").await?.ok_or("the tiers are not there")?;
    println!(
        "open, after {} attempts; VIP tiers: {}",
        database.asked.load(Ordering::Relaxed),
        tiers.join(", ")
    );
    check(tiers.source() == Source::Memory, "the first customer finds the configuration in memory")?;

    cache.shutdown().await?;
    Ok(())
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
