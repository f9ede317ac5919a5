//! Public messages on the bare actix address, and what that takes away.

use apex_cache::actor::request::{Bulk, Envelope, TierRequest, ToStats, ToWarmer};
use apex_cache::engine::tier::{Stored, Taken};
use apex_cache::message::{
    Contains, Get, GetOrLoad, History, Info, Invalidate, Remove, RemoveMany, ReviveTier, SetMany, Stats,
    UserActive, Warm,
};
use apex_cache::{ErrorKind, Scope, Settings, WarmScope};

use super::common::{paused, settle};
use super::recorders::{key, number, stand, stand_for_tier, value};
use super::{Alone, set};

const KEPT: Stored = Stored { kept: true, replaced: false };

/// Has the tier of users, the warmer and the stats actor answer what they are asked.
fn answered(alone: &Alone) {
    let act = |envelope: Envelope| match envelope.request {
        TierRequest::Get { reply, .. } => reply.answer(Ok(None)),
        TierRequest::Contains { reply, .. } => reply.answer(Ok(true)),
        TierRequest::Set { reply, .. } => reply.answer(Ok(KEPT)),
        TierRequest::SetMany(Bulk { left, reply, .. }) => reply.answer(Ok(left.map(|_| Ok(KEPT)).collect())),
        TierRequest::Remove { reply, .. } | TierRequest::Invalidate { reply, .. } => {
            reply.answer(Ok(Taken { matched: 1, ..Taken::default() }));
        }
        TierRequest::Revive { reply } => reply.answer(Ok(false)),
        TierRequest::RemoveMany(Bulk { left, reply, .. }) => {
            reply.answer(Ok(left.map(|_| Taken { matched: 1, ..Taken::default() }).collect()));
        }
        other => drop(other),
    };
    stand_for_tier(alone.wiring(), alone.neighbours.id("user"), act);
    alone.wiring().connect_warmer(stand(|message| match message {
        ToWarmer::Warm(_, reply) => reply.answer(Ok(apex_cache::message::WarmReport::default())),
        ToWarmer::UserActive(_, reply) => reply.answer(Ok(true)),
        other => panic!("the warmer was told {other:?}"),
    }));
    alone.wiring().connect_stats(stand(|message| match message {
        ToStats::Snapshot(reply) => drop(reply),
        ToStats::History(_, reply) => reply.answer(Ok(Vec::new())),
        ToStats::Advise(_, reply) => drop(reply),
        other => panic!("the stats actor was told {other:?}"),
    }));
}

#[test]
fn every_public_message_can_be_sent_to_the_bare_address() {
    paused(|| async {
        let alone = Alone::new();
        answered(&alone);
        let addr = &alone.addr;
        let user = || key("user::1");
        assert!(addr.send(Get::new(user())).await.expect("alive").expect("answered").is_none());
        assert!(addr.send(Contains::new(user())).await.expect("alive").expect("answered"));
        assert_eq!(addr.send(set("user::1", 1)).await.expect("alive").expect("answered"), KEPT);
        let many = SetMany::new(vec![set("user::1", 1), set("user::2", 2)]);
        assert_eq!(addr.send(many).await.expect("alive").expect("answered").len(), 2);
        assert!(addr.send(Remove::new(user())).await.expect("alive").expect("answered").was_present);
        let many = RemoveMany::new(vec![user(), key("user::2")]);
        assert_eq!(addr.send(many).await.expect("alive").expect("answered").len(), 2);
        let tier = Invalidate::new(Scope::Tier("user".into()));
        assert_eq!(addr.send(tier).await.expect("alive").expect("answered").matched, 1);
        // The tier lets the request fall, so the loader is run for the caller.
        let load = GetOrLoad::of_value(user(), || async { Ok::<_, std::io::Error>(value(5)) });
        assert_eq!(number(&addr.send(load).await.expect("alive").expect("answered").value), 5);
        assert!(addr.send(Warm::new(WarmScope::All)).await.expect("alive").is_ok());
        assert!(addr.send(UserActive::new(1)).await.expect("alive").expect("answered"));
        let lost = addr.send(Stats).await.expect("alive").expect_err("it was let fall");
        assert_eq!(lost.kind(), ErrorKind::TierRestarting);
        assert!(addr.send(History).await.expect("alive").expect("answered").is_empty());
        assert!(addr.send(Info).await.expect("alive").expect("answered").enabled);
        assert!(!addr.send(ReviveTier::new("user")).await.expect("alive").expect("answered"));
    });
}

#[test]
fn errors_come_back_through_the_bare_address_too() {
    paused(|| async {
        let alone = Alone::with(&Settings::default().unknown_prefix("refuse"));
        let refused =
            alone.addr.send(set("nowhere::1", 1)).await.expect("alive").expect_err("no tier takes it");
        assert_eq!(refused.kind(), ErrorKind::UnknownPrefix);
    });
}

#[test]
fn a_send_on_the_bare_address_is_unsent_when_it_is_dropped_before_its_turn() {
    paused(|| async {
        let alone = Alone::new();
        settle().await;
        drop(alone.addr.send(set("user::1", 1)));
        drop(alone.addr.send(Invalidate::new(Scope::All)));
        settle().await;
        assert!(alone.told().is_empty(), "actix skips what its sender no longer waits for");
        // The way of a SupervisorRef has no such gap, and `do_send` neither.
        drop(alone.post(set("user::1", 1)));
        alone.addr.do_send(set("config::1", 1));
        settle().await;
        assert_eq!(alone.told(), ["config", "user"]);
    });
}

#[test]
fn a_send_on_the_bare_address_that_had_its_turn_is_applied_though_nobody_waits() {
    paused(|| async {
        let alone = Alone::new();
        let stored = alone.addr.send(set("user::1", 1));
        assert_eq!(alone.tier("user").batch().await.len(), 1);
        drop(stored);
    });
}

#[test]
fn the_mailbox_of_the_bare_address_is_no_bound_but_the_permits_behind_it_are() {
    paused(|| async {
        let alone = Alone::with(&Settings::default().queue_messages(128));
        settle().await;
        for number in 0..10_000 {
            alone.addr.clone().try_send(set("user::1", number)).expect("each clone has a place of its own");
        }
        let batch = alone.tier("user").batch().await;
        assert!(batch.len() <= 128, "{} got past the permits", batch.len());
        settle().await;
        let shared = alone.wiring().tier(alone.neighbours.id("user"));
        assert!(shared.counters.overloaded.get() > 0);
    });
}
