//! Terms from the settings reach the calls of the tier and prefix that they are said for.

use std::convert::Infallible;
use std::time::Duration;

use apex_cache::{Cache, ErrorKind, LoadPolicy, Settings};

use crate::common::{advance, cache_with, paused};
use crate::source::{Source, info_of};

const S: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    let carts = LoadPolicy::new().stale(Duration::ZERO).timeout(2 * S).not_found_ttl(3 * S);
    let user = LoadPolicy::new().ttl(10 * S).stale(5 * S).not_found_ttl(4 * S);
    Settings::default().tier("user", |tier| tier.policy(user).prefix_policy("carts", carts))
}

/// Whether the answer after `wait` is stale, when the key was loaded before.
async fn is_stale_after(cache: &Cache, key: &str, wait: Duration) -> bool {
    let source = Source::new();
    assert!(!source.get(cache, key).await.expect("a load").is_stale());
    advance(wait).await;
    source.get(cache, key).await.expect("a read").is_stale()
}

#[test]
fn a_tier_that_allows_stale_values_serves_them_unless_the_prefix_says_no() {
    paused(async || {
        let cache = cache_with(settings()).await;
        assert!(!is_stale_after(&cache, "user::1", 9 * S).await);
        assert!(is_stale_after(&cache, "user::2", 11 * S).await);
        assert!(!is_stale_after(&cache, "user::3", 16 * S).await, "too old even for that");
        assert!(!is_stale_after(&cache, "carts::1", 11 * S).await);
        assert!(!is_stale_after(&cache, "query::1", 1_801 * S).await);
        assert_eq!(
            (info_of(&cache, "user").await.stale, info_of(&cache, "query").await.stale),
            (5 * S, Duration::ZERO)
        );
    });
}

#[test]
fn a_prefix_has_its_own_timeout_and_its_own_memory_for_nothing() {
    paused(async || {
        let cache = cache_with(settings()).await;
        let began = crate::source::clock();
        let hanging = || std::future::pending::<Result<u64, Infallible>>();
        let error = cache.get_or_load("carts::1", hanging).await.expect_err("a loader that hangs");
        assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::LoadTimeout, 2));
        for (key, seconds) in [("carts::2", 3), ("user::2", 4), ("query::2", 30)] {
            let nothing = || async { Ok::<Option<u64>, Infallible>(None) };
            let something = || async { Ok::<_, Infallible>(Some(7_u64)) };
            assert!(cache.get_or_find(key, nothing).await.expect("no error").is_none());
            advance(Duration::from_millis(seconds * 1_000 - 1)).await;
            assert!(cache.get_or_find(key, something).await.expect("no error").is_none(), "{key}");
            advance(Duration::from_millis(1)).await;
            assert!(cache.get_or_find(key, something).await.expect("no error").is_some(), "{key}");
        }
    });
}
