//! Loads of several keys of which each ends in its own way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::{BoxError, Cache, ErrorKind, Key, LoadPolicy, Loaded, Tag};

use crate::common::{advance, cache, paused};
use crate::source::{go, join};

type Item = (Key, Result<Loaded<u64>, BoxError>);

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// What the source has of `key`: its last segment says it.
fn item(key: Key) -> Item {
    let said = match key.segments().last() {
        Some("fails") => Err("the row is broken".into()),
        Some("nothing") => Ok(Loaded::not_found()),
        Some("tagged") => Ok(Loaded::value(2).tag(Tag::new("two").unwrap())),
        Some("short") => Ok(Loaded::value(3).ttl(Duration::from_secs(10))),
        Some("unkept") => Ok(Loaded::value(4).do_not_store()),
        Some("unmodified") => Ok(Loaded::not_modified()),
        _ => Ok(Loaded::value(1)),
    };
    (key, said)
}

/// The answers, and how often the loader ran.
#[derive(Default, Clone)]
struct Runs(Arc<AtomicU64>);

impl Runs {
    async fn ask(
        &self,
        cache: &Cache,
        keys: &[&'static str],
        extras: &'static [&'static str],
    ) -> Vec<Result<Option<u64>, ErrorKind>> {
        let runs = self.clone();
        let load = move |missing: Vec<Key>| {
            runs.0.fetch_add(1, SeqCst);
            async move {
                tokio::task::yield_now().await;
                let keys = missing.into_iter().chain(extras.iter().map(|text| key(text)));
                Ok::<_, BoxError>(
                    keys.filter(|key| !key.as_str().ends_with("absent")).map(item).collect::<Vec<_>>(),
                )
            }
        };
        let answers = cache.get_or_load_many_with(keys.to_vec(), load).absent_is_not_found().await;
        answers
            .into_iter()
            .map(|one| one.map(|hit| hit.map(|hit| *hit)).map_err(|error| error.kind()))
            .collect()
    }
}

#[test]
fn an_error_of_one_key_is_for_its_callers_and_the_others_are_stored() {
    paused(async || {
        let (cache, runs) = (cache().await, Runs::default());
        let keys = ["user::1", "user::fails", "user::absent", "user::nothing", "user::unmodified"];
        let failed = Err(ErrorKind::LoadFailed);
        let (own, other) = (runs.clone(), cache.clone());
        let first = go(async move { own.ask(&other, &keys, &[]).await });
        tokio::task::yield_now().await;
        // It joins two of the flights: what fails is told to it as well.
        let joined = runs.ask(&cache, &["user::fails", "user::1"], &[]).await;
        assert_eq!(joined, [failed, Ok(Some(1))]);
        assert_eq!(join(first).await, [Ok(Some(1)), failed, Ok(None), Ok(None), failed]);
        let before = runs.0.load(SeqCst);
        assert_eq!(
            runs.ask(&cache, &["user::1", "user::absent", "user::nothing"], &[]).await,
            [Ok(Some(1)), Ok(None), Ok(None)]
        );
        assert_eq!(runs.0.load(SeqCst), before, "all that is remembered");
        assert_eq!(runs.ask(&cache, &["user::fails"], &[]).await, [failed]);
        assert_eq!(runs.0.load(SeqCst), before + 1, "nothing is remembered of an error");
        let alone = cache.get_or_load("user::fails", || async { Ok::<_, BoxError>(9_u64) }).await;
        assert_eq!(*alone.unwrap(), 9);
    });
}

#[test]
fn what_a_loader_says_of_a_key_holds_for_that_key_and_for_what_it_brings_beside() {
    paused(async || {
        for beside in [false, true] {
            let (cache, runs) = (cache().await, Runs::default());
            let said = ["user::tagged", "user::short", "user::unkept"];
            if beside {
                let extras = &["user::tagged", "user::short", "user::unkept", "user::fails", "user::nothing"];
                assert_eq!(runs.ask(&cache, &["user::1"], extras).await, [Ok(Some(1))]);
            } else {
                assert_eq!(runs.ask(&cache, &said, &[]).await, [Ok(Some(2)), Ok(Some(3)), Ok(Some(4))]);
            }
            let held = |cache: &Cache| said.map(|key| cache.contains(key).unwrap());
            assert_eq!(held(&cache), [true, true, false], "beside: {beside}");
            assert!(!cache.contains("user::fails").unwrap());
            advance(Duration::from_secs(11)).await;
            assert_eq!(held(&cache), [true, false, false], "beside: {beside}");
            cache.invalidate(Tag::new("two").unwrap()).await.unwrap();
            assert_eq!(held(&cache), [false; 3], "beside: {beside}");
            let stats = cache.stats().await.unwrap().total();
            assert_eq!((stats.loads_ok, stats.loads_failed), (1, 0));
        }
    });
}

#[test]
fn an_old_value_is_served_for_the_key_that_failed_alone() {
    paused(async || {
        let cache = cache().await;
        let policy = LoadPolicy::new().ttl(Duration::from_secs(1)).stale(Duration::from_secs(600));
        for key in ["user::fails", "user::1"] {
            cache.set(key, &0_u64).ttl(Duration::from_secs(1)).stale(Duration::from_secs(600)).await.unwrap();
        }
        advance(Duration::from_secs(2)).await;
        let load = |missing: Vec<Key>| async move {
            Ok::<_, BoxError>(missing.into_iter().map(item).collect::<Vec<_>>())
        };
        for round in 0..2 {
            let answers = cache.get_or_load_many_with(["user::fails", "user::1"], load).policy(policy).await;
            let answers: Vec<u64> = answers.into_iter().map(|hit| *hit.unwrap().unwrap()).collect();
            assert_eq!(answers, [0, round], "{round}");
            crate::common::settle().await;
        }
    });
}

#[test]
fn a_cache_that_was_shut_down_hands_out_the_errors_of_keys_too() {
    paused(async || {
        let (cache, runs) = (cache().await, Runs::default());
        cache.shutdown().await.unwrap();
        let answers = runs.ask(&cache, &["user::1", "user::fails", "user::absent"], &[]).await;
        assert_eq!(answers, [Ok(Some(1)), Err(ErrorKind::LoadFailed), Ok(None)]);
    });
}
