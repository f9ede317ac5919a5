//! Settings that change while the cache runs, and a user who is forgotten.
//!
//! Owns: what a change reaches and what it leaves. Never: how the words are parsed or shown.

mod common;

use std::time::Duration;

use apex_cache::message::{Break, Breaks, SetTtl, TtlOf};
use apex_cache::{Cache, ErrorKind, Settings, Tag, Tags};

use common::{advance, cache, cache_with, paused, settle};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn tags(tag: &str) -> Tags {
    Tags::new([Tag::new(tag).expect("a tag")])
}

async fn holds(cache: &Cache, key: &str) -> bool {
    cache.get::<u32>(key).await.expect("a key of the test").is_some()
}

#[test]
fn a_new_ttl_is_for_what_is_stored_from_then_on() {
    paused(|| async {
        let cache = cache().await;
        cache.set("user::1", &1_u32).await.unwrap();
        assert_eq!(cache.set_ttl("user", MINUTE).await.unwrap(), HOUR);
        cache.set("user::2", &2_u32).await.unwrap();
        cache.get_or_load("user::3", || async { Ok::<_, std::io::Error>(3_u32) }).await.unwrap();
        cache.set("config::1", &1_u32).await.unwrap();
        advance(MINUTE).await;
        assert!(holds(&cache, "user::1").await, "what was stored keeps its time");
        assert!(!holds(&cache, "user::2").await && !holds(&cache, "user::3").await);
        assert!(holds(&cache, "config::1").await, "another tier keeps to its own");
        assert_eq!(cache.set_ttl("user", HOUR).await.unwrap(), MINUTE);
    });
}

#[test]
fn what_was_described_before_a_ttl_changed_and_is_sent_after_it_lives_as_is_said_now() {
    paused(|| async {
        let cache = cache().await;
        let (awaited, sent) = (cache.set("user::1", &1_u32), cache.set("user::2", &2_u32));
        let own = cache.set("user::3", &3_u32).ttl(2 * MINUTE);
        cache.set_ttl("user", MINUTE).await.unwrap();
        awaited.await.unwrap();
        sent.send().unwrap();
        own.await.unwrap();
        cache.written().await.unwrap();
        assert!(holds(&cache, "user::1").await && holds(&cache, "user::2").await);
        advance(MINUTE).await;
        assert!(!holds(&cache, "user::1").await && !holds(&cache, "user::2").await);
        assert!(holds(&cache, "user::3").await, "the call says its own");
    });
}

#[test]
fn a_prefix_with_a_ttl_of_its_own_is_not_reached_by_that_of_its_tier() {
    paused(|| async {
        let settings = Settings::default().tier("user", |tier| tier.prefix("wallet"));
        let cache = cache_with(settings).await;
        let ttl_of = async |prefix: &str| {
            let info = cache.info().await.unwrap();
            let user = info.tiers.iter().find(|tier| &*tier.name == "user").unwrap();
            user.prefixes.iter().find(|(known, _)| &**known == prefix).unwrap().1
        };
        let half_an_hour = Some(HOUR / 2);
        cache.set_ttl("user", MINUTE).await.unwrap();
        assert_eq!((ttl_of("user").await, ttl_of("wallet").await), (None, None));
        assert_eq!(ttl_of("user_orders").await, half_an_hour, "the settings gave it one of its own");
        assert_eq!(
            cache.set_prefix_ttl("wallet", 2 * MINUTE).await.unwrap(),
            MINUTE,
            "it had that of its tier"
        );
        cache.set_ttl("user", 3 * MINUTE).await.unwrap();
        assert_eq!(ttl_of("wallet").await, Some(2 * MINUTE), "now it has one of its own");
        cache.set("wallet::1", &1_u32).await.unwrap();
        cache.set("user::1", &1_u32).await.unwrap();
        advance(2 * MINUTE).await;
        assert!(!holds(&cache, "wallet::1").await && holds(&cache, "user::1").await);
    });
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    paused(|| async {
        let cache = cache().await;
        let before = cache.info().await.unwrap().tiers;
        for (of, ttl, kind) in [
            (TtlOf::Tier("nobody".into()), MINUTE, ErrorKind::UnknownTier),
            (TtlOf::Prefix("nobody\n".into()), MINUTE, ErrorKind::InvalidSetting),
            (TtlOf::Tier("user".into()), Duration::ZERO, ErrorKind::InvalidSetting),
            (TtlOf::Tier("user".into()), Duration::MAX, ErrorKind::InvalidSetting),
        ] {
            let error = cache.supervisor().send(SetTtl::new(of, ttl)).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains('\n'));
        }
        assert_eq!(cache.info().await.unwrap().tiers, before);
    });
}

