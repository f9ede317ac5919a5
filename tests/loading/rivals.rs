//! Calls that meet a load where it is easily missed: as it ends, among thousands, or beside a caller that has stopped.

use std::io;
use std::mem::size_of_val;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use apex_cache::{Cache, ErrorKind, Scope, Settings};
use tokio::sync::Semaphore;

use crate::common::{cache, cache_with, paused, settle};
use crate::source::{Source, go, held, info_of, join, stats_of, threads};

const KEY: &str = "user::1::x";

/// A load tells when it ends; a second call is made so many turns of the runtime later.
async fn a_second_call_after(cache: &Cache, key: String, turns: usize) {
    let (source, ends) = (Source::new(), Arc::new(Semaphore::new(0)));
    let (told, read) = (Arc::clone(&ends), source.clone().read(key.clone()));
    let first = {
        let (cache, key) = (cache.clone(), key.clone());
        go(async move {
            let load = move || async move {
                let row = read.await;
                told.add_permits(1);
                row
            };
            cache.get_or_load(key, load).await
        })
    };
    ends.acquire().await.unwrap().forget();
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    assert_eq!(source.get(cache, &key).await.unwrap().version, 1);
    assert_eq!(join(first).await.unwrap().version, 1);
    assert_eq!(
        source.reads(),
        1,
        "loaded twice: the second call came {turns} turns after the load had ended"
    );
}

#[test]
fn a_call_made_as_a_load_ends_joins_it_or_finds_its_value() {
    paused(async || {
        let cache = cache().await;
        for turns in 0..40 {
            a_second_call_after(&cache, format!("user::{turns}"), turns).await;
        }
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.stored_by_load, stats.entries), (40, 40, 40));
    });
    threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        for round in 0..400 {
            a_second_call_after(&cache, format!("user::{round}"), round % 4).await;
        }
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.stored_by_load, stats.entries), (400, 400, 400));
    });
}

#[test]
fn who_waits_does_not_depend_on_a_leader_that_is_not_polled_any_more() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let mut leader = pin!(cache.get_or_load(KEY, source.loader(KEY)).into_future());
        let polled = std::future::poll_fn(|cx| Poll::Ready(leader.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        gate.begun().await;
        let waits = source.ask(&cache, KEY);
        settle().await;
        gate.open();
        assert_eq!(join(waits).await.unwrap().version, 1);
        assert_eq!((source.reads(), held(&cache, KEY)), (1, Some(1)));
        assert_eq!(leader.await.unwrap().version, 1, "and it finds its answer when it is polled again");
    });
}

#[test]
fn ten_thousand_absent_keys_at_once_never_exceed_the_places_and_each_call_is_answered() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().load_concurrency(8)).await, Source::new());
        let keys: Vec<String> = (0..10_000).map(|number| format!("user::{number}")).collect();
        let calls: Vec<_> = keys.iter().map(|key| source.ask(&cache, key)).collect();
        let mut refused = 0_u64;
        for (call, key) in calls.into_iter().zip(&keys) {
            match join(call).await {
                Ok(hit) => assert_eq!(hit.key, *key),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
                    refused += 1;
                }
            }
        }
        assert_eq!(source.reads(), 10_000 - refused);
        // So many of the tier, and as many of those that ran past it.
        assert!(source.most_at_once() <= 16, "{} at once", source.most_at_once());
        settle().await;
        let info = info_of(&cache, "user").await;
        assert_eq!((info.loads, info.queued), ((0, 0), (0, 0)));
        // What was loaded is accounted, and all of it can be taken away again.
        let entries = stats_of(&cache, "user").await.entries;
        assert_eq!(cache.invalidate(Scope::Tier("user".into())).await.unwrap().matched, entries);
        let info = info_of(&cache, "user").await;
        assert_eq!((info.entries, info.bytes), (0, 0));
    });
}

#[test]
fn a_call_is_small_enough_to_be_awaited_anywhere() {
    paused(async || {
        let cache = cache().await;
        let sizes = [
            ("get", size_of_val(&cache.get::<u64>(KEY).into_future())),
            ("set", size_of_val(&cache.set(KEY, &1_u64).into_future())),
            ("remove", size_of_val(&cache.remove(KEY).into_future())),
            ("invalidate", size_of_val(&cache.invalidate(Scope::All).into_future())),
            ("load", size_of_val(&cache.get_or_load(KEY, || async { Ok::<_, io::Error>(1_u64) }))),
            (
                "loads",
                size_of_val(&cache.get_or_load(KEY, || async { Ok::<_, io::Error>(1_u64) }).into_future()),
            ),
            ("reserve", size_of_val(&cache.get_or_reserve::<u64>(KEY).into_future())),
        ];
        for (call, bytes) in sizes {
            assert!(bytes <= 1_024, "{call} takes {bytes} bytes on the stack of whoever awaits it");
        }
    });
}
