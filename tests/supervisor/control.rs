//! Messages for the supervisor itself, the warmer and the stats actor, and the end.

use std::time::Duration;

use apex_cache::actor::request::{TierRequest, ToStats, ToWarmer};
use apex_cache::message::{
    Get, History, Info, ReviveTier, Shutdown, Stats, TierState, UserActive, Warm, WarmReport,
};
use apex_cache::{ErrorKind, WarmScope};

use super::common::{advance, paused, settle};
use super::recorders::key;
use super::{Alone, answer, set};

#[test]
fn warming_is_handed_to_the_warmer_and_its_report_comes_back() {
    paused(|| async {
        let alone = Alone::new();
        let report = alone.post(Warm::new(WarmScope::Tier("config".into())));
        let ToWarmer::Warm(warm, reply) = alone.warmer().next().await else { panic!("no warming") };
        assert_eq!(warm.scope, WarmScope::Tier("config".into()));
        reply.answer(Ok(WarmReport::default()));
        assert_eq!(answer(report).await.expect("answered"), WarmReport::default());
    });
}

#[test]
fn an_active_user_is_told_to_the_warmer() {
    paused(|| async {
        let alone = Alone::new();
        let begun = alone.post(UserActive::new(42));
        let ToWarmer::UserActive(active, reply) = alone.warmer().next().await else { panic!("no user") };
        assert_eq!(&*active.user, "42");
        reply.answer(Ok(true));
        assert!(answer(begun).await.expect("answered"));
    });
}

#[test]
fn statistics_are_asked_of_the_stats_actor() {
    paused(|| async {
        let alone = Alone::new();
        let (snapshot, history) = (alone.post(Stats), alone.post(History));
        let ToStats::Snapshot(reply) = alone.stats().next().await else { panic!("no snapshot") };
        drop(reply); // it died with the request
        let ToStats::History(_, reply) = alone.stats().next().await else { panic!("no history") };
        reply.answer(Ok(Vec::new()));
        assert_eq!(answer(snapshot).await.expect_err("it died").kind(), ErrorKind::TierRestarting);
        assert!(answer(history).await.expect("answered").is_empty());
    });
}

#[test]
fn info_tells_settings_grants_and_the_state_of_every_tier_without_asking_one() {
    paused(|| async {
        let alone = Alone::new();
        advance(Duration::from_secs(90)).await;
        let info = answer(alone.post(Info)).await.expect("the supervisor answers");
        assert!(info.enabled && info.ready);
        assert_eq!((info.uptime, info.budget), (Duration::from_secs(90), 100 << 20));
        assert_eq!(info.default_tier.as_deref(), Some("query"));
        let names: Vec<&str> = info.tiers.iter().map(|tier| &*tier.name).collect();
        assert_eq!(names, ["config", "reference", "user", "query"]);
        for tier in &info.tiers {
            assert_eq!((tier.state, tier.entries, tier.grant), (TierState::Running, 0, 10 << 20));
        }
        assert!(alone.told().is_empty());
    });
}

#[test]
fn info_counts_what_is_queued_in_front_of_a_tier() {
    paused(|| async {
        let alone = Alone::new();
        let _waits = (alone.post(set("user::1", 1)), alone.post(set("user::2", 2)));
        let held = alone.tier("user").batch().await;
        let queued = |info: &apex_cache::message::InfoSnapshot| info.tiers[2].queued;
        let info = answer(alone.post(Info)).await.expect("the supervisor answers");
        assert_eq!(queued(&info).0, 2);
        assert!(queued(&info).1 > 0);
        drop(held);
        let info = answer(alone.post(Info)).await.expect("the supervisor answers");
        assert_eq!(queued(&info), (0, 0));
    });
}

#[test]
fn reviving_is_handed_to_the_tier_and_an_unknown_one_is_refused() {
    paused(|| async {
        let alone = Alone::new();
        let revived = alone.post(ReviveTier::new("query"));
        let TierRequest::Revive { reply } = alone.tier("query").request().await else {
            panic!("no reviving")
        };
        reply.answer(Ok(true));
        assert!(answer(revived).await.expect("answered"));
        let error = answer(alone.post(ReviveTier::new("nothing"))).await.expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::UnknownTier);
    });
}

#[test]
fn a_shutdown_refuses_what_comes_later_and_still_moves_what_was_accepted() {
    paused(|| async {
        let alone = Alone::new();
        settle().await;
        let _accepted = alone.post(set("user::1", 1));
        let _ended = alone.post(Shutdown);
        let _again = alone.post(Shutdown);
        let refused = [
            answer(alone.post(set("user::2", 2))).await.map(drop),
            answer(alone.post(Get::new(key("user::1")))).await.map(drop),
            answer(alone.post(apex_cache::message::SetMany::new(vec![set("user::2", 2)]))).await.map(drop),
            answer(alone.post(apex_cache::message::Invalidate::new(apex_cache::Scope::All))).await.map(drop),
            answer(alone.post(Info)).await.map(drop),
            answer(alone.post(Stats)).await.map(drop),
            answer(alone.post(Warm::new(WarmScope::All))).await.map(drop),
        ];
        for refused in refused {
            assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Closed));
        }
        assert!(matches!(alone.tier("user").request().await, TierRequest::Set { .. }));
        assert!(alone.told().is_empty());
    });
}

#[test]
fn nothing_outlives_a_cache_that_has_ended_on_the_thread_of_its_host() {
    paused(|| async {
        let held = std::sync::Arc::new(());
        let inside = std::sync::Arc::clone(&held);
        let source = apex_cache::WarmSource::new("a", "config", move |_run| {
            assert!(std::sync::Arc::strong_count(&inside) > 0);
            async { Ok::<_, std::io::Error>(apex_cache::WarmEntries::new()) }
        });
        let cache = super::common::inline().warm(source.every(Duration::from_secs(60))).start().await;
        let cache = cache.expect("it starts");
        advance(Duration::from_secs(100)).await;
        cache.shutdown().await.expect("it ends");
        drop(cache);
        settle().await;
        assert_eq!(std::sync::Arc::strong_count(&held), 1, "an actor lives on with its timer");
    });
}

#[test]
fn a_shutdown_is_answered_once_what_was_accepted_is_applied() {
    paused(|| async {
        let cache = super::common::cache().await;
        let supervisor = cache.supervisor();
        let stored = supervisor.send(set("user::1", 1));
        supervisor.send(Shutdown).await.expect("it ends");
        assert!(stored.await.expect("it was accepted").kept);
        supervisor.send(Shutdown).await.expect("it has ended");
        assert_eq!(supervisor.send(Info).await.expect_err("it has ended").kind(), ErrorKind::Closed);
        assert!(supervisor.addr().is_none());
    });
}
