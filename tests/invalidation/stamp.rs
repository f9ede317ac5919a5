//! Stamps: a read that takes nothing older than an invalidation, of any key of the tiers that it reached.

use std::io;
use std::time::Duration;

use apex_cache::message::{GetOrLoad, Invalidate};
use apex_cache::{Key, Scope, Source as From, Value};

use crate::common::{cache, paused};
use crate::source::{Row, Source, held, join};

const STALE: Duration = Duration::from_secs(3_600);

fn one(key: &str) -> Scope {
    Scope::Key(Key::parse(key).unwrap())
}

#[test]
fn a_read_with_a_stamp_loads_what_was_stored_before_it_under_any_key_of_the_tier() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        for key in ["user::1", "user::2", "query::1"] {
            source.get(&cache, key).await.unwrap();
            source.write(key);
        }
        let stamp = cache.invalidate(one("user::1")).await.unwrap().stamp;
        let read = async |key: &str| {
            let hit = cache.get_or_load(key, source.loader(key)).not_older_than(&stamp).await.unwrap();
            (hit.version, hit.source())
        };
        assert_eq!(read("user::2").await, (2, From::Loaded), "it was stored before the stamp");
        assert_eq!(read("user::2").await, (2, From::Memory), "and now after it");
        assert_eq!(read("query::1").await, (1, From::Memory), "the stamp says nothing about this tier");
        assert_eq!(source.get(&cache, "user::2").await.unwrap().source(), From::Memory);
    });
}

#[test]
fn a_load_that_began_before_the_stamp_is_neither_joined_nor_served_later() {
    for ends_first in [true, false] {
        paused(async || {
            let (cache, source) = (cache().await, Source::new());
            let gate = source.hold("user::2");
            let old = source.ask(&cache, "user::2");
            gate.begun().await;
            source.write("user::2");
            let stamp = cache.invalidate(one("user::1")).await.unwrap().stamp;
            if ends_first {
                gate.open();
                assert_eq!(join(old).await.unwrap().version, 1);
                assert_eq!(
                    held(&cache, "user::2"),
                    Some(1),
                    "it was not overtaken by another key's invalidation"
                );
                source.let_go("user::2");
                let new = cache.get_or_load("user::2", source.loader("user::2")).not_older_than(&stamp).await;
                assert_eq!(new.unwrap().version, 2);
            } else {
                source.let_go("user::2");
                let new = cache.get_or_load("user::2", source.loader("user::2")).not_older_than(&stamp).await;
                assert_eq!(new.unwrap().version, 2, "it joined the older load");
                gate.open();
                assert!(!join(old).await.unwrap().is_stored());
            }
            assert_eq!(held(&cache, "user::2"), Some(2));
        });
    }
}

#[test]
fn a_stale_value_that_is_older_than_the_stamp_is_no_fallback() {
    paused(async || {
        let cache = cache().await;
        let row = Source::new().row("user::2");
        cache.set("user::2", &row).ttl(Duration::from_secs(1)).stale(STALE).await.unwrap();
        let stamp = cache.invalidate(one("user::1")).await.unwrap().stamp;
        crate::common::advance(Duration::from_secs(2)).await;
        let fail = || async { Err::<Row, _>(io::Error::other("down")) };
        assert!(cache.get_or_load("user::2", fail).stale(STALE).await.unwrap().is_stale());
        assert!(cache.get_or_load("user::2", fail).stale(STALE).not_older_than(&stamp).await.is_err());
        let found = cache.get_or_find("user::2", || async { Ok::<Option<Row>, io::Error>(None) });
        assert!(found.stale(STALE).not_older_than(&stamp).await.unwrap().is_none());
    });
}

#[test]
fn typed_messages_take_stamps_too() {
    paused(async || {
        let cache = cache().await;
        let key = Key::parse("user::2").unwrap();
        let load = |number: u32| {
            let load = move || async move { Value::encode(&number) };
            GetOrLoad::of_value(key.clone(), load)
        };
        let supervisor = cache.supervisor();
        let first = supervisor.send(load(1)).await.unwrap();
        let stamp = supervisor.send(Invalidate::new(one("user::1"))).await.unwrap().stamp;
        let again = supervisor.send(load(2)).await.unwrap();
        assert_eq!(first.value, again.value);
        let newer = supervisor.send(load(3).not_older_than(&stamp)).await.unwrap();
        assert_eq!(newer.value.decode::<u32>("user::2").unwrap(), 3);
    });
}
