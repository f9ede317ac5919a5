//! A value that says so, or of which a set or a call said so, is never served past its time to live, whatever
//! is allowed.

use std::future::pending;
use std::io;
use std::time::Duration;

use apex_cache::message::{Get, Set};
use apex_cache::{
    Cache, ErrorKind, Hit, LoadPolicy, Loaded, Reserved, Result, Scope, Settings, WarmEntries, WarmSource,
};

use super::{KEY, SECOND, STALE, TTL, policy};
use crate::common::{advance, cache_with, inline, paused, settle};

const ZERO: Duration = Duration::ZERO;

/// Its tier allows stale values.
async fn lenient() -> Cache {
    cache_with(settings()).await
}

fn settings() -> Settings {
    Settings::default().tier("user", |tier| tier.ttl(TTL).policy(LoadPolicy::new().stale(STALE)))
}

async fn load(
    cache: &Cache,
    policy: LoadPolicy,
    said: Result<Loaded<u64>, io::Error>,
) -> Result<Option<Hit<u64>>> {
    let load = |_| async move { said };
    let hit = cache.get_or_load_with(KEY, load).policy(policy).await;
    settle().await;
    hit
}

fn fails() -> Result<Loaded<u64>, io::Error> {
    Err(io::Error::other("the source is away"))
}

/// No call is served the value once its time is over: not while another is loaded, not when that fails, not
/// when it is slow.
async fn is_never_stale(cache: &Cache) {
    assert!(cache.contains(KEY).unwrap());
    advance(TTL).await;
    for allowed in [LoadPolicy::new(), policy(), policy().soft_timeout(2 * SECOND), policy().eager(0.5)] {
        let failed = load(cache, allowed, fails()).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::LoadFailed, "{allowed:?}");
        let slow =
            cache.get_or_load(KEY, pending::<io::Result<u64>>).policy(allowed.timeout(5 * SECOND)).await;
        assert_eq!(slow.unwrap_err().kind(), ErrorKind::LoadTimeout, "{allowed:?}");
        settle().await; // the load ends too, and nobody joins it
    }
    assert!(matches!(cache.get_or_reserve::<u64>(KEY).stale(STALE).await.unwrap(), Reserved::Vacant(_)));
    let many =
        cache.get_or_load_many([KEY], |_| async { Ok::<Vec<(apex_cache::Key, u64)>, io::Error>(vec![]) });
    assert!(many.stale(STALE).await[0].is_err());
    assert_eq!(cache.stats().await.unwrap().tiers.iter().map(|tier| tier.stats.stale_hits).sum::<u64>(), 0);
}

#[test]
fn what_its_loader_says_is_never_stale_is_not_served_past_its_time() {
    paused(async || {
        let cache = lenient().await;
        load(&cache, policy(), Ok(Loaded::value(1).never_stale())).await.unwrap();
        is_never_stale(&cache).await;
        let Reserved::Vacant(reservation) = cache.get_or_reserve::<u64>(KEY).await.unwrap() else {
            panic!("nothing is there");
        };
        assert!(reservation.fill_with(Loaded::value(1).ttl(TTL).never_stale()).await.unwrap().is_stored());
        is_never_stale(&cache).await;
    });
}

#[test]
fn a_set_that_says_no_stale_time_is_heard_before_the_tier() {
    paused(async || {
        let cache = lenient().await;
        cache.set(KEY, &1_u64).stale(ZERO).await.unwrap();
        is_never_stale(&cache).await;
        cache.set_many([Set::of(KEY, &1_u64).unwrap().stale(ZERO)]).await.unwrap().remove(0).unwrap();
        is_never_stale(&cache).await;
    });
}

#[test]
fn a_call_that_says_no_stale_time_says_it_for_what_it_loads() {
    paused(async || {
        let cache = lenient().await;
        load(&cache, policy().stale(ZERO), Ok(Loaded::value(1))).await.unwrap();
        is_never_stale(&cache).await;
        let load = || async { Ok::<_, io::Error>(1_u64) };
        cache.get_or_load(KEY, load).stale(ZERO).await.unwrap();
        is_never_stale(&cache).await;
        let many = |keys: Vec<apex_cache::Key>| async {
            Ok::<_, io::Error>(keys.into_iter().map(|key| (key, 1_u64)))
        };
        cache.get_or_load_many([KEY], many).stale(ZERO).await.remove(0).unwrap();
        is_never_stale(&cache).await;
    });
}

