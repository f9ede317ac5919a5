//! What a host sees of trouble in the cache: nothing, in the types of its own functions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use apex_cache::error::Error;
use apex_cache::message::Invalidated;
use apex_cache::testing::{advance, builder, paused};
use apex_cache::{Cache, Settings, cache_invalidate, cached};
use serde::{Deserialize, Serialize, Serializer};

#[derive(Debug, PartialEq)]
struct NoError;

#[cached(key = "user::{id}::runs", skip(runs), ttl = "1h")]
async fn runs(cache: &Cache, id: u32, runs: Arc<AtomicU32>) -> Result<u32, NoError> {
    Ok(runs.fetch_add(1, Relaxed) + 1)
}

#[cached(key = "user::{id}::late", skip(took), ttl = "1h")]
async fn late(cache: &Cache, id: u32, took: Duration) -> Result<u32, NoError> {
    let _ = tokio::time::timeout(took, std::future::pending::<()>()).await;
    Ok(id)
}

#[cache_invalidate("user::{id}::*")]
async fn change(cache: &Cache, id: u32) -> Result<(), NoError> {
    Err(NoError)
}

#[test]
fn a_cache_that_was_shut_down_is_as_if_there_were_none() {
    paused(|| async {
        let (cache, count) = (Cache::for_tests().await, Arc::default());
        cache.shutdown().await.unwrap();
        assert_eq!(runs(&cache, 1, Arc::clone(&count)).await, Ok(1));
        assert_eq!(runs(&cache, 1, count).await, Ok(2));
        assert_eq!(change(&cache, 1).await, Err(NoError));
    });
}

#[test]
fn a_key_that_no_tier_takes_runs_the_body() {
    paused(|| async {
        let settings = Settings::default().unknown_prefix("refuse");
        let cache = builder().settings(settings).start().await.unwrap();
        let count: Arc<AtomicU32> = Arc::default();
        #[cached(key = "elsewhere::{id}", skip(runs))]
        async fn elsewhere(cache: &Cache, id: u32, runs: &Arc<AtomicU32>) -> u32 {
            id + runs.fetch_add(1, Relaxed)
        }
        assert_eq!((elsewhere(&cache, 10, &count).await, elsewhere(&cache, 10, &count).await), (10, 11));
    });
}

#[test]
fn a_body_that_takes_longer_than_a_load_may_runs_on_for_its_caller() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        assert_eq!(late(&cache, 1, Duration::from_secs(90)).await, Ok(1));
        assert_eq!((cache.loads("user::1::late"), cache.contains("user::1::late").unwrap()), (1, true));
        assert_eq!(late(&cache, 2, Duration::from_secs(9)).await, Ok(2));
        assert!(cache.contains("user::2::late").unwrap());
    });
}

#[derive(Debug, Clone, Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[test]
fn a_value_that_cannot_be_written_is_returned_all_the_same() {
    #[cached(key = "user::{id}::unwritable", skip(runs))]
    async fn unwritable(cache: &Cache, id: u32, runs: Arc<AtomicU32>) -> Result<Unwritable, NoError> {
        runs.fetch_add(1, Relaxed);
        Ok(Unwritable)
    }
    paused(|| async {
        let (cache, count): (_, Arc<AtomicU32>) = (Cache::for_tests().await, Arc::default());
        assert!(unwritable(&cache, 1, Arc::clone(&count)).await.is_ok());
        assert_eq!(count.load(Relaxed), 1);
    });
}

#[test]
fn a_body_that_asks_for_itself_runs_through() {
    #[cached(key = "query::down", skip(left))]
    async fn down(cache: &Cache, left: Arc<AtomicU32>) -> u32 {
        if left.fetch_sub(1, Relaxed) == 1 { 0 } else { 1 + Box::pin(down_again(cache, left)).await }
    }
    fn down_again(
        cache: &Cache,
        left: Arc<AtomicU32>,
    ) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
        let cache = cache.clone();
        Box::pin(async move { down(&cache, left).await })
    }
    paused(|| async {
        let cache = Cache::for_tests().await;
        assert_eq!(down(&cache, Arc::new(AtomicU32::new(3))).await, 2);
    });
}

/// Two functions that call each other as often as `left` says.
#[cached(key = "user::{id}::one", skip(left))]
async fn one(cache: &Cache, id: u32, left: u32) -> u32 {
    tokio::task::yield_now().await;
    if left == 0 { 0 } else { 1 + boxed_two(cache.clone(), id, left - 1).await }
}

#[cached(key = "query::{id}::two", skip(left))]
async fn two(cache: &Cache, id: u32, left: u32) -> u32 {
    tokio::task::yield_now().await;
    if left == 0 { 0 } else { 1 + boxed_one(cache.clone(), id, left - 1).await }
}

/// Waiting for each other would take until a load runs out of time; nothing here takes any.
async fn at_once<F: Future>(call: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(1), call).await.expect("nobody waits")
}

fn boxed_one(cache: Cache, id: u32, left: u32) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { one(&cache, id, left).await })
}

