//! The cache in a page: start it, read through it, write, invalidate, look at the figures.
//!
//! Run: `cargo run --example quick_start`
//! Look at: `get_or_load`, the one call that most hosts need, and the row that changes behind the cache: it is served
//! as it was until `invalidate` is answered, and never after.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use apex_cache::admin::render::{Style, stats_panel};
use apex_cache::{Cache, Key, Pattern, Settings, Source};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Profile {
    name: String,
    level: u32,
}

/// Stands for the database: the level of user 42, and how often it was asked for.
static LEVEL: AtomicU32 = AtomicU32::new(1);
static QUERIES: AtomicU32 = AtomicU32::new(0);

async fn query_profile() -> Result<Profile, std::io::Error> {
    QUERIES.fetch_add(1, Ordering::Relaxed);
    Ok(Profile { name: "Ann".into(), level: LEVEL.load(Ordering::Relaxed) })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = Cache::builder().settings(Settings::default().max_size_mb(16)).start().await?;

    // Parts are encoded, so no user name can reach into another key. The first one decides the tier: `user`, 1 h.
    let key = Key::of("user").part(42).part("profile").finish()?;

    let first = cache.get_or_load(&key, query_profile).await?;
    let second = cache.get_or_load(&key, query_profile).await?;
    println!("first read:  level {} from {:?}", first.level, first.source());
    println!("second read: level {} from {:?}, {:?} old", second.level, second.source(), second.age());
    check(second.source() == Source::Memory && queries() == 1, "two reads cost one query")?;

    // A row that the host writes itself can be put into the cache at the same time.
    cache.set("user::42::greeting", "Good morning, Ann").await?;
    let greeting = cache.get::<String>("user::42::greeting").await?;
    check(greeting.is_some_and(|text| *text == "Good morning, Ann"), "what was set is read")?;

    // The row changes in the database: the cache is told, and the old one cannot come back.
    LEVEL.store(2, Ordering::Relaxed);
    let gone = cache.invalidate(Pattern::of("user").part(42).rest()?).await?;
    println!("invalidated: {} entries, {} bytes", gone.matched, gone.bytes);
    check(gone.matched == 2, "the pattern took all that was cached of user 42")?;

    let third = cache.get_or_load(&key, query_profile).await?;
    println!("third read:  level {} from {:?}", third.level, third.source());
    check(third.level == 2 && queries() == 2, "the next read asks the database again")?;

    println!("\n{}", stats_panel(&cache.stats().await?, Style::Plain));
    cache.shutdown().await?;
    Ok(())
}

fn queries() -> u32 {
    QUERIES.load(Ordering::Relaxed)
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
