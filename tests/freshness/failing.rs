//! When the source fails or is slow: stale values instead of errors, and pauses before it is asked again.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use apex_cache::{Cache, ErrorKind, Hit, LoadPolicy, Result, Settings};

use super::{KEY, SECOND, STALE, TTL, get, policy};
use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::{Row, Source, clock};

async fn fails(cache: &Cache, tried: &Arc<AtomicU64>, policy: LoadPolicy) -> Result<Hit<Row>> {
    let tried = Arc::clone(tried);
    let load = move || async move {
        tried.fetch_add(1, SeqCst);
        Err::<Row, _>(io::Error::other("the database is away"))
    };
    cache.get_or_load(KEY, load).policy(policy).await
}

#[test]
fn a_source_that_fails_is_left_alone_for_longer_and_longer_while_stale_values_are_served() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let policy = policy().retry(10 * SECOND, 40 * SECOND);
        get(&cache, &source, policy).await.unwrap();
        advance(TTL).await;
        let tried = Arc::new(AtomicU64::new(0));
        let mut at = Vec::new();
        for second in 0..200 {
            let before = tried.load(SeqCst);
            assert!(fails(&cache, &tried, policy).await.unwrap().is_stale());
            settle().await;
            if tried.load(SeqCst) > before {
                at.push(second);
            }
            advance(SECOND).await;
        }
        assert_eq!(at, [0, 10, 30, 70, 110, 150, 190], "ten, twenty, then forty seconds");
        // A success ends it.
        assert!(get(&cache, &source, policy).await.unwrap().is_stale());
        advance(40 * SECOND).await;
        get(&cache, &source, policy).await.unwrap();
        settle().await;
        assert!(!get(&cache, &source, policy).await.unwrap().is_stale());
    });
}

#[test]
fn callers_that_would_rather_wait_leave_a_source_that_failed_alone_too() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let patient = policy().soft_timeout(2 * SECOND).retry(10 * SECOND, 20 * SECOND);
        get(&cache, &source, patient).await.unwrap();
        advance(TTL).await;
        let (tried, mut at) = (Arc::new(AtomicU64::new(0)), Vec::new());
        for second in 0..40 {
            let before = tried.load(SeqCst);
            assert!(fails(&cache, &tried, patient).await.unwrap().is_stale());
            if tried.load(SeqCst) > before {
                at.push(second);
            }
            // Who allows nothing stale asks the source all the same, and is told.
            if second == 5 {
                let strict = LoadPolicy::new().retry(10 * SECOND, 20 * SECOND);
                assert_eq!(fails(&cache, &tried, strict).await.unwrap_err().kind(), ErrorKind::LoadFailed);
            }
            advance(SECOND).await;
        }
        assert_eq!(at, [0, 25], "the second failure, at five, put it off for twenty seconds");
        assert_eq!(get(&cache, &source, policy()).await.unwrap().source(), apex_cache::Source::Stale);
    });
}

#[test]
fn past_its_grace_a_value_is_gone_and_the_error_is_told() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        advance(TTL + STALE).await;
        let error = fails(&cache, &Arc::default(), policy()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoadFailed);
    });
}

#[test]
fn a_call_that_would_rather_wait_gets_the_fresh_value_or_the_stale_one_when_that_takes_too_long() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let patient = policy().soft_timeout(2 * SECOND);
        get(&cache, &source, patient).await.unwrap();
        source.write(KEY);
        advance(TTL + SECOND).await;
        assert_eq!(get(&cache, &source, patient).await.unwrap().version, 2, "it waited");
        source.write(KEY);
        advance(TTL + SECOND).await;
        let gate = source.hold(KEY);
        let began = clock();
        let hit = get(&cache, &source, patient).await.unwrap();
        assert!(hit.is_stale() && hit.version == 2);
        assert_eq!(began.elapsed(), 2 * SECOND);
        gate.open();
        settle().await;
        assert_eq!(get(&cache, &source, patient).await.unwrap().version, 3, "the load went on");
        advance(TTL + SECOND).await;
        let failed = fails(&cache, &Arc::default(), patient).await.unwrap();
        assert!(failed.is_stale(), "the source failed");
    });
}

#[test]
fn a_value_that_was_removed_while_a_call_waited_is_not_its_fallback() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let patient = policy().soft_timeout(2 * SECOND);
        get(&cache, &source, patient).await.unwrap();
        advance(TTL + SECOND).await;
        let gate = source.hold(KEY);
        let waiting = {
            let (cache, source) = (cache.clone(), source.clone());
            crate::source::go(async move { get(&cache, &source, patient).await })
        };
        gate.begun().await;
        cache.remove(KEY).await.unwrap();
        advance(3 * SECOND).await;
        assert!(!waiting.is_finished(), "there is nothing to fall back on");
        gate.open();
        assert!(!waiting.await.unwrap().unwrap().is_stale());
    });
}

#[test]
fn a_load_is_given_up_at_the_timeout_of_its_call_tier_or_settings() {
    paused(async || {
        let settings = Settings::default()
            .load_timeout(30 * SECOND)
            .tier("query", |tier| tier.policy(LoadPolicy::new().timeout(5 * SECOND)));
        let cache = cache_with(settings).await;
        for (key, own, limit) in [("user::9", None, 30), ("query::9", None, 5), ("query::8", Some(SECOND), 1)]
        {
            let began = clock();
            let call = cache.get_or_load(key, pending::<io::Result<u64>>);
            let call = if let Some(own) = own { call.timeout(own) } else { call };
            assert_eq!(call.await.unwrap_err().kind(), ErrorKind::LoadTimeout, "{key}");
            assert_eq!(began.elapsed(), limit * SECOND, "{key}");
        }
    });
}

#[test]
fn a_stale_value_is_served_where_there_is_no_room_for_a_load() {
    paused(async || {
        let settings = Settings::default().load_concurrency(1).load_queue(0);
        let (cache, source) = (cache_with(settings).await, Source::new());
        let patient = policy().soft_timeout(20 * SECOND);
        get(&cache, &source, patient).await.unwrap();
        advance(TTL + SECOND).await;
        let gate = source.hold("user::2::x");
        let other = source.ask(&cache, "user::2::x");
        gate.begun().await;
        let hit = get(&cache, &source, patient).await.unwrap();
        assert!(hit.is_stale(), "{hit:?}");
        assert_eq!(source.reads(), 2, "its loader did not run past the cache");
        gate.open();
        other.await.unwrap().unwrap();
    });
}