fn boxed_two(cache: Cache, id: u32, left: u32) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { two(&cache, id, left).await })
}

#[test]
fn cached_functions_that_wait_for_each_other_run_beside_the_cache_at_once() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let calls = [boxed_one(cache.clone(), 1, 3), boxed_two(cache.clone(), 1, 3)].map(actix::spawn);
        for call in calls {
            // As deep as it goes, or less deep by what the other brought.
            assert!((1..=6).contains(&at_once(call).await.unwrap()));
        }
        assert!(cache.contains("user::1::one").unwrap() && cache.contains("query::1::two").unwrap());
    });
}

#[test]
fn cached_functions_that_call_each_other_for_ever_panic_with_their_keys() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let calls = [boxed_one(cache.clone(), 1, u32::MAX), boxed_two(cache.clone(), 1, u32::MAX)];
        for call in calls.map(actix::spawn) {
            let panic = at_once(call).await.unwrap_err().into_panic();
            let words = panic.downcast_ref::<String>().expect("a sentence");
            assert!(words.contains("user::1::one") && words.contains("query::1::two"), "{words}");
        }
    });
}

#[test]
fn a_cached_function_that_calls_itself_for_ever_panics_however_it_runs() {
    #[cached(key = "query::here", run = "caller")]
    async fn here(cache: &Cache) -> u32 {
        boxed_here(cache.clone()).await
    }
    fn boxed_here(cache: Cache) -> std::pin::Pin<Box<dyn Future<Output = u32>>> {
        Box::pin(async move { here(&cache).await })
    }
    #[cached(key = "config::native", native)]
    async fn native(cache: &Cache) -> Arc<u32> {
        boxed_native(cache.clone()).await
    }
    fn boxed_native(cache: Cache) -> std::pin::Pin<Box<dyn Future<Output = Arc<u32>> + Send>> {
        Box::pin(async move { native(&cache).await })
    }
    paused(|| async {
        let cache = Cache::for_tests().await;
        let panics = [
            actix::spawn(boxed_here(cache.clone())).await.unwrap_err().into_panic(),
            actix::spawn(boxed_native(cache.clone())).await.unwrap_err().into_panic(),
        ];
        for (panic, key) in panics.iter().zip(["query::here", "config::native"]) {
            let words = panic.downcast_ref::<String>().expect("a sentence");
            assert!(words.contains(key), "{words}");
        }
    });
}

#[test]
fn an_invalidation_happens_after_an_error_a_panic_and_a_caller_that_gave_up() {
    paused(|| async {
        let (cache, count): (_, Arc<AtomicU32>) = (Cache::for_tests().await, Arc::default());
        assert_eq!(runs(&cache, 1, Arc::clone(&count)).await, Ok(1));
        assert_eq!(change(&cache, 1).await, Err(NoError));
        assert_eq!(runs(&cache, 1, Arc::clone(&count)).await, Ok(2));

        #[cache_invalidate("user::{id}::*", on = ok)]
        async fn unchanged(cache: &Cache, id: u32) -> Result<(), NoError> {
            Err(NoError)
        }
        assert_eq!(unchanged(&cache, 1).await, Err(NoError));
        assert_eq!(runs(&cache, 1, Arc::clone(&count)).await, Ok(2), "its error says that nothing changed");

        #[cache_invalidate("user::{id}::*")]
        async fn hangs(cache: &Cache, id: u32) {
            std::future::pending::<()>().await;
        }
        assert!(tokio::time::timeout(Duration::from_secs(1), hangs(&cache, 1)).await.is_err());
        advance(Duration::ZERO).await;
        assert_eq!(
            runs(&cache, 1, Arc::clone(&count)).await,
            Ok(3),
            "what it had written by then is not known"
        );

        #[cache_invalidate("user::{id}::*")]
        async fn panics(cache: &Cache, id: u32) {
            panic!("after the write");
        }
        let own = cache.clone();
        assert!(actix::spawn(async move { panics(&own, 1).await }).await.is_err());
        advance(Duration::ZERO).await;
        assert_eq!(runs(&cache, 1, count).await, Ok(4));
    });
}

#[test]
fn counts_of_an_invalidation_are_reported() {
    #[cache_invalidate("user::{id}::*", "query::*", report = |taken: &Result<Invalidated, Error>| note(taken, &seen))]
    async fn write(cache: &Cache, id: u32, seen: Arc<AtomicU32>) -> Option<String> {
        None
    }
    fn note(taken: &Result<Invalidated, Error>, seen: &AtomicU32) {
        seen.store(taken.as_ref().map_or(99, |taken| taken.matched as u32), Relaxed);
    }
    paused(|| async {
        let (cache, seen): (_, Arc<AtomicU32>) = (Cache::for_tests().await, Arc::default());
        for key in ["user::1::a", "user::1::b", "user::2::a", "query::x"] {
            cache.set(key, &1).await.unwrap();
        }
        assert_eq!(write(&cache, 1, Arc::clone(&seen)).await, None);
        assert_eq!(seen.load(Relaxed), 3);
    });
}
