//! Compression as a host meets it: every way into the cache compresses, every way out expands, and what is stored counts.
//!
//! Owns: the ways in. Never: looks at bytes; the tests of `codec::pack` do.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

use apex_cache::message::{Get, Set, SetMany, TierStats};
use apex_cache::settings::Compression;
use apex_cache::{Cache, ErrorKind, Key, Loaded, Reserved, Settings, WarmEntries, WarmScope, WarmSource};

use common::{cache_with, inline, paused, settle};
use source::stats_of;

/// A value that shrinks to a fraction.
fn large(number: usize) -> Vec<String> {
    (0..400).map(|line| format!("line {line} of value {number}")).collect()
}

async fn user(cache: &Cache) -> TierStats {
    stats_of(cache, "user").await
}

#[test]
fn every_way_in_compresses_and_every_way_out_expands() {
    paused(async || {
        let source =
            WarmSource::new("rows", "user", |_| async { WarmEntries::new().with("user::warm", &large(1)) });
        let cache = inline().warm(source).start().await.unwrap();
        cache.set("user::set", &large(1)).await.unwrap();
        cache.send_many().await;
        let loaded =
            cache.get_or_load("user::load", async || Ok::<_, std::io::Error>(large(1))).await.unwrap();
        assert_eq!(*loaded, large(1));
        let Reserved::Vacant(vacant) = cache.get_or_reserve::<Vec<String>>("user::fill").await.unwrap()
        else {
            panic!("nobody else asks")
        };
        assert!(vacant.fill_with(Loaded::value(large(1))).await.unwrap().is_stored());
        let keys = ["user::a", "user::b"];
        let load = |keys: Vec<Key>| async move {
            let keys = keys.into_iter().chain([Key::parse("user::extra").unwrap()]);
            Ok::<_, std::io::Error>(keys.map(|key| (key, large(1))).collect::<Vec<_>>())
        };
        for found in cache.get_or_load_many(keys, load).await {
            assert_eq!(*found.unwrap().unwrap(), large(1));
        }
        cache.warm(WarmScope::All).await.unwrap();
        settle().await;
        let stats = user(&cache).await;
        assert_eq!((stats.compressed, stats.entries), (8, 8));
        let plain = apex_cache::Value::encode(&large(1)).unwrap().len() as u64;
        assert!(stats.compressed_from == 8 * plain && stats.compressed_to < 4 * plain, "{stats:?}");
        for key in ["set", "many", "load", "fill", "a", "b", "extra", "warm"] {
            let found = cache.get::<Vec<String>>(format!("user::{key}")).await.unwrap();
            assert_eq!(*found.unwrap(), large(1), "{key}");
        }
        let given =
            cache.supervisor().send(Get::new(Key::parse("user::set").unwrap())).await.unwrap().unwrap();
        assert!(given.value.is_packed() && given.value == apex_cache::Value::encode(&large(1)).unwrap());
    });
}

trait SendMany {
    async fn send_many(&self);
}

impl SendMany for Cache {
    async fn send_many(&self) {
        let many = SetMany::new(vec![Set::of("user::many", &large(1)).unwrap()]);
        assert!(self.supervisor().send(many).await.unwrap().into_iter().all(|one| one.is_ok()));
    }
}

#[test]
fn what_is_stored_counts_for_the_tier_and_for_the_largest_entry() {
    paused(async || {
        let settings = |compression| {
            let settings = Settings::default().max_entry_size(64 << 10).compression(compression);
            settings.tier("query", |tier| tier.compression(Compression::Off))
        };
        let cache = cache_with(settings(Compression::Lz4)).await;
        let zeros = |bytes: usize| "0".repeat(bytes);
        cache.set("user::1", &zeros(500 << 10)).await.unwrap();
        assert!(user(&cache).await.bytes < 10 << 10);
        let refused = cache.set("query::1", &zeros(500 << 10)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert_eq!(stats_of(&cache, "query").await.compressed, 0);
        // A few bytes in memory must not cost every reader any amount: not more than sixteen entries.
        let refused = cache.set("user::2", &zeros(17 * (64 << 10))).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        let cache = cache_with(settings(Compression::Off)).await;
        let refused = cache.set("user::1", &zeros(500 << 10)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
    });
}

#[test]
fn a_compressed_value_of_another_type_is_told_by_its_fingerprint() {
    paused(async || {
        let cache = inline().start().await.unwrap();
        cache.set("user::1", &large(1)).await.unwrap();
        let error = cache.get::<String>("user::1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongType);
    });
}

#[test]
fn zstd_takes_small_values_once_the_tier_has_its_dictionary() {
    paused(async || {
        let cache = cache_with(Settings::default().compression(Compression::Zstd)).await;
        let small = |number: usize| large(number)[..40].to_vec();
        for number in 0..1_000 {
            cache.set(format!("user::{number}"), &small(number)).await.unwrap();
        }
        assert_eq!(user(&cache).await.compressed, 0, "they are smaller than LZ4 takes");
        // Training runs on a thread beside, which a paused clock does not wait for: the next sets show when it has ended.
        let mut number = 1_000;
        while user(&cache).await.compressed == 0 {
            cache.set(format!("user::{number}"), &small(number)).await.unwrap();
            number += 1;
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        }
        let last = cache.get::<Vec<String>>(format!("user::{}", number - 1)).await.unwrap();
        assert_eq!(*last.unwrap(), small(number - 1));
    });
}

/// Charges the values of keys that end in a number with that number, and fails for others.
fn by_key(key: &Key, _: &apex_cache::Value) -> u64 {
    key.segments().last().and_then(|last| last.parse().ok()).expect("a number")
}

#[test]
fn a_host_says_what_a_value_is_charged_with_and_its_panic_changes_nothing() {
    paused(async || {
        let weighed = Settings::default().tier("user", |tier| tier.weigher(by_key));
        let cache = cache_with(weighed).await;
        let mut before = user(&cache).await.bytes;
        let mut charged = async || {
            let now = user(&cache).await.bytes;
            now - std::mem::replace(&mut before, now)
        };
        cache.set("user::1000", "text").await.unwrap();
        let thousand = charged().await;
        cache.set("user::2000", "text").await.unwrap();
        assert_eq!(charged().await, thousand + 1_000);
        let load = async || Ok::<_, std::io::Error>(large(1));
        cache.get_or_load("user::3000", load).await.unwrap();
        assert_eq!(charged().await, thousand + 2_000);
        cache.get_or_load("user::none", load).await.unwrap();
        let given =
            cache.supervisor().send(Get::new(Key::parse("user::none").unwrap())).await.unwrap().unwrap();
        assert_eq!(charged().await, thousand - 1_000 + given.value.len() as u64);
        let refused = cache.set("user::9000000", "text").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
    });
}
