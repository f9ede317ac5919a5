//! Random histories of the whole cache in virtual time, judged by what was promised.
//!
//! Owns: the clients, their source, and the judge. Never: looks inside; a history is what clients saw, and when.
//! A failing run prints its seed, and the same seed gives the same history.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

#[path = "model/client.rs"]
mod client;
#[path = "model/judge.rs"]
mod judge;

use std::time::Duration;

use apex_cache::message::Info;
use apex_cache::{Cache, Env, Placement, Settings};

use client::{Client, World};
use common::{advance, paused, settle};
use source::{Random, go, join};

const SEEDS: u64 = 200;

/// Runs one history; returns its fingerprint and how much was seen.
fn run(seed: u64) -> (u64, judge::Seen) {
    paused(async || {
        let mut random = Random(seed);
        let settings = Settings::default()
            .max_size_mb(1 + random.below(2))
            .max_entry_size(20_000)
            .load_concurrency(1 + random.below(4) as usize)
            .load_queue(random.below(4) as usize)
            .load_timeout(Duration::from_millis(200 + random.below(800)))
            .cleanup_interval(Duration::from_secs(60));
        let load_timeout = settings.load_timeout;
        let world = World::new(load_timeout);
        let cache = Cache::builder()
            .placement(Placement::Inline)
            .env(Env::simulated(seed))
            .settings(settings)
            .warm(world.warm_source())
            .start()
            .await
            .expect("the settings of the model start");
        let clients: Vec<_> = (0..4 + random.below(5))
            .map(|number| {
                let client = Client::new(number, random.next(), cache.clone(), world.clone());
                go(client.run(20 + random.below(20)))
            })
            .collect();
        for client in clients {
            join(client).await;
        }
        // Loads that run out, and sweeps.
        advance(10 * load_timeout).await;
        settle().await;
        judge::at_rest(seed, &cache, &world).await;
        let budget = cache.supervisor().send(Info).await.expect("the status").budget;
        let seen = judge::history(seed, &world.history(), load_timeout);
        cache.shutdown().await.expect("it ends");
        (judge::fingerprint(&world.history()).wrapping_add(budget), seen)
    })
}

#[test]
fn no_history_breaks_a_promise() {
    let mut sum = judge::Seen::default();
    for seed in 0..SEEDS {
        let (_, seen) = run(seed);
        sum.add(&seen);
    }
    println!("{SEEDS} histories: {sum:?}");
    // A model that never meets what it looks for proves nothing.
    assert!(
        sum.hits > 500 && sum.loads > 500 && sum.fences > 500 && sum.crashes > 20 && sum.bypasses > 20,
        "{sum:?}"
    );
}

#[test]
fn one_seed_gives_one_history() {
    for seed in 0..20 {
        assert_eq!(run(seed).0, run(seed).0, "seed {seed} gave two histories");
    }
}
