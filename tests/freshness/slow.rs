//! Sources that are slow, get stuck or are overtaken: an old value ends when it was said to, and none comes back.

use std::future::pending;
use std::io;
use std::time::Duration;

use apex_cache::{Cache, LoadContext, LoadPolicy, Loaded, Settings, Source as From};

use super::{KEY, SECOND, STALE, TTL, get, policy};
use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::{Source, held, info_of, stats_of, threads};

#[test]
fn a_refresh_that_is_stuck_keeps_no_value_alive() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let patient = policy().timeout(4 * (TTL + STALE));
        get(&cache, &source, patient).await.unwrap();
        advance(TTL).await;
        for _ in 0..3 {
            let hit = cache.get_or_load(KEY, pending::<io::Result<crate::source::Row>>).policy(patient).await;
            assert!(hit.unwrap().is_stale());
            advance(SECOND).await;
        }
        assert_eq!(info_of(&cache, "user").await.loads, (1, 0), "one refresh, which never ends");
        advance(STALE.saturating_sub(3 * SECOND)).await;
        let call = cache.get_or_load(KEY, source.loader(KEY)).policy(patient).deadline(SECOND);
        assert_eq!(call.await.unwrap_err().kind(), apex_cache::ErrorKind::Timeout, "its grace is over");
        assert!(!cache.contains(KEY).unwrap());
    });
}

#[test]
fn a_refresh_that_ran_into_its_time_limit_leaves_the_key_free_for_the_next() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let quick = policy().timeout(5 * SECOND).retry(SECOND, SECOND);
        get(&cache, &source, quick).await.unwrap();
        source.write(KEY);
        advance(TTL).await;
        for _ in 0..20 {
            let stuck = cache.get_or_load(KEY, pending::<io::Result<crate::source::Row>>).policy(quick);
            assert!(stuck.await.unwrap().is_stale());
            advance(7 * SECOND).await;
            assert_eq!(info_of(&cache, "user").await.loads, (0, 0));
        }
        assert_eq!(stats_of(&cache, "user").await.loads_timed_out, 20);
        assert!(get(&cache, &source, quick).await.unwrap().is_stale());
        settle().await;
        assert_eq!(get(&cache, &source, quick).await.unwrap().version, 2);
    });
}

#[test]
fn a_refresh_that_was_lost_with_its_runtime_leaves_the_key_free_for_the_next() {
    threads(async || {
        let (cache, source) = (Cache::builder().start().await.unwrap(), Source::new());
        let short =
            LoadPolicy::new().ttl(Duration::from_millis(1)).stale(STALE).retry(SECOND / 1_000, SECOND);
        get(&cache, &source, short).await.unwrap();
        while held(&cache, KEY).is_some() {
            tokio::task::yield_now().await;
        }
        let other =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let gate = source.hold(KEY);
        let (asks, load) = (cache.clone(), source.loader(KEY));
        let hit = other.spawn(async move { asks.get_or_load(KEY, load).policy(short).await });
        assert!(hit.await.unwrap().unwrap().is_stale());
        gate.begun().await;
        other.shutdown_background();
        source.let_go(KEY);
        source.write(KEY);
        while get(&cache, &source, short).await.unwrap().version == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stats_of(&cache, "user").await.loads_lost, 1);
    });
}

#[test]
fn a_source_that_is_slower_than_the_time_to_live_is_heard_each_time_it_answers() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let eager = LoadPolicy::new().ttl(10 * SECOND).eager(0.5).stale(STALE).timeout(STALE);
        get(&cache, &source, eager).await.unwrap();
        for version in 2..12 {
            advance(6 * SECOND).await;
            let (slow, gate) = (source.write(KEY), source.hold(KEY));
            assert_eq!(get(&cache, &source, eager).await.unwrap().version, version - 1);
            gate.begun().await;
            for _ in 0..15 {
                assert_eq!(get(&cache, &source, eager).await.unwrap().version, version - 1);
                advance(SECOND).await;
            }
            gate.open();
            settle().await;
            source.let_go(KEY);
            let hit = get(&cache, &source, eager).await.unwrap();
            assert_eq!((hit.version, hit.is_stale(), hit.age()), (slow.version, false, Duration::ZERO));
            assert_eq!(source.reads(), version, "one read for each version");
        }
    });
}

