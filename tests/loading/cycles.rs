//! Loaders that wait for each other in a cycle: one call is refused at once, and no call that would have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::{Cache, Error, ErrorKind, Key, Reserved, Settings};

use crate::common::{cache, cache_with, paused, settle};
use crate::source::{clock, go, join, threads};

/// The kinds of the errors of calls within loaders.
#[derive(Clone, Default)]
struct Refused(Arc<AtomicU64>);

impl Refused {
    /// Keeps 7 in place of a refusal, so that the loader goes on.
    fn or_seven(&self, answer: Result<u64, Error>) -> Result<u64, Error> {
        match answer {
            Err(error) if error.kind() == ErrorKind::Reentrant => {
                self.0.fetch_add(1, SeqCst);
                Ok(7)
            }
            answer => answer,
        }
    }

    fn count(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

/// A call for `own`, whose loader asks for `other`.
async fn ask(cache: Cache, own: String, other: String, refused: Refused) -> Result<u64, Error> {
    let inner = cache.clone();
    let load = move || async move {
        tokio::task::yield_now().await;
        let other = inner.get_or_load(other, || async { Ok::<_, Error>(1_u64) }).await;
        refused.or_seven(other.map(|hit| *hit))
    };
    cache.get_or_load(own, load).await.map(|hit| *hit)
}

#[test]
fn of_two_loaders_that_ask_for_each_others_keys_one_is_refused_at_once() {
    paused(async || {
        // Of the same tier, and of two.
        for (one, two) in [("user::1", "user::2"), ("user::1", "query::1")] {
            let (cache, began, refused) = (cache().await, clock(), Refused::default());
            let calls = [(one, two), (two, one)]
                .map(|(own, other)| go(ask(cache.clone(), own.into(), other.into(), refused.clone())));
            for call in calls {
                assert_eq!(join(call).await.unwrap(), 7);
            }
            assert_eq!((refused.count(), began.elapsed()), (1, Duration::ZERO));
        }
    });
}

#[test]
fn forty_pairs_hold_up_nobody() {
    threads(async || {
        let settings = Settings::default().load_concurrency(4);
        let cache = Cache::builder().settings(settings).start().await.unwrap();
        let refused = Refused::default();
        let mut calls = Vec::new();
        for pair in 0..40 {
            let (one, two) = (format!("user::{pair}"), format!("query::{pair}"));
            for (own, other) in [(one.clone(), two.clone()), (two, one)] {
                calls.push(go(ask(cache.clone(), own, other, refused.clone())));
            }
        }
        for call in calls {
            assert!([1, 7].contains(&join(call).await.unwrap()), "or one came after the other had ended");
        }
        assert!(refused.count() <= 40);
    });
}

#[test]
fn longer_cycles_and_calls_that_join_them_are_found_too() {
    paused(async || {
        let (cache, began, refused) = (cache().await, clock(), Refused::default());
        let keys: Vec<String> = (0..5).map(|number| format!("user::{number}")).collect();
        let pairs = keys.iter().zip(keys.iter().cycle().skip(1));
        let calls: Vec<_> = pairs
            .map(|(own, other)| go(ask(cache.clone(), own.clone(), other.clone(), refused.clone())))
            .collect();
        // Outside of the cycle: waits for one of it, and is refused nothing.
        let beside = go(ask(cache.clone(), "query::1".into(), keys[0].clone(), Refused::default()));
        for call in calls.into_iter().chain([beside]) {
            assert_eq!(join(call).await.unwrap(), 7);
        }
        assert_eq!((refused.count(), began.elapsed()), (1, Duration::ZERO));
    });
}

#[test]
fn a_cycle_through_a_load_that_waits_for_its_place_is_found() {
    paused(async || {
        let cache = cache_with(Settings::default().load_concurrency(1)).await;
        let (began, refused) = (clock(), Refused::default());
        let one = go(ask(cache.clone(), "user::1".into(), "user::2".into(), refused.clone()));
        let two = go(ask(cache.clone(), "user::2".into(), "user::1".into(), refused.clone()));
        assert_eq!((join(one).await.unwrap(), join(two).await.unwrap()), (7, 7));
        assert_eq!((refused.count(), began.elapsed()), (1, Duration::ZERO));
    });
}

/// A call for `own`, whose loader asks for `other` with a loader of several keys too.
async fn ask_many(
    cache: Cache,
    own: [&'static str; 2],
    other: [&'static str; 2],
    refused: Refused,
) -> Result<u64, Error> {
    let inner = cache.clone();
    let load = move |keys: Vec<Key>| {
        let (inner, refused) = (inner.clone(), refused.clone());
        async move {
            tokio::task::yield_now().await;
            let brought = |keys: Vec<Key>| async move {
                Ok::<_, Error>(keys.into_iter().map(|key| (key, 1_u64)).collect::<Vec<_>>())
            };
            let mut sum = 0;
            for answer in inner.get_or_load_many(other, brought).await {
                let answer = answer.map(|hit| hit.map_or(0, |hit| *hit));
                sum += refused.or_seven(answer)?;
            }
            Ok::<_, Error>(keys.into_iter().map(|key| (key, sum)).collect::<Vec<_>>())
        }
    };
    let mut answers = cache.get_or_load_many(own, load).await;
    answers.remove(0).map(|hit| hit.map_or(0, |hit| *hit))
}

#[test]
fn a_cycle_through_loaders_of_several_keys_is_found() {
    paused(async || {
        let (cache, began, refused) = (cache().await, clock(), Refused::default());
        let one =
            go(ask_many(cache.clone(), ["user::1", "user::2"], ["user::4", "query::1"], refused.clone()));
        let two =
            go(ask_many(cache.clone(), ["user::3", "user::4"], ["query::2", "user::2"], refused.clone()));
        assert_eq!((join(two).await.unwrap(), join(one).await.unwrap()), (9, 8), "one was refused a key");
        assert_eq!((refused.count(), began.elapsed()), (1, Duration::ZERO));
    });
}

#[test]
fn a_cycle_through_a_refresh_is_found() {
    paused(async || {
        let (cache, refused) = (cache().await, Refused::default());
        cache
            .set("user::1", &0_u64)
            .ttl(Duration::from_secs(1))
            .stale(Duration::from_secs(600))
            .await
            .unwrap();
        crate::common::advance(Duration::from_secs(2)).await;
        let inner = (cache.clone(), refused.clone());
        let load = move || async move {
            settle().await;
            let other = inner.0.get_or_load("user::2", || async { Ok::<_, Error>(1_u64) }).await;
            inner.1.or_seven(other.map(|hit| *hit))
        };
        let began = clock();
        let stale = cache.get_or_load("user::1", load).stale(Duration::from_secs(600)).await.unwrap();
        let two = go(ask(cache.clone(), "user::2".into(), "user::1".into(), refused.clone()));
        assert_eq!(join(two).await.unwrap(), 7);
        settle().await;
        assert!(*stale == 0 || *stale == 7);
        assert_eq!((refused.count(), began.elapsed()), (1, Duration::ZERO));
    });
}

#[test]
fn a_loader_that_reserved_a_key_for_which_another_waits_is_in_the_cycle() {
    paused(async || {
        let (cache, began, refused) = (cache().await, clock(), Refused::default());
        let inner = (cache.clone(), refused.clone());
        let reserving = go(async move {
            let own = inner.0.clone();
            let load = move || async move {
                let Reserved::Vacant(vacant) = own.get_or_reserve::<u64>("user::2").await? else { panic!() };
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                let other = own.get_or_load("user::3", || async { Ok::<_, Error>(1_u64) }).await;
                let other = inner.1.or_seven(other.map(|hit| *hit))?;
                vacant.fill(&other).await?;
                Ok::<_, Error>(other)
            };
            inner.0.get_or_load("user::1", load).await.map(|hit| *hit)
        });
        settle().await;
        let waiting = go(ask(cache.clone(), "user::3".into(), "user::2".into(), refused.clone()));
        let answers = (join(reserving).await, join(waiting).await);
        assert!(answers.0.is_ok() && answers.1.is_ok(), "{answers:?}");
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

#[test]
fn what_would_not_stand_still_is_not_refused() {
    paused(async || {
        let (cache, other) = (cache().await, cache().await);
        // The same key of another cache.
        let (inner, far) = (cache.clone(), other.clone());
        let hit = inner
            .get_or_load("user::1", move || async move {
                Ok::<_, Error>(*far.get_or_load("user::1", || async { Ok::<_, Error>(3_u64) }).await?)
            })
            .await;
        assert_eq!(*hit.unwrap(), 3);
        // A loader that gave up waiting is not in the way of what it waited for.
        let (one, two) = (cache.clone(), cache.clone());
        let outer = cache.get_or_load("user::2", move || async move {
            let slow = one.get_or_load("user::3", move || async move {
                tokio::time::timeout(Duration::from_secs(5), std::future::pending::<()>()).await.ok();
                Ok::<_, Error>(*two.get_or_load("user::2", || async { Ok::<_, Error>(0_u64) }).await?)
            });
            let answer = tokio::time::timeout(Duration::from_secs(1), slow).await;
            assert!(answer.is_err());
            tokio::time::timeout(Duration::from_secs(10), std::future::pending::<()>()).await.ok();
            Ok::<_, Error>(4_u64)
        });
        assert_eq!(*outer.await.unwrap(), 4);
        settle().await;
        assert_eq!(cache.get::<u64>("user::3").await.unwrap().map(|hit| *hit), Some(4));
    });
}
