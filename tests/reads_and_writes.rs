//! Plain reads and writes through the handle.
//!
//! Owns: typed get and set, what a hit tells, and that nobody shares what can be changed. Never: loads, races.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use apex_cache::{Cache, ErrorKind, Key, Source as From};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use common::{cache, paused};
use source::{go, join, stats_of, threads};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Named { name: Option<String>, numbers: Vec<i64> },
    Pair(f64, BTreeMap<String, u8>),
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Unit),
        (any::<Option<String>>(), any::<Vec<i64>>())
            .prop_map(|(name, numbers)| Shape::Named { name, numbers }),
        (-1e9..1e9, any::<BTreeMap<String, u8>>()).prop_map(|(number, map)| Shape::Pair(number, map)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_set_is_what_is_read(values in proptest::collection::vec((0_u8..4, shape()), 1..20)) {
        paused(async || {
            let cache = cache().await;
            let mut expected = BTreeMap::new();
            for (number, value) in values {
                let key = format!("user::{number}");
                let stored = cache.set(&key, &value).await.unwrap();
                assert_eq!((stored.kept, stored.replaced), (true, expected.contains_key(&key)));
                expected.insert(key, value);
                for (key, value) in &expected {
                    assert_eq!(cache.get::<Shape>(key).await.unwrap().as_deref(), Some(value));
                }
            }
        });
    }
}

#[test]
fn owned_and_borrowed_forms_of_a_value_are_one_type() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1", "text").await.unwrap();
        assert_eq!(cache.get_with("user::1", String::clone).unwrap().as_deref(), Some("text"));
        cache.set("user::1", &Arc::new(vec![1_u32, 2])).await.unwrap();
        assert_eq!(cache.get_with("user::1", Vec::<u32>::clone).unwrap(), Some(vec![1, 2]));
        cache.set("user::1", [3_u32, 4].as_slice()).await.unwrap();
        assert_eq!(cache.get_with("user::1", Vec::<u32>::clone).unwrap(), Some(vec![3, 4]));
    });
}

#[test]
fn a_value_of_another_type_is_never_given() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1", &1_u32).await.unwrap();
        assert_eq!(cache.get::<u64>("user::1").await.unwrap_err().kind(), ErrorKind::WrongType);
        assert_eq!(cache.get::<Option<u32>>("user::1").await.unwrap_err().kind(), ErrorKind::WrongType);
        assert_eq!(cache.get::<u32>("user::1").await.unwrap().map(|hit| *hit), Some(1));
        assert_eq!(stats_of(&cache, "user").await.wrong_type, 2);
    });
}

#[test]
fn what_a_reader_does_with_a_value_changes_nothing_for_others() {
    paused(async || {
        let cache = cache().await;
        let mut list = vec![1, 2, 3];
        cache.set("user::1", &list).await.unwrap();
        list.push(4);
        let mut read = cache.get::<Vec<i32>>("user::1").await.unwrap().unwrap().into_value();
        read.clear();
        assert_eq!(cache.get_with("user::1", Vec::<i32>::clone).unwrap(), Some(vec![1, 2, 3]));
    });
}

#[test]
fn keys_that_look_alike_are_not_confused() {
    paused(async || {
        let cache = cache().await;
        let parts = ["a::b", "a:b", "a", "b", "a::", "::b", "a%3A%3Ab", "*", "A", "ä", " a"];
        let mut keys = Vec::new();
        for one in parts {
            for two in parts {
                keys.push(Key::of("user").part(one).part(two).finish().unwrap());
            }
        }
        for (number, key) in keys.iter().enumerate() {
            assert!(!cache.set(key, &number).await.unwrap().replaced, "{key:?} is another key, too");
        }
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(cache.get::<usize>(key).await.unwrap().map(|hit| *hit), Some(number));
        }
    });
}

#[test]
fn reads_count_once_and_a_look_counts_none() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1", &1_u64).await.unwrap();
        for _ in 0..3 {
            let hit = cache.get::<u64>("user::1").await.unwrap().unwrap();
            assert_eq!(hit.source(), From::Memory);
        }
        cache.get::<u64>("user::2").await.unwrap();
        cache.contains("user::1").unwrap();
        cache.contains("user::2").unwrap();
        let stats = cache.stats().await.unwrap();
        let user = &stats.tiers[2].stats;
        assert_eq!((user.hits, user.misses, user.reads()), (3, 1, 4));
        assert_eq!((stats.top[0].key.as_str(), stats.top[0].hits), ("user::1", 3));
    });
}

#[test]
fn readers_on_many_threads_never_see_a_value_go_back() {
    threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        cache.set("user::1", &0_u64).await.unwrap();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let cache = cache.clone();
                go(async move {
                    let mut last = 0;
                    while last < 5_000 {
                        if let Some(hit) = cache.get::<u64>("user::1").await.unwrap() {
                            assert!(*hit >= last, "{} after {last}", *hit);
                            last = *hit;
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for number in 1..=5_000_u64 {
            cache.set("user::1", &number).await.unwrap();
        }
        for reader in readers {
            join(reader).await;
        }
    });
}
