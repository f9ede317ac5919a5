//! What a loader may say beside a value.

use std::io;
use std::time::Duration;

use apex_cache::{Cache, ErrorKind, Hit, LoadContext, LoadPolicy, Loaded, Result, Source as From, Tag};

use super::{KEY, SECOND, STALE, TTL, policy};
use crate::common::{advance, cache, paused, settle};

async fn load(
    cache: &Cache,
    policy: LoadPolicy,
    say: impl FnOnce(Option<u64>) -> Loaded<u64> + Send + 'static,
) -> Result<Option<Hit<u64>>> {
    let load =
        |context: LoadContext<u64>| async move { Ok::<_, io::Error>(say(context.old().map(|old| **old))) };
    cache.get_or_load_with(KEY, load).policy(policy).await
}

#[test]
fn not_modified_keeps_the_value_and_makes_it_fresh_again() {
    paused(async || {
        let cache = cache().await;
        load(&cache, policy(), |old| Loaded::value(old.unwrap_or(1))).await.unwrap();
        advance(TTL + SECOND).await;
        let renew = |old: Option<u64>| {
            assert_eq!(old, Some(1), "the loader is shown what it renews");
            Loaded::not_modified()
        };
        assert!(load(&cache, policy(), renew).await.unwrap().unwrap().is_stale());
        settle().await;
        let hit = load(&cache, policy(), |_| Loaded::value(9)).await.unwrap().unwrap();
        assert_eq!((*hit, hit.source(), hit.age()), (1, From::Memory, Duration::ZERO));
    });
}

#[test]
fn not_modified_without_an_old_value_is_an_error_that_says_so() {
    paused(async || {
        let cache = cache().await;
        let error = load(&cache, policy(), |_| Loaded::not_modified()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoadFailed);
        assert!(error.to_string().contains("not modified"), "{error}");
    });
}

#[test]
fn what_was_removed_is_not_shown_to_a_loader_that_begins_later() {
    paused(async || {
        let cache = cache().await;
        load(&cache, policy(), |_| Loaded::value(1)).await.unwrap();
        advance(TTL + SECOND).await;
        cache.remove(KEY).await.unwrap();
        let seen = load(&cache, policy(), |old| Loaded::value(old.map_or(7, |_| 8))).await.unwrap();
        assert_eq!(seen.as_deref(), Some(&7));
    });
}

#[test]
fn a_loader_decides_how_long_its_value_lives_before_call_route_and_tier() {
    paused(async || {
        let cache = cache().await;
        load(&cache, policy().stale(Duration::ZERO), |_| Loaded::value(1).ttl(5 * SECOND)).await.unwrap();
        assert!(cache.contains(KEY).unwrap());
        advance(5 * SECOND).await;
        assert!(!cache.contains(KEY).unwrap());
        let passed = load(&cache, policy(), |_| Loaded::value(2).do_not_store()).await.unwrap().unwrap();
        assert_eq!((*passed, passed.is_stored()), (2, false));
        assert!(!cache.contains(KEY).unwrap());
    });
}

#[test]
fn not_found_ends_what_was_there_and_is_never_served_stale() {
    paused(async || {
        let cache = cache().await;
        load(&cache, policy(), |_| Loaded::value(1)).await.unwrap();
        advance(TTL + SECOND).await;
        assert!(load(&cache, policy(), |_| Loaded::not_found()).await.unwrap().unwrap().is_stale());
        settle().await;
        assert!(load(&cache, policy(), |_| Loaded::value(9)).await.unwrap().is_none());
        advance(31 * SECOND).await;
        let found = load(&cache, policy().stale(STALE), |_| Loaded::value(9)).await.unwrap();
        assert_eq!(found.as_deref(), Some(&9), "that there was nothing is no answer past its time");
    });
}

#[test]
fn that_there_is_nothing_has_tags_and_a_time_to_live_too() {
    paused(async || {
        let (cache, tag) = (cache().await, Tag::new("users").unwrap());
        let nothing = |tag: Tag| move |_| Loaded::not_found().tag(tag);
        assert!(load(&cache, policy(), nothing(tag.clone())).await.unwrap().is_none());
        assert!(load(&cache, policy(), |_| Loaded::value(1)).await.unwrap().is_none(), "it is remembered");
        assert_eq!(cache.invalidate(tag).await.unwrap().matched, 1);
        let hit = load(&cache, policy(), |_| Loaded::value(1)).await.unwrap();
        assert_eq!(hit.as_deref(), Some(&1));
        cache.remove(KEY).await.unwrap();
        assert!(load(&cache, policy(), |_| Loaded::not_found().do_not_store()).await.unwrap().is_none());
        assert_eq!(load(&cache, policy(), |_| Loaded::value(2)).await.unwrap().as_deref(), Some(&2));
    });
}
