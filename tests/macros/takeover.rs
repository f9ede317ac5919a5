//! Who goes on after a load, or an invalidation, that came to nothing for those who waited for it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use apex_cache::message::{Invalidate, Invalidated};
use apex_cache::testing::{builder, paused};
use apex_cache::{Cache, Error, ErrorKind, Key, Settings, cache_invalidate, cached};

use super::storm::{Call, Slow, busy, poll_all, settle};

#[test]
fn after_a_load_of_another_kind_that_failed_one_body_runs_for_all_who_waited() {
    for panics in [false, true] {
        paused(|| async move {
            let slow = Slow::new().await;
            slow.value.store(1, Relaxed);
            let (cache, gate) = (slow.cache.clone(), Arc::clone(&slow.gate));
            let load = move || async move {
                gate.acquire().await.expect("it is never closed").forget();
                assert!(!panics, "in the loader of another call");
                Err::<u32, _>(io::Error::other("which is none of the function's errors"))
            };
            let other = actix::spawn(async move { cache.get_or_load("query::slow::1", load).await.is_err() });
            settle().await;
            let calls = (0..10).map(|_| Box::pin(slow.load(1)) as Call<'_>).collect();
            let (calls, _) = poll_all(calls).await;
            settle().await;
            assert_eq!(slow.runs(), 0, "they wait for the load that was there");
            slow.gate.add_permits(1);
            assert!(other.await.unwrap());
            let (calls, said) = poll_all(calls).await;
            assert!(said.is_empty());
            settle().await;
            assert_eq!(slow.runs(), 1, "panics: {panics}");
            slow.gate.add_permits(10);
            for call in calls {
                assert_eq!(call.await, Ok(1));
            }
            assert_eq!(slow.runs(), 1, "one runs for all; panics: {panics}");
        });
    }
}

#[test]
fn a_body_that_panics_panics_in_each_caller_side_by_side_until_one_has_a_value() {
    paused(|| async {
        let slow = Slow::new().await;
        slow.value.store(13, Relaxed);
        let call = |_| {
            let slow = slow.clone();
            actix::spawn(async move { slow.load(1).await })
        };
        let calls: Vec<_> = (0..10).map(call).collect();
        settle().await;
        assert_eq!(slow.runs(), 1, "one body for all, until it fails");
        slow.gate.add_permits(1);
        settle().await;
        assert_eq!(slow.runs(), 10, "then each caller has its own");
        slow.gate.add_permits(6);
        settle().await;
        assert_eq!(calls.iter().filter(|call| call.is_finished()).count(), 7);
        slow.value.store(1, Relaxed);
        let late = call(0);
        settle().await;
        assert_eq!(slow.runs(), 11, "a caller that comes now does not wait for those that fail");
        slow.gate.add_permits(10);
        assert_eq!(late.await.unwrap(), Ok(1));
        let mut panicked = 0;
        for call in calls {
            panicked += u32::from(call.await.is_err());
        }
        assert_eq!(panicked, 10, "the others read the bad value before it changed");
    });
}

#[test]
fn a_body_in_its_caller_that_asks_for_itself_runs_through() {
    #[cached(key = "query::down_here", skip(left), run = "caller")]
    async fn down(cache: &Cache, left: Arc<AtomicU32>) -> u32 {
        if left.fetch_sub(1, Relaxed) == 1 { 0 } else { 1 + again(cache.clone(), left).await }
    }
    fn again(cache: Cache, left: Arc<AtomicU32>) -> Pin<Box<dyn Future<Output = u32>>> {
        Box::pin(async move { down(&cache, left).await })
    }
    paused(|| async {
        let cache = Cache::for_tests().await;
        let call = down(&cache, Arc::new(AtomicU32::new(3)));
        // Waiting for itself would take until the load runs out of time; nothing here takes any.
        let said = tokio::time::timeout(Duration::from_secs(1), call).await;
        assert_eq!(said, Ok(2));
    });
}

#[test]
fn an_invalidation_that_a_full_tier_refused_is_sent_again() {
    #[cache_invalidate("user::{id}::*", report = |taken: &Result<Invalidated, Error>| note(taken, &seen))]
    async fn change(cache: &Cache, id: u32, seen: Arc<AtomicU32>) {}
    fn note(taken: &Result<Invalidated, Error>, seen: &AtomicU32) {
        seen.store(taken.as_ref().map_or(99, |taken| taken.matched as u32), Relaxed);
    }
    paused(|| async {
        let cache = builder().settings(Settings::default().queue_messages(128)).start().await.unwrap();
        cache.set("user::1::name", "Ann").await.unwrap();
        // More than the tier has places for, also those that it keeps back.
        busy(&cache, "user", true).await;
        let flood: Vec<_> = (0..300)
            .map(|n| cache.supervisor().send(Invalidate::new(Key::parse(&format!("user::2::{n}")).unwrap())))
            .collect();
        let seen: Arc<AtomicU32> = Arc::default();
        tokio::join!(change(&cache, 1, Arc::clone(&seen)), async {
            tokio::task::yield_now().await;
            busy(&cache, "user", false).await;
        });
        assert_eq!(seen.load(Relaxed), 1);
        assert!(!cache.contains("user::1::name").unwrap());
        let mut refused = 0;
        for sent in flood {
            refused += u32::from(sent.await.is_err_and(|error| error.kind() == ErrorKind::Overloaded));
        }
        assert!(refused > 0, "it was never full");
    });
}
