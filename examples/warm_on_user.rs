//! Bring in what a user will need when they first turn up, so that their first page is quick.
//!
//! Run: `cargo run --example warm_on_user`
//! Look at: `user_active`, called at every interaction: the first one within the tier's time to live begins a run behind
//! the caller's back, the others cost a message. The page reads the same way whether the run has ended or not.
#![allow(clippy::disallowed_methods)] // the habit of the library, not to read the clock, does not bind a host

use std::error::Error;
use std::time::{Duration, Instant};

use apex_cache::message::StatsSnapshot;
use apex_cache::{Cache, Key, WarmEntries, WarmSource};

/// How long the remote database takes for a query.
const DELAY: Duration = Duration::from_millis(40);
/// How long the user looks at the greeting before they ask for the page.
const READING: Duration = Duration::from_millis(600);

type Failure = Box<dyn Error + Send + Sync>;

async fn query(what: &str, user: &str) -> Result<String, Failure> {
    tokio::time::sleep(DELAY).await;
    Ok(format!("{what} of {user}"))
}

fn key(user: &str, what: &str) -> apex_cache::Result<Key> {
    Key::of("user").part(user).part(what).finish()
}

/// What the first page of every user shows.
const PAGE: [&str; 3] = ["profile", "wallet", "orders"];

fn first_page_of() -> WarmSource {
    WarmSource::new("first page", "user", |run| async move {
        let mut entries = WarmEntries::new();
        for what in PAGE {
            entries.push(key(run.user(), what)?, &query(what, run.user()).await?)?;
        }
        Ok::<_, Failure>(entries)
    })
    .on_user_active()
}

/// Reads what the page shows, one after the other, and returns how long that took.
async fn page(cache: &Cache, user: &'static str) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    for what in PAGE {
        let shown = cache.get_or_load(key(user, what)?, move || query(what, user)).await?;
        if *shown != format!("{what} of {user}") {
            return Err(format!("{user} was shown {}", *shown).into());
        }
    }
    Ok(began.elapsed())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = Cache::builder().warm(first_page_of()).start().await?;

    let cold = page(&cache, "bob").await?;
    println!("first page of bob, who was not announced: {cold:?}");
    let before = cache.stats().await?;

    // Ann signs in. The host says so, and greets her; meanwhile the run reads what her first page will show.
    let begun = cache.user_active("ann").await?;
    let again = cache.user_active("ann").await?;
    check(begun && !again, "the first interaction begins a run, the next one does not")?;
    tokio::time::sleep(READING).await;

    let warm = page(&cache, "ann").await?;
    println!("first page of ann, who was warmed:        {warm:?}");
    let between = cache.stats().await?.since(&before);
    println!("for ann: {} entries warmed, {} loaded", warmed(&between), between.total().loads);
    check(warmed(&between) == 3 && between.total().loads == 0, "her page waited for no query")?;
    check(warm * 2 < cold, "and was there in less than half of the time")?;

    cache.shutdown().await?;
    Ok(())
}

fn warmed(stats: &StatsSnapshot) -> u64 {
    stats.warm.iter().map(|source| source.stored).sum()
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
