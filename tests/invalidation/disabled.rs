//! A cache that is switched off keeps nothing, and still runs one load per key.

use std::time::Duration;

use apex_cache::message::Set;
use apex_cache::{Key, Settings, Source as From, Value, WarmEntries, WarmScope, WarmSource};

use crate::common::{advance, cache_with, inline, paused};
use crate::source::{Row, Source, join, stats_of};

fn off() -> Settings {
    Settings::default().enabled(false)
}

#[test]
fn nothing_is_kept_and_every_read_misses() {
    paused(async || {
        let cache = cache_with(off()).await;
        let stored = cache.set("user::1::x", "Ann").await.unwrap();
        assert!(!stored.kept && !stored.replaced);
        assert!(cache.get::<String>("user::1::x").await.unwrap().is_none());
        assert!(!cache.contains("user::1::x").unwrap());
        let set = Set::new(Key::parse("user::1::x").unwrap(), Value::encode("Ann").unwrap());
        assert!(!cache.supervisor().send(set).await.unwrap().kept);
        assert!(!cache.info().await.unwrap().enabled);
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.hits, stats.misses, stats.sets, stats.entries, stats.bytes), (0, 0, 0, 0, 0));
    });
}

#[test]
fn loaders_run_each_time_but_one_at_a_time_for_each_key() {
    paused(async || {
        let (cache, source) = (cache_with(off()).await, Source::new());
        let gate = source.hold("user::1::x");
        let calls: Vec<_> = (0..100).map(|_| source.ask(&cache, "user::1::x")).collect();
        gate.begun().await;
        advance(Duration::from_millis(1)).await;
        assert_eq!(source.reads(), 1);
        gate.open();
        for call in calls {
            assert!(!join(call).await.unwrap().is_stored());
        }
        source.let_go("user::1::x");
        assert_eq!(source.get(&cache, "user::1::x").await.unwrap().source(), From::Loaded);
        assert_eq!(source.reads(), 2, "nothing was kept of the first");
    });
}

#[test]
fn invalidations_are_accepted_and_overtake_loads() {
    paused(async || {
        let (cache, source) = (cache_with(off()).await, Source::new());
        let gate = source.hold("user::1::x");
        let load = source.ask(&cache, "user::1::x");
        gate.begun().await;
        source.write("user::1::x");
        assert_eq!(cache.clear().await.unwrap().matched, 0);
        source.let_go("user::1::x");
        assert_eq!(source.get(&cache, "user::1::x").await.unwrap().version, 2, "it joined the old load");
        gate.open();
        assert_eq!(join(load).await.unwrap().version, 1);
    });
}

#[test]
fn warm_sources_do_not_run() {
    paused(async || {
        let read = Source::new();
        let counted = read.clone();
        let warm = WarmSource::new("tiers", "config", move |_run| {
            let read = counted.clone();
            async move {
                let row: Row = read.read("config::x".to_owned()).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(WarmEntries::new().with("config::x", &row)?)
            }
        });
        let cache = inline().settings(off()).warm(warm.required().periodic()).start().await.unwrap();
        cache.ready().await.unwrap();
        cache.warm(WarmScope::All).await.unwrap();
        cache.user_active(42).await.unwrap();
        advance(Duration::from_secs(86_400)).await;
        assert_eq!(read.reads(), 0);
    });
}
