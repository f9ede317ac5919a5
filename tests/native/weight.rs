//! What a native value is charged with, and that the budget holds for it.

use std::io;
use std::sync::Arc;

use apex_cache::message::Set;
use apex_cache::{Cache, ErrorKind, Key, Loaded, Settings, Value};

use super::{Counts, KEY, Thing};
use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::{info_of, stats_of};

async fn charged(cache: &Cache) -> u64 {
    settle().await;
    info_of(cache, "user").await.bytes
}

/// What an entry under `KEY` is charged with beside its value.
async fn around() -> u64 {
    let cache = cache().await;
    cache.set_native(KEY, Arc::new(0_u8)).size(0).await.unwrap();
    charged(&cache).await
}

#[test]
fn it_is_charged_with_its_size_or_with_what_is_said() {
    paused(async || {
        let (cache, around) = (cache().await, around().await);
        cache.set_native(KEY, Arc::new([0_u8; 1_000])).await.unwrap();
        let least = charged(&cache).await - around;
        assert!((1_000..1_100).contains(&least), "{least}: its size, and what stands around it");
        cache.set_native(KEY, Arc::<[u8]>::from(vec![0; 2_000])).await.unwrap();
        assert!(
            (2_000..2_100).contains(&(charged(&cache).await - around)),
            "also where the type has no size"
        );
        cache.set_native(KEY, Arc::new(vec![0_u8; 5_000])).size(5_000).await.unwrap();
        assert_eq!(charged(&cache).await - around, 5_000);
        cache
            .set_many([Set::new(Key::parse(KEY).unwrap(), Value::native(Arc::new(0)).with_size(77))])
            .await
            .unwrap();
        assert_eq!(charged(&cache).await - around, 77);
        for (said, wanted) in [(None, 300), (Some(40), 40)] {
            cache.remove(KEY).await.unwrap();
            let load = move |_| async move {
                let loaded = Loaded::value(Arc::new(7_u64));
                Ok::<_, io::Error>(if let Some(bytes) = said { loaded.size(bytes) } else { loaded })
            };
            cache.get_or_load_native_with(KEY, load).size(300).await.unwrap();
            assert_eq!(
                charged(&cache).await - around,
                wanted,
                "the loader's word goes before that of the call"
            );
        }
        cache.clear().await.unwrap();
        assert_eq!(charged(&cache).await, 0);
    });
}

#[test]
fn a_weigher_sees_the_value_and_what_is_said_goes_before_it() {
    fn weigh(_: &Key, value: &Value) -> u64 {
        assert!(value.as_native::<bool>().is_none(), "a weigher that panics is not heard");
        value.as_native::<String>().map_or(11, |text| text.len() as u64 * 10)
    }
    paused(async || {
        let around = around().await;
        let cache = cache_with(Settings::default().tier("user", |tier| tier.weigher(weigh))).await;
        cache.set_native(KEY, Arc::new(String::from("four"))).await.unwrap();
        assert_eq!(charged(&cache).await - around, 40);
        cache.set_native(KEY, Arc::new(String::from("four"))).size(9).await.unwrap();
        assert_eq!(charged(&cache).await - around, 9);
        cache.set_native(KEY, Arc::new(5_u8)).await.unwrap();
        assert_eq!(charged(&cache).await - around, 11);
        cache.set_native(KEY, Arc::new(true)).await.unwrap();
        assert!((1..100).contains(&(charged(&cache).await - around)));
    });
}

#[test]
fn one_that_is_too_large_is_refused_and_dropped() {
    paused(async || {
        let (cache, counts) = (cache().await, Arc::<Counts>::default());
        cache.set_native(KEY, Thing::<0>::new(1, &counts)).await.unwrap();
        let large = cache.set_native(KEY, Thing::<0>::new(2, &counts)).size(1 << 40).await.unwrap_err();
        assert_eq!(large.kind(), ErrorKind::TooLarge);
        settle().await;
        assert_eq!(counts.alive(), 0, "nor is the older one left");
        let made = Thing::<0>::new(3, &counts);
        let load = || async { Ok::<_, io::Error>(made) };
        let hit = cache.get_or_load_native(KEY, load).size(1 << 40).await.unwrap();
        assert!(!hit.is_stored());
        assert!(
            !cache
                .set_native(KEY, Thing::<0>::new(4, &counts))
                .ttl(std::time::Duration::ZERO)
                .await
                .unwrap()
                .kept
        );
        drop(hit);
        settle().await;
        assert_eq!(counts.alive(), 0);
    });
}

#[test]
fn the_budget_holds_and_a_smaller_one_drops_what_is_too_much() {
    paused(async || {
        let counts = Arc::<Counts>::default();
        let cache = cache_with(Settings::default().max_size_mb(4).max_entry_size(100_000)).await;
        for number in 0..200 {
            let thing = Thing::<0>::new(number, &counts);
            cache.set_native(format!("user::{number}"), thing).size(50_000).await.unwrap();
        }
        settle().await;
        let info = info_of(&cache, "user").await;
        assert!(info.bytes <= info.grant && info.bytes <= 4 << 20 && info.entries < 85, "{info:?}");
        assert_eq!(counts.alive(), info.entries, "what was evicted is dropped");
        assert_eq!(stats_of(&cache, "user").await.removals.evicted, 200 - info.entries);
        cache.set_budget(1 << 20).await.unwrap();
        advance(std::time::Duration::from_secs(30)).await;
        let info = info_of(&cache, "user").await;
        assert!(info.bytes <= 1 << 20 && info.entries > 0, "{info:?}");
        assert_eq!(counts.alive(), info.entries);
    });
}
