//! A cache of the default builder, on its own thread, in a test whose tokio clock is paused.
//!
//! Owns: that its limits are measured by its own clock. Never: waits for a limit to pass.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::engine::moment::Moment;
use apex_cache::{Cache, Env, cached, with_deadline};

const HOUR: Duration = Duration::from_secs(3_600);

/// Runs `test` on a current-thread runtime whose clock is paused, next to a timer of the host that never rests: whenever
/// all of the runtime waits, its clock jumps by a minute.
fn paused<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let ticks = async {
            let mut minutes = tokio::time::interval(Duration::from_secs(60));
            loop {
                minutes.tick().await;
            }
        };
        tokio::select! {
            output = test() => output,
            () = ticks => unreachable!("it never ends"),
        }
    })
}

static BODIES: AtomicU64 = AtomicU64::new(0);

#[cached(key = "user::{id}::name")]
async fn name(cache: &Cache, id: u64) -> io::Result<u64> {
    BODIES.fetch_add(1, SeqCst);
    Ok(id)
}

#[test]
fn none_of_a_thousand_instant_loads_times_out_and_no_body_runs_twice() {
    paused(async || {
        let cache = Cache::builder().start().await.unwrap();
        for id in 0..1_000_u64 {
            let load = move || async move { Ok::<_, io::Error>(id) };
            let key = format!("query::{id}");
            let hit = with_deadline(Duration::from_secs(30), cache.get_or_load(key, load)).await;
            assert_eq!(*hit.unwrap(), id);
            assert_eq!(name(&cache, id).await.unwrap(), id);
        }
        assert_eq!(BODIES.load(SeqCst), 1_000);
        let keys: Vec<String> = (0..100).map(|id| format!("query::many::{id}")).collect();
        let load = async |keys: Vec<apex_cache::Key>| {
            Ok::<_, io::Error>(keys.into_iter().map(|key| (key, 1_u64)).collect::<Vec<_>>())
        };
        let many = cache.get_or_load_many(keys, load).deadline(Duration::from_secs(30)).await;
        assert!(many.iter().all(Result::is_ok), "{many:?}");
        let stats = cache.stats().await.unwrap();
        let timeouts: u64 = stats.tiers.iter().map(|tier| tier.stats.loads_timed_out).sum();
        assert_eq!(timeouts, 0);
        cache.shutdown().await.unwrap();
    });
}

#[test]
fn one_call_moves_the_clock_of_the_cache_and_of_the_test() {
    paused(async || {
        let cache = Cache::builder().start().await.unwrap();
        let clock = Env::simulated(7);
        cache.set("user::1::name", &1_u64).ttl(HOUR).await.unwrap();
        cache.advance(HOUR / 2).await;
        assert!(cache.contains("user::1::name").unwrap());
        cache.advance(HOUR / 2).await;
        assert!(!cache.contains("user::1::name").unwrap());
        assert!(clock.now() >= Moment::START.after(HOUR));
    });
}

#[test]
fn a_clock_that_runs_is_left_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cache = Cache::builder().start().await.unwrap();
        cache.set("user::1::name", &1_u64).ttl(HOUR).await.unwrap();
        let clock = Env::simulated(7);
        cache.advance(HOUR).await;
        assert!(!cache.contains("user::1::name").unwrap() && clock.now() < Moment::START.after(HOUR));
    });
}
