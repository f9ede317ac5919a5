//! Scopes with a first segment that no tier was made for: told once and counted, and refused where such keys are.

use apex_cache::error::Error;
use apex_cache::message::{Invalidate, Remove, RemoveMany};
use apex_cache::testing::paused;
use apex_cache::{Cache, ErrorKind, Key, Pattern, Prefix, Scope, Settings, Tag};

use super::common::{cache, cache_with};
use super::log::Log;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn pattern(text: &str) -> Scope {
    Pattern::parse(text).unwrap().into()
}

/// All name a first segment that no tier has.
fn strange() -> Vec<Scope> {
    vec![
        pattern("users::7::*"),
        pattern("users::*"),
        pattern("users::*::name"),
        Prefix::parse("users").unwrap().into(),
        Prefix::parse("users::7").unwrap().into(),
        key("users::7").into(),
        key("users").into(),
        vec![key("user::1"), key("users::7")].into(),
    ]
}

async fn counted(cache: &Cache) -> u64 {
    cache.stats().await.unwrap().invalidations.unknown_prefix
}

#[test]
fn a_scope_that_no_tier_claims_is_told_once_and_counted_though_the_last_tier_is_empty() {
    paused(async || {
        let (cache, log) = (cache().await, Log::start());
        for round in 1..3 {
            for scope in strange() {
                assert_eq!(cache.invalidate(scope).await.unwrap().matched, 0);
            }
            cache.remove("users::9").await.unwrap();
            cache.remove_many(["users::9", "user::1"]).await.unwrap();
            cache.begin(pattern("users::8::*")).await.unwrap().commit().await.unwrap();
            assert_eq!(counted(&cache).await, round * 11);
        }
        assert_eq!(log.lines("prefix=\"users\""), 1);
        assert_eq!(log.lines("(keys of one segment)"), 1, "a key of one segment may be a name");
    });
}

#[test]
fn what_has_no_first_segment_or_one_of_a_tier_is_not_judged() {
    paused(async || {
        for refuse in [false, true] {
            let settings =
                if refuse { Settings::default().unknown_prefix("refuse") } else { Settings::default() };
            let (cache, log) = (cache_with(settings).await, Log::start());
            let scopes = ["user::7::*", "user", "user::*", "us*", "users:*", "*::name", "*", "?ser::1"];
            for scope in scopes.map(pattern).into_iter().chain([Scope::All, Tag::new("a").unwrap().into()]) {
                cache.invalidate(scope).await.unwrap();
            }
            cache.clear().await.unwrap();
            assert_eq!((counted(&cache).await, log.lines("no tier")), (0, 0));
        }
    });
}

#[test]
fn where_unknown_prefixes_are_refused_their_scopes_are_at_every_entrance() {
    fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::UnknownPrefix);
    }
    paused(async || {
        let (cache, log) = (cache_with(Settings::default().unknown_prefix("refuse")).await, Log::start());
        cache.set("user::1", &1).await.unwrap();
        for scope in strange() {
            refused(cache.invalidate(scope.clone()).await);
            refused(cache.invalidate(scope.clone()).dry_run().await);
            refused(cache.begin(scope.clone()).await);
            refused(cache.supervisor().send(Invalidate::new(scope)).await);
        }
        refused(cache.remove("users::7").await);
        refused(cache.remove_many(["user::1", "users::7"]).await);
        refused(cache.supervisor().send(Remove::new(key("users::7"))).await);
        refused(cache.supervisor().send(RemoveMany::new(vec![key("users::7")])).await);
        assert!(cache.contains("user::1").unwrap(), "all or none");
        let answer = cache.command("/cache-clear users::*", "me").await;
        assert!(answer.contains("users"), "{answer}");
        assert_eq!(log.lines("prefix=\"users\""), 1);
    });
}

#[test]
fn only_the_first_few_prefixes_are_told_by_name() {
    paused(async || {
        let (cache, log) = (cache().await, Log::start());
        for number in 0..100 {
            cache.invalidate(pattern(&format!("strange{number}::*"))).await.unwrap();
        }
        assert_eq!(
            (counted(&cache).await, log.lines("prefix=\"strange"), log.lines("other prefixes")),
            (100, 32, 1)
        );
    });
}
