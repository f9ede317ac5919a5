//! Who decides: call before route before tier before settings; early refreshes; jitter.

use std::time::Duration;

use apex_cache::{LoadPolicy, Settings, Source as From};

use super::{KEY, SECOND, STALE, TTL, get, policy};
use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::{Source, clock};

#[test]
fn the_nearest_word_is_heard() {
    paused(async || {
        let stale = |seconds: u32| LoadPolicy::new().stale(seconds * SECOND);
        let mut settings = Settings::default().tier("user", |tier| {
            tier.policy(stale(20)).prefix_policy("user_orders", stale(30).ttl(TTL)).ttl(TTL)
        });
        settings.policy = stale(10);
        let settings = settings.tier("query", |tier| tier.ttl(TTL));
        for (key, own, wanted) in [
            ("query::1", None, 10),
            ("user::1", None, 20),
            ("user_orders::1", None, 30),
            ("user_orders::1", Some(5), 5),
        ] {
            let (cache, source) = (cache_with(settings.clone()).await, Source::new());
            let ask = async || {
                let call = cache.get_or_load(key, source.loader(key));
                match own {
                    Some(own) => call.stale(own * SECOND).await.unwrap(),
                    None => call.await.unwrap(),
                }
            };
            ask().await;
            advance(TTL + (wanted - 1) * SECOND).await;
            let gate = source.hold(key);
            assert!(ask().await.is_stale(), "{key} {own:?}");
            gate.open();
            settle().await;
            advance(TTL + wanted * SECOND).await;
            assert!(!ask().await.is_stale(), "{key} {own:?}");
        }
    });
}

#[test]
fn a_call_waits_for_the_source_for_as_long_as_the_nearest_word_says_and_then_falls_back() {
    paused(async || {
        let soft = |seconds: u32| LoadPolicy::new().soft_timeout(seconds * SECOND);
        let mut settings = Settings::default()
            .tier("user", |tier| {
                tier.policy(soft(2).stale(STALE)).prefix_policy("user_orders", soft(3)).ttl(TTL)
            })
            .tier("reference", |tier| tier.policy(soft(5)).ttl(TTL))
            .tier("query", |tier| tier.policy(LoadPolicy::new().stale(STALE)).ttl(TTL));
        settings.policy = soft(1);
        for (key, own, waits) in [
            ("query::1", None, 1),
            ("user::1", None, 2),
            ("user_orders::1", None, 3),
            ("user_orders::1", Some(4), 4),
            ("user::1", Some(0), 0),
        ] {
            let (cache, source) = (cache_with(settings.clone()).await, Source::new());
            let ask = async || {
                let call = cache.get_or_load(key, source.loader(key));
                match own {
                    Some(own) => call.soft_timeout(own * SECOND).await.unwrap(),
                    None => call.await.unwrap(),
                }
            };
            ask().await;
            advance(TTL).await;
            let (gate, began) = (source.hold(key), clock());
            assert!(ask().await.is_stale(), "{key} {own:?}");
            assert_eq!(began.elapsed(), waits * SECOND, "{key} {own:?}");
            gate.open();
            settle().await;
            assert!(!ask().await.is_stale(), "the load went on: {key} {own:?}");
        }
        // The tier allows nothing stale, and the call does: the tier's word on the wait still counts.
        let (cache, source) = (cache_with(settings).await, Source::new());
        let ask = async || {
            cache.get_or_load("products::1", source.loader("products::1")).stale(STALE).await.unwrap()
        };
        ask().await;
        advance(TTL).await;
        let (_gate, began) = (source.hold("products::1"), clock());
        assert!(ask().await.is_stale());
        assert_eq!(began.elapsed(), 5 * SECOND);
    });
}

#[test]
fn a_value_in_use_is_refreshed_before_it_expires_and_one_that_nobody_reads_is_not() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let eager = LoadPolicy::new().ttl(TTL).eager(0.8);
        get(&cache, &source, eager).await.unwrap();
        advance(TTL.mul_f64(0.79)).await;
        get(&cache, &source, eager).await.unwrap();
        assert_eq!(source.reads(), 1, "it is not due yet");
        advance(TTL.mul_f64(0.05)).await;
        source.write(KEY);
        let hit = get(&cache, &source, eager).await.unwrap();
        assert_eq!((hit.version, hit.source()), (1, From::Memory), "nobody waits for it");
        settle().await;
        assert_eq!((get(&cache, &source, eager).await.unwrap().version, source.reads()), (2, 2));
        advance(TTL + STALE).await;
        assert_eq!(source.reads(), 2, "nobody asked");
    });
}

#[test]
fn jitter_spreads_what_was_loaded_together_and_never_lengthens() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let keys: Vec<String> = (0..200).map(|number| format!("user::{number}")).collect();
        for key in &keys {
            cache.get_or_load(key, source.loader(key)).policy(policy().jitter(0.5)).await.unwrap();
        }
        let alive = || keys.iter().filter(|key| cache.contains(key.as_str()).unwrap()).count();
        assert_eq!(alive(), 200);
        advance(TTL.mul_f64(0.49)).await;
        assert_eq!(alive(), 200);
        advance(TTL.mul_f64(0.25)).await;
        assert!((60..140).contains(&alive()), "{} of 200 at three quarters", alive());
        advance(TTL.mul_f64(0.27)).await;
        assert_eq!(alive(), 0);
    });
}

#[test]
fn a_set_value_is_served_stale_to_those_who_allow_it() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        cache.set(KEY, &source.row(KEY)).ttl(TTL).stale(STALE).await.unwrap();
        advance(TTL + Duration::from_millis(1)).await;
        assert!(get(&cache, &source, policy()).await.unwrap().is_stale());
    });
}
