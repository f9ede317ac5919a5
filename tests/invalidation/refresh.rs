//! Invalidations against refreshes behind the reader's back, and against each other.

use std::io;
use std::time::Duration;

use apex_cache::settings::Eviction;
use apex_cache::{Cache, ErrorKind, Key, LoadContext, LoadPolicy, Loaded, Pattern, Prefix, Scope, Settings};

use super::tags::{tag, tags};
use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::{Row, Source, go, held, join};

const KEY: &str = "user::42::profile";
const TTL: Duration = Duration::from_secs(60);

fn policy() -> LoadPolicy {
    LoadPolicy::new().ttl(TTL).stale(100 * TTL)
}

fn scopes() -> [Scope; 7] {
    [
        Scope::Key(Key::parse(KEY).unwrap()),
        vec![Key::parse(KEY).unwrap(), Key::parse("user::7").unwrap()].into(),
        Scope::Prefix(Prefix::parse("user::42").unwrap()),
        Scope::Pattern(Pattern::parse("user::*::profile").unwrap()),
        tag("x").into(),
        Scope::Tier("user".into()),
        Scope::All,
    ]
}

/// Stores a row, lets it become stale, and has its refresh read the source. The gate lets the refresh end.
async fn refreshing(cache: &Cache, source: &Source) -> crate::source::Gate {
    cache.set(KEY, &source.row(KEY)).ttl(TTL).stale(100 * TTL).tags(tags(&["x"])).await.unwrap();
    advance(TTL).await;
    let gate = source.hold(KEY);
    let read = source.clone().read(KEY.to_owned());
    let load = |_: LoadContext<Row>| async move { read.await.map(|row| Loaded::value(row).tag(tag("x"))) };
    let hit = cache.get_or_load_with(KEY, load).policy(policy()).await.unwrap().unwrap();
    assert!(hit.is_stale());
    gate.begun().await;
    gate
}

#[test]
fn an_invalidation_overtakes_a_refresh_in_every_scope_and_leaves_nothing_to_fall_back_on() {
    for scope in scopes() {
        paused(async || {
            let (cache, source) = (cache().await, Source::new());
            let gate = refreshing(&cache, &source).await;
            source.write(KEY);
            assert_eq!(cache.invalidate(scope.clone()).await.unwrap().matched, 1, "{scope}");
            let fails = || {
                let load = || async { Err::<Row, _>(io::Error::other("the database is away")) };
                cache.get_or_load(KEY, load).policy(policy())
            };
            if !matches!(scope, Scope::Tag(_)) {
                assert_eq!(fails().await.unwrap_err().kind(), ErrorKind::LoadFailed, "{scope}");
            }
            gate.open();
            settle().await;
            assert_eq!(held(&cache, KEY), None, "{scope}: the refresh brought the old row back");
            assert_eq!(fails().await.unwrap_err().kind(), ErrorKind::LoadFailed, "{scope}");
        });
    }
}

#[test]
fn the_same_invalidation_many_times_at_once_takes_once_and_is_answered_each_time() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = refreshing(&cache, &source).await;
        for number in 0..3_000 {
            cache.set(format!("user::42::{number}"), &number).await.unwrap();
        }
        source.write(KEY);
        let calls: Vec<_> = (0..20)
            .flat_map(|_| scopes())
            .map(|scope| {
                let cache = cache.clone();
                go(async move { cache.invalidate(scope).await })
            })
            .collect();
        let (mut matched, mut revoked) = (0, 0);
        for call in calls {
            let taken = join(call).await.unwrap();
            (matched, revoked) = (matched + taken.matched, revoked + taken.revoked_loads);
        }
        assert_eq!((matched, revoked), (3_001, 1));
        gate.open();
        settle().await;
        let info = cache.info().await.unwrap();
        assert!(info.tiers.iter().all(|tier| (tier.entries, tier.bytes) == (0, 0)));
    });
}

#[test]
fn a_refresh_that_ends_after_its_entry_was_evicted_does_not_replace_what_was_set_since() {
    let settings = Settings::default().max_size_mb(4).max_entry_size(64 << 10);
    let settings = || settings.clone().tier("user", |tier| tier.eviction(Eviction::Lru));
    for (is_set, is_evicted) in [(false, false), (true, false), (true, true)] {
        paused(async || {
            let (cache, source) = (cache_with(settings()).await, Source::new());
            let gate = refreshing(&cache, &source).await;
            let crowd_out = async |round: u64| {
                for number in 0..400 {
                    let key = format!("user::crowd::{round}_{number}");
                    cache.set(key, &crate::common::noise(32 << 10)).await.unwrap();
                }
            };
            crowd_out(0).await;
            let evicted = cache.explain(KEY).await.unwrap();
            assert!(evicted.held.is_none(), "it was to be evicted: {evicted:?}");
            if is_set {
                cache.set(KEY, &source.write(KEY)).await.unwrap();
            }
            if is_evicted {
                crowd_out(1).await;
                assert_eq!(held(&cache, KEY), None, "it was to be evicted");
            }
            gate.open();
            settle().await;
            let wanted = if is_set { (!is_evicted).then_some(2) } else { Some(1) };
            assert_eq!(held(&cache, KEY), wanted, "set: {is_set}, evicted: {is_evicted}");
        });
    }
}
