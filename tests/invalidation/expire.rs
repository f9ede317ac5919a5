//! Expiry by hand: what is kept as a fallback, for whom, and until when.

use std::io;
use std::time::Duration;

use apex_cache::{Cache, Key, Pattern, Scope, Source as From};

use super::tags::{tag, tags};
use crate::common::{advance, cache, paused, settle};
use crate::source::{Source, held, join};

const KEY: &str = "user::42::profile";
const STALE: Duration = Duration::from_secs(60);

fn scopes() -> [Scope; 6] {
    [
        Scope::Key(Key::parse(KEY).unwrap()),
        vec![Key::parse(KEY).unwrap()].into(),
        Scope::Pattern(Pattern::parse("user::42::*").unwrap()),
        tag("x").into(),
        Scope::Tier("user".into()),
        Scope::All,
    ]
}

/// Stores a row that may be served stale.
async fn store(cache: &Cache, source: &Source) {
    cache.set(KEY, &source.row(KEY)).stale(STALE).tags(tags(&["x"])).await.unwrap();
}

#[test]
fn what_was_expired_is_a_miss_for_plain_reads_and_a_fallback_where_stale_values_are_allowed() {
    for scope in scopes() {
        paused(async || {
            let (cache, source) = (cache().await, Source::new());
            store(&cache, &source).await;
            source.write(KEY);
            let taken = cache.invalidate(scope.clone()).expire().await.unwrap();
            assert_eq!(taken.matched, 1, "{scope}");
            assert_eq!(held(&cache, KEY), None, "{scope}");
            assert!(!cache.contains(KEY).unwrap(), "{scope}");

            let gate = source.hold(KEY);
            let stale = cache.get_or_load(KEY, source.loader(KEY)).stale(STALE).await.unwrap();
            assert_eq!((stale.version, stale.source()), (1, From::Stale), "{scope}");
            gate.begun().await; // one refresh runs behind
            gate.open();
            settle().await;
            assert_eq!(held(&cache, KEY), Some(2), "{scope}");
        });
    }
}

#[test]
fn when_the_source_fails_the_expired_value_is_served_until_it_is_removed() {
    for scope in scopes() {
        paused(async || {
            let (cache, source) = (cache().await, Source::new());
            let fail = || async { Err::<crate::source::Row, _>(io::Error::other("down")) };
            store(&cache, &source).await;
            cache.invalidate(scope.clone()).expire().await.unwrap();
            let stale = cache.get_or_load(KEY, fail).stale(STALE).await.unwrap();
            assert!(stale.is_stale(), "{scope}");
            assert!(cache.get_or_load(KEY, fail).await.is_err(), "{scope}: nobody asked for stale values");
            assert_eq!(cache.invalidate(scope.clone()).await.unwrap().matched, 1, "{scope}");
            assert!(cache.get_or_load(KEY, fail).stale(STALE).await.is_err(), "{scope}: it was removed");
        });
    }
}

#[test]
fn a_load_that_an_expiry_overtook_is_not_stored() {
    for scope in scopes() {
        paused(async || {
            let (cache, source) = (cache().await, Source::new());
            store(&cache, &source).await;
            cache.invalidate(scope.clone()).expire().await.unwrap();
            if matches!(scope, Scope::Tag(_)) {
                return; // which loads have the tag shows only when they end
            }
            let gate = source.hold(KEY);
            let old = source.ask(&cache, KEY);
            gate.begun().await;
            source.write(KEY);
            assert_eq!(cache.invalidate(scope.clone()).expire().await.unwrap().revoked_loads, 1, "{scope}");
            gate.open();
            assert!(!join(old).await.unwrap().is_stored(), "{scope}");
            assert_eq!(held(&cache, KEY), None, "{scope}");
        });
    }
}

#[test]
fn an_expired_value_lives_no_longer_than_it_would_have() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let ttl = Duration::from_secs(10);
        cache.set(KEY, &source.row(KEY)).ttl(ttl).stale(STALE).await.unwrap();
        cache.set("user::43", &source.row(KEY)).ttl(ttl).await.unwrap();
        let taken = cache.invalidate(Scope::All).expire().await.unwrap();
        assert_eq!(taken.matched, 2, "what has no time to be stale is removed");
        advance(ttl + STALE).await;
        let fail = || async { Err::<crate::source::Row, _>(io::Error::other("down")) };
        assert!(cache.get_or_load(KEY, fail).stale(Duration::from_secs(3_600)).await.is_err());
    });
}
