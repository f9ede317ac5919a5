//! Loads that end badly: in an error, a panic, or not at all.

use std::io;
use std::time::Duration;

use apex_cache::{Cache, Error, ErrorKind, Hit, Result, Settings};

use crate::common::{cache, cache_with, paused, settle};
use crate::source::{Source, clock, go, held, join, stats_of};

const KEY: &str = "user::1::x";

type Answer = tokio::task::JoinHandle<Result<Hit<u64>>>;

/// `callers` that ask for the key with a loader that ends as `load` does.
fn ask<F, Fut>(cache: &Cache, callers: usize, load: F) -> Vec<Answer>
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<u64, io::Error>> + Send + 'static,
{
    let one = |_| {
        let (cache, load) = (cache.clone(), load.clone());
        go(async move { cache.get_or_load(KEY, load).await })
    };
    (0..callers).map(one).collect()
}

#[test]
fn an_error_reaches_all_who_wait_and_is_not_cached() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let failing = || async {
            tokio::task::yield_now().await;
            Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the database is away"))
        };
        for call in ask(&cache, 100, failing) {
            let error = join(call).await.unwrap_err();
            let Error::LoadFailed { source, .. } = &error else { panic!("{error:?}") };
            let cause = source.downcast_ref::<io::Error>().map(io::Error::kind);
            assert_eq!(cause, Some(io::ErrorKind::ConnectionRefused), "the host's own error");
            assert_eq!(error.to_string(), "loading \"user::1::x\" failed: the database is away");
        }
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.loads_failed, stats.joined), (1, 1, 99));
        assert_eq!(source.get(&cache, KEY).await.unwrap().version, 1, "the next call loads");
    });
}

#[test]
fn a_panic_reaches_all_who_wait_as_an_error_and_the_next_call_loads() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let panics = [1, 2].map(|when| {
            move || async move {
                for _ in 0..when {
                    tokio::task::yield_now().await;
                }
                panic!("the loader's own bug")
            }
        });
        for load in panics {
            for call in ask(&cache, 10, load) {
                assert_eq!(join(call).await.unwrap_err().kind(), ErrorKind::LoadPanicked);
            }
        }
        let sudden = cache.get_or_load(KEY, || -> std::future::Ready<Result<u64, io::Error>> {
            panic!("before there is a future")
        });
        assert_eq!(sudden.await.unwrap_err().kind(), ErrorKind::LoadPanicked);
        assert_eq!(source.get(&cache, KEY).await.unwrap().version, 1, "the next call loads");
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.loads_panicked, stats.loads_ok), (4, 3, 1));
        assert_eq!(stats.restarts, 0, "no actor noticed");
    });
}

#[test]
fn a_load_without_an_end_gives_a_timeout_and_its_key_can_be_loaded_again() {
    let settings = Settings::default().load_timeout(Duration::from_secs(5));
    paused(async || {
        let (cache, source) = (cache_with(settings).await, Source::new());
        let began = clock();
        for call in ask(&cache, 10, std::future::pending) {
            let error = join(call).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LoadTimeout);
        }
        let took = began.elapsed();
        assert!((5_000..5_050).contains(&took.as_millis()), "{took:?}");
        settle().await;
        let hit = source.get(&cache, KEY).await.unwrap();
        assert_eq!((hit.version, hit.is_stored()), (1, true));
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.loads_timed_out), (2, 1));
    });
}

#[test]
fn who_joins_late_waits_no_longer_than_the_load_may_take() {
    let settings = Settings::default().load_timeout(Duration::from_secs(5));
    paused(async || {
        let cache = cache_with(settings).await;
        let first = ask(&cache, 1, std::future::pending);
        crate::common::advance(Duration::from_secs(4)).await;
        let began = clock();
        for call in ask(&cache, 1, std::future::pending).into_iter().chain(first) {
            assert_eq!(join(call).await.unwrap_err().kind(), ErrorKind::LoadTimeout);
        }
        assert!(began.elapsed() <= Duration::from_millis(1_050), "{:?}", began.elapsed());
    });
}

#[test]
fn many_endless_loads_in_a_row_leave_all_places_free() {
    let settings = Settings::default().load_timeout(Duration::from_secs(1)).load_concurrency(2);
    paused(async || {
        let (cache, source) = (cache_with(settings).await, Source::new());
        for _ in 0..20 {
            for call in ask(&cache, 3, std::future::pending) {
                assert_eq!(join(call).await.unwrap_err().kind(), ErrorKind::LoadTimeout);
            }
        }
        settle().await;
        assert_eq!(cache.info().await.unwrap().tiers[2].loads, (0, 0));
        assert!(source.get(&cache, KEY).await.unwrap().is_stored());
    });
}

/// Panics when it is dropped.
struct Touchy;

impl Drop for Touchy {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn what_a_loader_captured_may_panic_when_it_is_dropped() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let leads = source.ask(&cache, KEY);
        gate.begun().await;
        // It joins, so its own loader is never run; it leaves, so the cache is the one that drops the loader.
        let touchy = Touchy;
        let joins = cache.clone();
        let task = go(async move {
            let load = joins.get_or_load(KEY, move || {
                let _touchy = &touchy;
                std::future::pending::<Result<crate::source::Row, io::Error>>()
            });
            let _ = load.deadline(Duration::from_millis(1)).await.map(|hit| hit.version);
        });
        join(task).await;
        gate.open();
        assert_eq!(join(leads).await.unwrap().version, 1);
        settle().await;
        assert_eq!((held(&cache, KEY), stats_of(&cache, "user").await.restarts), (Some(1), 0));
    });
}