#[test]
fn a_set_during_a_refresh_lives_its_own_time() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        advance(TTL + SECOND).await;
        let gate = source.hold(KEY);
        assert!(get(&cache, &source, policy()).await.unwrap().is_stale());
        gate.begun().await;
        cache.set(KEY, &source.write(KEY)).ttl(20 * SECOND).await.unwrap();
        advance(10 * SECOND).await;
        gate.open();
        settle().await;
        assert_eq!(held(&cache, KEY), Some(2));
        advance(10 * SECOND).await;
        assert_eq!(held(&cache, KEY), None, "the refresh that it overtook lengthened its life");
    });
}

#[test]
fn a_loader_that_was_overtaken_and_says_not_modified_brings_nothing_back() {
    paused(async || {
        for by_set in [false, true] {
            let (cache, source) = (cache().await, Source::new());
            get(&cache, &source, policy()).await.unwrap();
            advance(TTL + SECOND).await;
            let gate = source.hold(KEY);
            let read = source.clone().read(KEY.to_owned());
            let load = |context: LoadContext<crate::source::Row>| async move {
                assert!(context.old().is_some());
                read.await.map(|_| Loaded::not_modified())
            };
            let stale = cache.get_or_load_with(KEY, load).policy(policy()).await.unwrap().unwrap();
            assert!(stale.is_stale());
            gate.begun().await;
            let new = source.write(KEY);
            if by_set {
                cache.set(KEY, &new).await.unwrap();
            } else {
                cache.remove(KEY).await.unwrap();
            }
            gate.open();
            settle().await;
            assert_eq!(held(&cache, KEY), by_set.then_some(2));
            source.let_go(KEY);
            assert_eq!(get(&cache, &source, policy()).await.unwrap().version, 2);
        }
    });
}

#[test]
fn a_refresh_that_fails_after_a_set_leaves_what_was_set() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        get(&cache, &source, policy()).await.unwrap();
        advance(TTL + SECOND).await;
        let gate = source.hold(KEY);
        let read = source.clone().read(KEY.to_owned());
        let load = move || async move {
            let _ = read.await;
            Err::<crate::source::Row, _>(io::Error::other("the database is away"))
        };
        assert!(cache.get_or_load(KEY, load).policy(policy()).await.unwrap().is_stale());
        gate.begun().await;
        cache.set(KEY, &source.write(KEY)).ttl(TTL).await.unwrap();
        gate.open();
        settle().await;
        let hit = cache.get::<crate::source::Row>(KEY).await.unwrap().unwrap();
        assert_eq!((hit.version, hit.is_stale(), hit.source()), (2, false, From::Memory));
    });
}

/// A value is past its time, and a call that takes nothing stale was told what the source has now, which was not kept.
/// Whoever would take something stale must not be served what is older than that.
#[test]
fn what_a_load_brought_and_was_not_kept_leaves_nothing_older_behind() {
    paused(async || {
        let settings = Settings::default().max_entry_size(10_000);
        for (what, say) in [
            ("do not store", (|| Loaded::value("new".to_owned()).do_not_store()) as fn() -> Loaded<String>),
            ("not found", Loaded::not_found),
            ("too large", || Loaded::value(crate::common::noise(20_000))),
        ] {
            let cache = cache_with(settings.clone()).await;
            cache.set(KEY, "old").ttl(TTL).stale(STALE).await.unwrap();
            advance(TTL + SECOND).await;
            let load = move |_: LoadContext<String>| async move { Ok::<_, io::Error>(say()) };
            let strict = LoadPolicy::new().ttl(TTL).not_found_ttl(Duration::ZERO);
            let given = cache.get_or_load_with(KEY, load).policy(strict).await.unwrap();
            assert!(given.is_none_or(|hit| !hit.is_stored() && *hit != "old"), "{what}");
            let hit = cache.get_or_load(KEY, || async { Ok::<_, io::Error>("newest".to_owned()) });
            let hit = hit.policy(policy()).await.unwrap();
            assert_eq!(*hit, "newest", "{what}: a reader went back");
        }
    });
}