#[test]
fn switched_off_it_holds_nothing_and_switched_on_it_begins_anew() {
    paused(|| async {
        let cache = cache().await;
        cache.set("user::1", &1_u32).await.unwrap();
        assert!(cache.set_enabled(false).await.unwrap(), "it was on");
        assert!(!cache.set_enabled(false).await.unwrap());
        assert!(!holds(&cache, "user::1").await);
        cache.set("user::1", &1_u32).await.expect("a set is accepted and does nothing");
        let loaded = cache.get_or_load("user::1", || async { Ok::<_, std::io::Error>(7_u32) }).await.unwrap();
        assert_eq!(*loaded, 7);
        assert!(!holds(&cache, "user::1").await);
        let info = cache.info().await.unwrap();
        assert!(!info.enabled && info.tiers.iter().all(|tier| tier.entries == 0 && tier.bytes == 0));
        assert!(!cache.set_enabled(true).await.unwrap());
        cache.set("user::1", &1_u32).await.unwrap();
        assert!(holds(&cache, "user::1").await && cache.info().await.unwrap().enabled);
    });
}

#[test]
fn a_load_under_way_when_it_is_switched_off_is_not_stored() {
    paused(|| async {
        let cache = cache().await;
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let loading = {
            let cache = cache.clone();
            actix::spawn(async move {
                let load = || async { gone.await.map(|()| 7_u32) };
                cache.get_or_load("user::1", load).await.map(|hit| *hit)
            })
        };
        settle().await;
        cache.set_enabled(false).await.unwrap();
        cache.set_enabled(true).await.unwrap();
        go.send(()).unwrap();
        assert_eq!(loading.await.unwrap().unwrap(), 7);
        assert!(!holds(&cache, "user::1").await, "what began before is not brought back");
    });
}

#[test]
fn a_tier_that_breaks_while_it_is_off_stays_off() {
    paused(|| async {
        let cache = cache().await;
        cache.set_enabled(false).await.unwrap();
        for breaks in [Breaks::Turn("user".into()), Breaks::Tier("user".into())] {
            cache.supervisor().send(Break::new(breaks)).await.unwrap();
            settle().await;
            cache.set("user::1", &1_u32).await.unwrap();
            assert!(!holds(&cache, "user::1").await);
        }
    });
}

#[test]
fn a_user_is_forgotten_in_all_tiers_and_others_are_not() {
    paused(|| async {
        let cache = cache().await;
        let gone = [
            "user::42",
            "user::42::profile",
            "user_orders::42::7",
            "query::orders::user::42",
            "query::orders::user::42::top",
            "products::of::user::42",
        ];
        let kept =
            ["user::421", "user::4", "user_orders::421::7", "query::user::421", "query::user", "xuser::42"];
        for key in gone.into_iter().chain(kept) {
            cache.set(key, &1_u32).await.unwrap();
        }
        cache.set("config::a", &1_u32).tags(tags("user:42")).await.unwrap();
        cache.set("config::b", &1_u32).tags(tags("user:421")).await.unwrap();
        let forgotten = cache.forget_user(42).await.unwrap();
        assert_eq!((forgotten.matched, forgotten.left), (gone.len() as u64 + 1, 0));
        assert!(forgotten.bytes > 0);
        for key in gone.into_iter().chain(["config::a"]) {
            assert!(!holds(&cache, key).await, "{key}");
        }
        for key in kept.into_iter().chain(["config::b"]) {
            assert!(holds(&cache, key).await, "{key}");
        }
        assert_eq!(cache.forget_user(42).await.unwrap().matched, 0);
    });
}

#[test]
fn what_is_being_loaded_for_a_user_who_is_forgotten_is_not_stored() {
    paused(|| async {
        let cache = cache().await;
        let keys = ["user::42::profile", "user_orders::42::list", "query::of::user::42"];
        let load = |key: &'static str| {
            let (go, gone) = tokio::sync::oneshot::channel::<()>();
            let cache = cache.clone();
            let loading = actix::spawn(async move {
                let load = || async { gone.await.map(|()| 7_u32) };
                cache.get_or_load(key, load).await.map(|hit| (*hit, hit.is_stored()))
            });
            (go, loading)
        };
        let loads = keys.map(load);
        settle().await;
        let forgotten = cache.forget_user(42).await.unwrap();
        assert_eq!((forgotten.matched, forgotten.revoked_loads, forgotten.left), (0, 3, 0));
        for ((go, loading), key) in loads.into_iter().zip(keys) {
            go.send(()).unwrap();
            assert_eq!(loading.await.unwrap().unwrap(), (7, false), "who asked before still gets it");
            assert!(!holds(&cache, key).await, "{key}");
        }
    });
}

#[test]
fn an_id_cannot_reach_other_users() {
    paused(|| async {
        let cache = cache().await;
        for key in ["user::1", "user::2::a", "query::user::1"] {
            cache.set(key, &1_u32).await.unwrap();
        }
        for id in ["*", "?", "1::a", "", "::", "%", &"x".repeat(2_000)] {
            assert_eq!(cache.forget_user(id).await.unwrap().matched, 0, "{id:?}");
        }
        assert!(holds(&cache, "user::1").await && holds(&cache, "user::2::a").await);
    });
}
