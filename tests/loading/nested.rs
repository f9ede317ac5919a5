//! Loaders that use the cache themselves.

use std::io;
use std::time::Duration;

use apex_cache::{Cache, Error, ErrorKind, Result, Settings};

use crate::common::{cache, cache_with, paused};
use crate::source::{clock, go, join, threads};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The kind of the error that the host's own error wraps, at whatever depth.
fn innermost(error: &Error) -> ErrorKind {
    match error {
        Error::LoadFailed { source, .. } => source.downcast_ref::<Error>().map_or(error.kind(), innermost),
        error => error.kind(),
    }
}

#[test]
fn a_loader_that_asks_for_its_own_key_is_told_at_once() {
    paused(async || {
        let (cache, began) = (cache().await, clock());
        let inner = cache.clone();
        let outer = cache.get_or_load("user::1::x", move || async move {
            let own = inner.get_or_load("user::1::x", || async { Ok::<_, io::Error>(1_u64) }).await?;
            Ok::<_, Error>(*own)
        });
        assert_eq!(innermost(&outer.await.unwrap_err()), ErrorKind::Reentrant);
        assert!(began.elapsed() < Duration::from_millis(10));
    });
}

#[test]
fn a_loader_that_asks_for_its_own_key_through_another_is_told_at_once() {
    paused(async || {
        let (cache, began) = (cache().await, clock());
        let (one, two) = (cache.clone(), cache.clone());
        let outer = cache.get_or_load("user::1::x", move || async move {
            let other = one.get_or_load("query::1", move || async move {
                let own = two.get_or_load("user::1::x", || async { Ok::<_, io::Error>(1_u64) }).await?;
                Ok::<_, Error>(*own)
            });
            Ok::<_, Error>(*other.await?)
        });
        assert_eq!(innermost(&outer.await.unwrap_err()), ErrorKind::Reentrant);
        assert!(began.elapsed() < Duration::from_millis(10));
        // Neither key is locked.
        let free = cache.get_or_load("query::1", || async { Ok::<_, io::Error>(7_u64) }).await.unwrap();
        assert_eq!(*free, 7);
    });
}

#[test]
fn a_loader_may_write_and_remove_and_read_its_own_key() {
    paused(async || {
        let cache = cache().await;
        let inner = cache.clone();
        let hit = cache
            .get_or_load("user::1::x", move || async move {
                assert!(inner.get::<u64>("user::1::x").await?.is_none());
                inner.set("user::1::x", &1_u64).await?;
                inner.remove("user::1::x").await?;
                Ok::<_, Error>(2_u64)
            })
            .await
            .unwrap();
        assert_eq!(*hit, 1, "who waited is given what was set");
    });
}

/// Adds up the numbers from `depth` down to 0, each of which is a key whose loader asks for the next.
fn sum(cache: Cache, depth: u64) -> std::pin::Pin<Box<dyn Future<Output = Result<u64, AnyError>> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            return Ok(0);
        }
        let inner = cache.clone();
        let load = move || sum(inner, depth - 1);
        Ok(depth + *cache.get_or_load(format!("user::{depth}::sum"), load).await?)
    })
}

#[test]
fn nested_loads_do_not_wait_for_the_places_that_their_callers_hold() {
    let settings = Settings::default().load_concurrency(1).load_queue(0);
    let many = settings.clone().load_queue(100);
    paused(async || {
        let cache = cache_with(settings).await;
        assert_eq!(sum(cache.clone(), 20).await.unwrap(), 210);
    });
    paused(async || {
        let cache = cache_with(many).await;
        let tasks: Vec<_> = (1..=20).rev().map(|depth| go(sum(cache.clone(), depth))).collect();
        for (depth, task) in (1..=20).rev().zip(tasks) {
            assert_eq!(join(task).await.unwrap(), depth * (depth + 1) / 2);
        }
    });
    threads(async || {
        let settings = Settings::default().load_concurrency(1);
        let cache = Cache::builder().settings(settings).start().await.unwrap();
        let tasks: Vec<_> = (0..50).map(|number| go(sum(cache.clone(), number % 20))).collect();
        for (number, task) in (0..50).zip(tasks) {
            let depth = number % 20;
            assert_eq!(join(task).await.unwrap(), depth * (depth + 1) / 2);
        }
    });
}