#[test]
fn a_warm_source_may_say_it_too() {
    paused(async || {
        let source = WarmSource::new("tokens", "user", |_| async {
            let mut entries = WarmEntries::new();
            entries.push_set(Set::of(KEY, &1_u64)?.ttl(TTL).stale(ZERO));
            Ok::<_, apex_cache::Error>(entries)
        });
        let cache = inline().settings(settings()).warm(source.required()).start().await.unwrap();
        cache.ready().await.unwrap();
        is_never_stale(&cache).await;
    });
}

#[test]
fn expiry_by_hand_removes_what_is_never_stale() {
    paused(async || {
        let cache = lenient().await;
        let eager = policy().eager(0.5);
        for (said, is_left) in [(Loaded::value(1).never_stale(), false), (Loaded::value(1), true)] {
            load(&cache, eager, Ok(said)).await.unwrap();
            assert_eq!(cache.invalidate(Scope::All).expire().await.unwrap().matched, 1);
            assert_eq!(load(&cache, eager, fails()).await.is_ok(), is_left);
        }
    });
}

#[test]
fn it_holds_through_not_modified_until_a_new_value_comes() {
    paused(async || {
        let cache = lenient().await;
        let eager = policy().eager(0.5);
        load(&cache, eager, Ok(Loaded::value(1).never_stale())).await.unwrap();
        for _ in 0..3 {
            advance(TTL.mul_f64(0.6)).await;
            let hit = load(&cache, eager, Ok(Loaded::not_modified())).await.unwrap().unwrap();
            assert_eq!((*hit, hit.is_stale()), (1, false));
        }
        is_never_stale(&cache).await;
        load(&cache, eager, Ok(Loaded::value(2))).await.unwrap();
        advance(TTL).await;
        assert!(load(&cache, eager, fails()).await.unwrap().unwrap().is_stale());
        advance(11 * SECOND).await; // the source is left alone after it failed
        load(&cache, eager, Ok(Loaded::not_modified().never_stale())).await.unwrap();
        assert!(cache.contains(KEY).unwrap());
        advance(TTL).await;
        assert!(load(&cache, eager, fails()).await.is_err(), "a loader may say it later, too");
    });
}

#[test]
fn a_read_without_a_loader_is_served_nothing_stale_at_any_entrance() {
    paused(async || {
        let cache = lenient().await;
        let prepared = cache.prepare(KEY).unwrap();
        cache.set(KEY, &1_u64).await.unwrap();
        // Twice, so that a decoded copy stands in front of the entry.
        for _ in 0..2 {
            assert_eq!(cache.get_now::<u64>(KEY).unwrap().as_deref(), Some(&1));
        }
        let supervisor = cache.supervisor();
        let key = || apex_cache::Key::parse(KEY).unwrap();
        let entrances = async || {
            [
                cache.get::<u64>(KEY).await.unwrap().is_some(),
                cache.get_now::<u64>(KEY).unwrap().is_some(),
                cache.get_now::<u64>(&prepared).unwrap().is_some(),
                cache.get_with(KEY, |_: &u64| ()).unwrap().is_some(),
                cache.get_value(KEY).unwrap().is_some(),
                cache.get_many::<u64>([KEY]).await[0].as_ref().unwrap().is_some(),
                cache.contains(KEY).unwrap(),
                cache.contains(&prepared).unwrap(),
                supervisor.send(Get::new(key())).await.unwrap().is_some(),
                supervisor.send(apex_cache::message::Contains::new(key())).await.unwrap(),
            ]
        };
        advance(TTL.mul_f64(0.9)).await;
        assert_eq!(entrances().await, [true; 10]);
        advance(TTL.mul_f64(0.1)).await;
        assert_eq!(
            entrances().await,
            [false; 10],
            "the tier allows stale values; these reads do not take them"
        );
        let served = cache.get_or_load(KEY, pending::<io::Result<u64>>).await.unwrap();
        assert!(served.is_stale(), "a call with a loader does");
        assert_eq!(entrances().await, [false; 10], "also when a copy of it was just served");
    });
}

#[test]
fn a_route_that_says_no_stale_time_is_heard_before_its_tier() {
    paused(async || {
        let strict =
            settings().tier("user", |tier| tier.prefix_policy("user", LoadPolicy::new().stale(ZERO)));
        let cache = cache_with(strict).await;
        load(&cache, LoadPolicy::new(), Ok(Loaded::value(1))).await.unwrap();
        is_never_stale(&cache).await;
    });
}
