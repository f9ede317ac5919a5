//! Invalidations that cannot be carried out as they are written: never narrower, counted, and logged once.

use std::fmt;
use std::time::Duration;

use apex_cache::message::{Invalidate, InvalidationStats};
use apex_cache::testing::{advance, builder, paused};
use apex_cache::{Cache, Error, ErrorKind, Key, Settings, cache_invalidate};
use serde::{Serialize, Serializer};

use super::log::Log;
use super::storm::busy;

/// Cannot be shown.
struct Unshown;

impl fmt::Display for Unshown {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

/// Cannot be written by serde either.
struct Unwritten;

impl Serialize for Unwritten {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[cache_invalidate("user::{id}::shown::*")]
async fn shown(cache: &Cache, id: Unshown) {
    let _ = id;
}

#[cache_invalidate("user::{id}::written")]
async fn written(cache: &Cache, id: Unwritten) {
    let _ = id;
}

#[cache_invalidate("us*::{id}")]
async fn partial(cache: &Cache, id: Unshown) {
    let _ = id;
}

#[cache_invalidate("us?r::{id}::x*")]
async fn single(cache: &Cache, id: Unshown) {
    let _ = id;
}

#[cache_invalidate("user::{a}::{b}::{c}::{d}::{e}::*::x")]
async fn long(cache: &Cache, a: &str, b: &str, c: &str, d: &str, e: &str) {
    let _ = (a, b, c, d, e);
}

#[cache_invalidate(tags = ["author:{name}"])]
async fn tagged(cache: &Cache, name: Unshown) {
    let _ = name;
}

#[cache_invalidate(after = ["user::{ret}::*"])]
async fn after(cache: &Cache) -> Unshown {
    Unshown
}

const KEYS: [&str; 3] = ["config::a", "user::1::shown", "user::2"];

async fn filled() -> Cache {
    let cache = Cache::for_tests().await;
    for key in KEYS {
        cache.set(key, &1).await.expect("a tier takes it");
    }
    cache
}

fn held(cache: &Cache) -> Vec<&'static str> {
    KEYS.into_iter().filter(|key| cache.contains(*key).expect("a key")).collect()
}

async fn stats(cache: &Cache) -> InvalidationStats {
    cache.stats().await.expect("it answers").invalidations
}

#[test]
fn a_template_that_makes_no_scope_takes_at_least_what_it_says() {
    paused(|| async {
        let id = "x".repeat(60);
        for case in 0..7 {
            let cache = filled().await;
            match case {
                0 => shown(&cache, Unshown).await,
                1 => written(&cache, Unwritten).await,
                2 => partial(&cache, Unshown).await,
                3 => single(&cache, Unshown).await,
                4 => long(&cache, &id, &id, &id, &id, &id).await,
                5 => tagged(&cache, Unshown).await,
                _ => {
                    after(&cache).await;
                }
            }
            let left: &[&str] = if [2, 3, 5].contains(&case) { &[] } else { &KEYS[..1] };
            assert_eq!(held(&cache), left, "{case}");
            // A wildcard beside text stands for hashed ids too, by a scope of its own.
            let widened = if case == 3 { 2 } else { 1 };
            assert_eq!(stats(&cache).await.widened, widened, "{case}");
        }
    });
}

#[test]
fn a_template_that_makes_no_scope_is_logged_once_as_it_is_written() {
    #[cache_invalidate("user::{id}::once")]
    async fn once(cache: &Cache, id: Unshown) {
        let _ = id;
    }
    paused(|| async {
        let (cache, log) = (filled().await, Log::start());
        for _ in 0..3 {
            once(&cache, Unshown).await;
        }
        assert_eq!((log.lines("user::{id}::once"), stats(&cache).await.widened), (1, 3));
    });
}

#[test]
fn an_attribute_without_a_cache_is_counted_and_logged_once() {
    #[cache_invalidate("user::1::*", cache = cache)]
    async fn change(cache: Option<&Cache>) {}
    paused(|| async {
        let (other, log) = (filled().await, Log::start());
        let before = stats(&other).await.without_cache;
        for _ in 0..3 {
            change(None).await;
        }
        assert!(stats(&other).await.without_cache >= before + 3, "other tests of this process add to it");
        assert!(log.lines("found no cache") <= 1);
        assert_eq!(held(&other), KEYS);
    });
}

#[cache_invalidate("nowhere::{id}::*")]
async fn nowhere(cache: &Cache, id: u32) {
    let _ = id;
}

#[cache_invalidate("nowhere::{id}::*", fence)]
async fn fenced(cache: &Cache, id: u32, hangs: bool) {
    let _ = id;
    if hangs {
        std::future::pending::<()>().await;
    }
}

#[test]
fn where_its_keys_are_refused_an_attribute_says_so_and_loses_nothing_else() {
    #[cache_invalidate("nowhere::{id}::*", "user::{id}", report = note)]
    async fn both(cache: &Cache, id: u32) {
        let _ = id;
    }
    fn note(taken: &Result<apex_cache::message::Invalidated, Error>) {
        assert_eq!(taken.as_ref().map_err(Error::kind).err(), Some(ErrorKind::UnknownPrefix));
    }
    paused(|| async {
        let settings = Settings::default().unknown_prefix("refuse");
        let (cache, log) = (builder().settings(settings).start().await.unwrap(), Log::start());
        cache.set("user::1", &1).await.unwrap();
        both(&cache, 1).await;
        assert!(!cache.contains("user::1").unwrap());
        assert_eq!((log.lines("was not confirmed"), stats(&cache).await.unconfirmed), (1, 1));
        nowhere(&cache, 1).await;
        fenced(&cache, 1, false).await;
        assert_eq!((stats(&cache).await.unfenced, stats(&cache).await.unconfirmed), (1, 3));
        // Its caller gives up: nobody is left who could be told.
        assert!(tokio::time::timeout(Duration::from_secs(1), fenced(&cache, 1, true)).await.is_err());
        assert_eq!((stats(&cache).await.unfenced, stats(&cache).await.unconfirmed), (2, 4));
        assert_eq!(log.lines("nowhere"), 1, "the prefix is told once");
    });
}

#[test]
fn what_a_full_tier_refuses_is_sent_again_though_the_caller_gave_up() {
    #[cache_invalidate("user::1::*")]
    async fn hangs(cache: &Cache) {
        std::future::pending::<()>().await;
    }
    paused(|| async {
        let cache = builder().settings(Settings::default().queue_messages(128)).start().await.unwrap();
        cache.set("user::1::name", &1).await.unwrap();
        let mut change = Box::pin(hangs(&cache));
        tokio::select! {
            biased;
            () = &mut change => unreachable!("it waits"),
            () = tokio::task::yield_now() => {}
        }
        // More than the tier has places for, also those that it keeps back.
        busy(&cache, "user", true).await;
        let flood: Vec<_> = (0..300)
            .map(|n| cache.supervisor().send(Invalidate::new(Key::parse(&format!("user::2::{n}")).unwrap())))
            .collect();
        drop(change);
        busy(&cache, "user", false).await;
        let mut refused = 0;
        for sent in flood {
            refused += u32::from(sent.await.is_err_and(|error| error.kind() == ErrorKind::Overloaded));
        }
        assert!(refused > 0, "it was never full");
        advance(Duration::from_secs(1)).await;
        assert!(!cache.contains("user::1::name").unwrap());
    });
}
