//! A change whose caller stopped waiting is applied all the same.

use std::future::IntoFuture;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use apex_cache::{Cache, ErrorKind, Pattern, Scope};

use crate::common::{busy, cache, paused, settle};
use crate::source::{Source, held, join, threads};

/// Polls `call` once and drops it.
fn poll_once<C>(call: C) -> bool
where
    C: IntoFuture,
    C::IntoFuture: Unpin,
{
    let mut future = call.into_future();
    let mut context = Context::from_waker(Waker::noop());
    matches!(std::pin::Pin::new(&mut future).poll(&mut context), Poll::Pending)
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

#[test]
fn an_invalidation_that_was_polled_once_and_dropped_is_applied() {
    paused(async || {
        let cache = cache().await;
        for scope in [Scope::from(pattern("user::1::*")), Scope::All, Scope::Tier("user".into())] {
            cache.set("user::1::x", "old").await.unwrap();
            busy(&cache, "user", true).await;
            assert!(poll_once(cache.invalidate(scope.clone())), "{scope}: it was answered at once");
            busy(&cache, "user", false).await;
            settle().await;
            assert!(!cache.contains("user::1::x").unwrap(), "{scope} was lost with its caller");
        }
        cache.set("user::1::x", "old").await.unwrap();
        busy(&cache, "user", true).await;
        assert!(poll_once(cache.remove("user::1::x").into_future()));
        busy(&cache, "user", false).await;
        settle().await;
        assert!(!cache.contains("user::1::x").unwrap(), "the remove was lost with its caller");
    });
}

#[test]
fn an_invalidation_that_was_never_polled_is_not_begun() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1::x", "kept").await.unwrap();
        drop(cache.invalidate(Scope::All));
        settle().await;
        assert!(cache.contains("user::1::x").unwrap());
    });
}

#[test]
fn a_set_whose_deadline_passes_is_stored_all_the_same() {
    paused(async || {
        let cache = cache().await;
        busy(&cache, "user", true).await;
        let error = cache.set("user::1::x", "new").deadline(Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        busy(&cache, "user", false).await;
        settle().await;
        assert_eq!(cache.get_with("user::1::x", String::clone).unwrap().as_deref(), Some("new"));
    });
}

#[test]
fn an_invalidation_that_timed_out_behind_much_work_is_applied_and_keeps_loads_out() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold("user::1::x");
        let load = source.ask(&cache, "user::1::x");
        gate.begun().await;
        source.write("user::1::x");
        busy(&cache, "user", true).await;
        for number in 0..1_000 {
            assert!(poll_once(cache.set(format!("user::{number}::y"), &number)));
        }
        let invalidation = cache.invalidate(pattern("user::*")).into_future();
        assert!(tokio::time::timeout(Duration::ZERO, invalidation).await.is_err(), "nobody was busy");
        busy(&cache, "user", false).await;
        settle().await;
        gate.open();
        assert!(!join(load).await.unwrap().is_stored(), "the load was not overtaken");
        assert_eq!((held(&cache, "user::1::x"), cache.info().await.unwrap().tiers[2].entries), (None, 0));
    });
}

#[test]
fn none_of_many_invalidations_that_were_dropped_is_lost_among_threads() {
    threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        for round in 0..200 {
            for number in 0..10 {
                cache.set(format!("user::{number}::x"), &round).await.unwrap();
            }
            for number in 0..10 {
                poll_once(cache.invalidate(pattern(&format!("user::{number}::*"))));
            }
            // Behind all of them: the order of one host's calls.
            let behind = cache.invalidate(pattern("user::*")).await.unwrap();
            assert_eq!(behind.matched, 0, "round {round}: invalidations were lost");
        }
    });
}
