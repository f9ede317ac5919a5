//! A value past its time to live is served while one refresh runs, to those who allowed it.

use apex_cache::{Settings, Source as From};

use super::{KEY, SECOND, STALE, TTL, get, policy};
use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::{Source, stats_of};

#[test]
fn a_stale_value_is_served_at_once_and_one_refresh_brings_the_new_one() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        source.write(KEY);
        advance(TTL + SECOND).await;
        let gate = source.hold(KEY);
        for _ in 0..100 {
            let hit = get(&cache, &source, policy()).await.unwrap();
            assert!(hit.is_stale() && !hit.was_loaded() && hit.version == 1, "{hit:?}");
            assert_eq!(hit.age(), TTL + SECOND);
        }
        gate.begun().await;
        assert_eq!(source.reads(), 2, "one refresh for a hundred readers");
        gate.open();
        settle().await;
        let hit = get(&cache, &source, policy()).await.unwrap();
        assert_eq!((hit.version, hit.source()), (2, From::Memory));
        assert_eq!(stats_of(&cache, "user").await.stale_hits, 100);
    });
}

#[test]
fn nothing_is_served_past_its_time_to_live_unasked() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        source.write(KEY);
        advance(TTL).await;
        assert!(cache.get::<crate::source::Row>(KEY).await.unwrap().is_none());
        assert!(!cache.contains(KEY).unwrap());
        let hit = source.get(&cache, KEY).await.unwrap();
        assert_eq!(
            (hit.version, hit.source()),
            (2, From::Loaded),
            "another call allowed it, this one did not"
        );
    });
}

#[test]
fn a_call_takes_no_value_that_is_staler_than_it_says_and_none_lives_longer_than_its_own_grace() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        source.write(KEY);
        advance(TTL + 60 * SECOND).await;
        let strict = get(&cache, &source, policy().stale(30 * SECOND)).await.unwrap();
        assert_eq!(strict.version, 2, "a minute is more than half of one");
        source.write(KEY);
        advance(TTL + STALE).await;
        let generous = get(&cache, &source, policy().stale(10 * STALE)).await.unwrap();
        assert_eq!(generous.version, 3, "it was stored to be served stale for five minutes");
    });
}

#[test]
fn a_removed_value_is_never_served_stale() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        source.write(KEY);
        advance(TTL + SECOND).await;
        cache.remove(KEY).await.unwrap();
        assert_eq!(get(&cache, &source, policy()).await.unwrap().version, 2);
    });
}

#[test]
fn a_refresh_that_a_set_or_a_removal_overtook_is_not_stored() {
    paused(async || {
        for removed in [false, true] {
            let (cache, source) = (cache().await, Source::new());
            get(&cache, &source, policy()).await.unwrap();
            advance(TTL + SECOND).await;
            let gate = source.hold(KEY);
            assert!(get(&cache, &source, policy()).await.unwrap().is_stale());
            gate.begun().await;
            let new = source.write(KEY);
            if removed {
                cache.remove(KEY).await.unwrap();
            } else {
                cache.set(KEY, &new).await.unwrap();
            }
            gate.open();
            settle().await;
            source.let_go(KEY);
            assert_eq!(get(&cache, &source, policy()).await.unwrap().version, 2, "removed: {removed}");
        }
    });
}

#[test]
fn a_refresh_waits_behind_callers_and_a_caller_takes_it_along() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().load_concurrency(1)).await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        advance(TTL + SECOND).await;
        let gate = source.hold("user::2::x");
        let first = source.ask(&cache, "user::2::x");
        gate.begun().await;
        assert!(get(&cache, &source, policy()).await.unwrap().is_stale());
        let second = source.ask(&cache, "user::3::x");
        settle().await;
        assert_eq!(source.reads(), 2, "the only place is taken");
        let third = source.hold("user::3::x");
        gate.open();
        third.begun().await;
        assert!(get(&cache, &source, policy()).await.unwrap().is_stale(), "the caller went first");
        third.open();
        settle().await;
        assert_eq!(get(&cache, &source, policy()).await.unwrap().source(), From::Memory);
        let _ = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    });
}

#[test]
fn a_caller_who_takes_nothing_stale_joins_the_refresh() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        source.write(KEY);
        advance(TTL + SECOND).await;
        let gate = source.hold(KEY);
        assert!(get(&cache, &source, policy()).await.unwrap().is_stale());
        gate.begun().await;
        let strict = source.ask(&cache, KEY);
        settle().await;
        gate.open();
        let hit = strict.await.unwrap().unwrap();
        assert_eq!((hit.version, source.reads()), (2, 2));
    });
}
