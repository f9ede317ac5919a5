//! What a load brings: how long it lives, of which type it is, how large it may be.

use std::io;
use std::time::Duration;

use apex_cache::message::{Get, GetOrLoad};
use apex_cache::{ErrorKind, Key, Settings, Source as From, Value};

use crate::common::{advance, cache, cache_with, paused};
use crate::source::{Source, held, join, stats_of};

const KEY: &str = "user::1::x";
const S: Duration = Duration::from_secs(1);

#[test]
fn a_loaded_value_lives_as_long_as_the_call_says_counted_from_the_end_of_the_load() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let (asks, load) = (cache.clone(), source.loader(KEY));
        let call = crate::source::go(async move { asks.get_or_load(KEY, load).ttl(10 * S).await });
        gate.begun().await;
        advance(7 * S).await;
        gate.open();
        assert_eq!(join(call).await.unwrap().age(), Duration::ZERO);
        advance(Duration::from_millis(9_999)).await;
        assert_eq!(held(&cache, KEY), Some(1));
        advance(Duration::from_millis(1)).await;
        assert_eq!(held(&cache, KEY), None);
    });
}

#[test]
fn a_loaded_value_without_a_time_to_live_is_given_and_not_kept() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let hit = cache.get_or_load(KEY, source.loader(KEY)).ttl(Duration::ZERO).await.unwrap();
        assert_eq!((hit.version, hit.source(), hit.is_stored()), (1, From::Loaded, false));
        assert_eq!(held(&cache, KEY), None);
    });
}

#[test]
fn a_value_of_another_type_counts_as_absent_for_a_load_and_is_an_error_for_a_read() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        cache.set(KEY, "a text").await.unwrap();
        let error = cache.get::<u64>(KEY).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongType);
        assert_eq!(cache.get_with(KEY, |number: &u64| *number).unwrap_err().kind(), ErrorKind::WrongType);
        let hit = source.get(&cache, KEY).await.unwrap();
        assert_eq!((hit.version, hit.source(), hit.is_stored()), (1, From::Loaded, true));
        assert_eq!(held(&cache, KEY), Some(1), "it took the place of the other");
        assert!(stats_of(&cache, "user").await.wrong_type >= 3);
    });
}

#[test]
fn callers_who_want_different_types_of_one_load_get_a_typed_error_and_never_a_wrong_value() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let row = source.ask(&cache, KEY);
        gate.begun().await;
        let other = cache.clone();
        let text = crate::source::go(async move {
            other.get_or_load(KEY, || async { Ok::<_, io::Error>("text".to_owned()) }).await
        });
        crate::common::settle().await;
        gate.open();
        assert_eq!(join(row).await.unwrap().version, 1);
        match join(text).await {
            Ok(hit) => assert_eq!(*hit, "text"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WrongType),
        }
    });
}

#[test]
fn a_value_that_is_too_large_is_given_and_not_kept() {
    paused(async || {
        let cache = cache_with(Settings::default().max_entry_size(10_000)).await;
        cache.set("user::2::x", "stays").await.unwrap();
        let load = || async { Ok::<_, io::Error>(crate::common::noise(20_000)) };
        let hit = cache.get_or_load(KEY, load).await.unwrap();
        assert_eq!((hit.len(), hit.source(), hit.is_stored()), (20_000, From::Loaded, false));
        assert!(!cache.contains(KEY).unwrap() && cache.contains("user::2::x").unwrap());
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.too_large, stats.removals.evicted, stats.entries), (1, 0, 1));
    });
}

#[test]
fn a_bad_key_is_told_before_anything_is_loaded() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().unknown_prefix("refuse")).await, Source::new());
        for (key, kind) in [
            ("", ErrorKind::InvalidKey),
            ("user::*", ErrorKind::InvalidKey),
            ("user:::x", ErrorKind::InvalidKey),
            ("stranger::x", ErrorKind::UnknownPrefix),
        ] {
            assert_eq!(source.get(&cache, key).await.unwrap_err().kind(), kind, "{key}");
            assert_eq!(cache.get::<u64>(key).await.unwrap_err().kind(), kind, "{key}");
            assert_eq!(cache.set(key, &1).await.unwrap_err().kind(), kind, "{key}");
            assert_eq!(cache.remove(key).await.unwrap_err().kind(), kind, "{key}");
        }
        assert_eq!(source.reads(), 0);
    });
}

#[test]
fn a_typed_message_loads_a_value_as_it_is() {
    paused(async || {
        let cache = cache().await;
        let key = Key::parse(KEY).unwrap();
        let value = Value::encode(&7_u64).unwrap();
        let load = move || async move { Ok::<_, io::Error>(value) };
        let message = GetOrLoad::of_value(key.clone(), load).ttl(5 * S).deadline(S);
        let given = cache.supervisor().send(message).await.unwrap();
        assert_eq!((given.source, given.stored), (From::Loaded, true));
        assert_eq!(cache.get::<u64>(&key).await.unwrap().map(|hit| *hit), Some(7));
        advance(5 * S).await;
        assert!(cache.supervisor().send(Get::new(key)).await.unwrap().is_none());
    });
}
