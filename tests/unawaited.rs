//! Writes that nobody awaits, and waiting for all of them at once.
//!
//! Owns: `send`, `written` and `set_many`. Never: awaited writes (`reads_and_writes.rs`), bounds in general (`overload.rs`).
#![allow(clippy::unwrap_used)] // what cannot be had fails the test

mod common;
#[path = "common/source.rs"]
mod source;

use std::collections::BTreeMap;

use apex_cache::message::{Break, Breaks, Set};
use apex_cache::{Cache, Error, ErrorKind, Pattern, Settings};
use proptest::prelude::*;

use common::{busy, cache, cache_with, paused, settle};
use source::stats_of;

#[derive(Debug, Clone)]
enum Write {
    Set(String, u64),
    Remove(String),
    RemoveUser(u8),
}

fn write() -> impl Strategy<Value = Write> {
    let key = (prop_oneof![Just("user"), Just("config")], 0_u8..3, 0_u8..3)
        .prop_map(|(first, group, name)| format!("{first}::{group}::{name}"));
    prop_oneof![
        4 => (key.clone(), any::<u64>()).prop_map(|(key, value)| Write::Set(key, value)),
        1 => key.prop_map(Write::Remove),
        1 => (0_u8..3).prop_map(Write::RemoveUser),
    ]
}

async fn shown(cache: &Cache) -> BTreeMap<String, u64> {
    let mut shown = BTreeMap::new();
    for first in ["user", "config"] {
        for (group, name) in (0..3).flat_map(|group| (0..3).map(move |name| (group, name))) {
            let key = format!("{first}::{group}::{name}");
            if let Some(hit) = cache.get::<u64>(&key).await.unwrap() {
                shown.insert(key, *hit);
            }
        }
    }
    shown
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn when_written_answers_all_that_any_handle_sent_is_applied_in_its_order(
        writes in proptest::collection::vec((any::<bool>(), write()), 1..80),
    ) {
        paused(async || {
            let cache = cache().await;
            let handles = [cache.clone(), cache];
            let mut expected = BTreeMap::new();
            for (second, write) in writes {
                let handle = &handles[usize::from(second)];
                match write {
                    Write::Set(key, value) => {
                        handle.set(&key, &value).send().unwrap();
                        expected.insert(key, value);
                    }
                    Write::Remove(key) => {
                        handle.remove(&key).send().unwrap();
                        expected.remove(&key);
                    }
                    Write::RemoveUser(group) => {
                        handle.invalidate(Pattern::of("user").part(group).rest().unwrap()).send().unwrap();
                        expected.retain(|key, _| !key.starts_with(&format!("user::{group}::")));
                    }
                }
            }
            handles[0].written().await.unwrap();
            assert_eq!(shown(&handles[1]).await, expected);
        });
    }
}

#[test]
fn a_call_that_is_dropped_without_send_or_await_does_nothing() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1", &1_u64).await.unwrap();
        drop(cache.set("user::1", &2_u64));
        drop(cache.remove("user::1"));
        drop(cache.remove("user::1").into_future());
        drop(cache.set("user::1", &3_u64).into_future());
        cache.written().await.unwrap();
        assert_eq!(cache.get::<u64>("user::1").await.unwrap().as_deref(), Some(&1));
    });
}

#[test]
fn what_is_wrong_with_a_write_is_told_when_it_is_sent() {
    paused(async || {
        let cache = cache_with(Settings::default().queue_messages(128)).await;
        settle().await;
        assert_eq!(cache.set("", &1_u64).send().unwrap_err().kind(), ErrorKind::InvalidKey);
        assert_eq!(cache.remove("").send().unwrap_err().kind(), ErrorKind::InvalidKey);
        busy(&cache, "user", true).await;
        let sent: Vec<_> = (0..200).map(|id| cache.set(format!("user::{id}"), &id).send()).collect();
        assert!(sent[..128].iter().all(Result::is_ok));
        assert!(sent[128..].iter().all(|sent| matches!(sent, Err(Error::Overloaded { .. }))));
        cache.remove("user::1").send().expect("removals have a reserve");
        busy(&cache, "user", false).await;
        cache.written().await.unwrap();
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.sets, stats.entries, stats.overloaded, stats.unawaited_failed), (128, 127, 72, 0));
        cache.shutdown().await.unwrap();
        assert!(matches!(cache.set("user::1", &1_u64).send(), Err(Error::Closed)));
        assert!(matches!(cache.written().await, Err(Error::Closed)));
    });
}

#[test]
fn a_value_that_is_too_large_is_refused_at_once_and_the_older_one_is_gone_all_the_same() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1", "old").await.unwrap();
        let large = common::noise(2 << 20);
        let refused = cache.set("user::1", &large).send().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        cache.written().await.unwrap();
        assert!(!cache.contains("user::1").unwrap());
        let stats = stats_of(&cache, "user").await;
        assert_eq!(
            (stats.too_large, stats.unawaited_failed),
            (1, 0),
            "it was told, so it is not counted as untold"
        );
    });
}

#[test]
fn what_is_sent_to_a_tier_that_failed_is_counted() {
    paused(async || {
        let cache = cache().await;
        for _ in 0..5 {
            let _ = cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await;
            settle().await;
        }
        for id in 0..3 {
            cache.set(format!("user::{id}"), &id).send().expect("it was accepted");
        }
        cache.remove("user::1").send().unwrap();
        cache.written().await.expect("nothing is left to be written");
        assert_eq!(stats_of(&cache, "user").await.unawaited_failed, 3, "a removal is true of an empty tier");
        assert_eq!(stats_of(&cache, "config").await.unawaited_failed, 0);
    });
}

#[test]
fn written_waits_for_an_invalidation_that_goes_on_in_slices_and_for_none_that_came_later() {
    paused(async || {
        let cache = cache().await;
        let set = |id: u64| Set::of(format!("user::{id}::x"), &id).unwrap();
        assert!(cache.set_many((0..20_000).map(set)).await.unwrap().iter().all(Result::is_ok));
        cache.invalidate(Pattern::parse("*9::x").unwrap()).send().unwrap();
        cache.written().await.unwrap();
        let left = |digit: u64| {
            (0..20_000)
                .filter(|id| id % 10 == digit && cache.contains(format!("user::{id}::x")).unwrap())
                .count()
        };
        assert_eq!((left(9), left(8)), (0, 2_000));
        let written = cache.supervisor().send(apex_cache::message::Written);
        cache.invalidate(Pattern::parse("*8::x").unwrap()).send().unwrap();
        written.await.unwrap();
        assert!(left(8) > 0, "it waited for what was sent after it");
    });
}

#[test]
fn of_many_sets_each_has_its_own_terms_and_its_own_answer() {
    paused(async || {
        let cache = cache().await;
        let large = common::noise(2 << 20);
        let sets = [
            Set::of("user::1", "a").unwrap(),
            Set::of("config::1", &large).unwrap(),
            Set::of("user::2", "b").unwrap().ttl(std::time::Duration::ZERO),
            Set::of("user::1", "c").unwrap(),
        ];
        let stored = cache.set_many(sets).await.unwrap();
        let told: Vec<_> = stored
            .iter()
            .map(|one| one.as_ref().map_err(Error::kind).map(|one| (one.kept, one.replaced)))
            .collect();
        assert_eq!(told, [Ok((true, false)), Err(ErrorKind::TooLarge), Ok((false, false)), Ok((true, true))]);
        assert_eq!(cache.get_with("user::1", String::clone).unwrap().as_deref(), Some("c"));
        assert!(cache.set_many([]).await.unwrap().is_empty());
    });
}
