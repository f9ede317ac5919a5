//! A turn that panics, a tier that breaks too often, and an actor that dies all the same.

use std::time::Duration;

use actix::Actor;
use apex_cache::actor::request::{Bulk, Item, TierRequest, ToTier};
use apex_cache::actor::{CRASH_WINDOW, CRASHES_MAX, Reply, TierActor, Who};
use apex_cache::message::TierState;
use apex_cache::{Error, ErrorKind, Pattern, Scope};
use tokio::time::advance as jump;

use super::common::{paused, settle};
use super::recorders::{key, mortal, value};
use super::{Alone, Source, TTL, answer};

fn break_it(tier: &Alone) {
    tier.tell(TierRequest::Break);
}

async fn incarnation(tier: &Alone) -> u64 {
    tier.ask(|reply| TierRequest::BeginWarm { reply }).await.expect("the tier serves").incarnation
}

/// A tier that broke as often as it may.
async fn failed() -> Alone {
    let tier = Alone::new();
    tier.set("user::1", value(1)).await.expect("it fits");
    for _ in 0..CRASHES_MAX {
        break_it(&tier);
    }
    tier.drained().await;
    assert_eq!(tier.shared().state(), TierState::Failed);
    tier
}

#[test]
fn a_tier_that_breaks_is_empty_and_serves_again_at_the_same_address_in_a_new_life() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", value(1)).await.expect("it fits");
        let before = incarnation(&tier).await;
        break_it(&tier);
        assert_eq!(tier.get("user::1").await, None);
        assert_eq!(incarnation(&tier).await, before + 1);
        tier.set("user::1", value(2)).await.expect("it serves");
        assert_eq!(tier.get("user::1").await, Some(2));
        assert!(tier.wiring.deaths().is_empty(), "the actor lives on");
        let counters = &tier.shared().counters;
        assert_eq!((counters.restarts.get(), counters.lost.get()), (1, 1));
        assert_eq!(tier.shared().state(), TierState::Running);
    });
}

#[test]
fn who_waits_for_a_load_when_the_tier_breaks_is_told_and_the_old_load_stores_nothing() {
    paused(|| async {
        let tier = Alone::new();
        let (source, mut gate) = Source::gated();
        let waiting = tier.load("user::1", source);
        gate.begun().await;
        break_it(&tier);
        assert_eq!(answer(waiting).await.expect_err("it broke").kind(), ErrorKind::TierRestarting);
        // A load of the new life has the same number as the one of the old.
        let (source, mut second) = Source::gated();
        let again = tier.load("user::1", source);
        second.begun().await;
        gate.open(1);
        settle().await;
        assert_eq!(tier.get("user::1").await, None, "the value of an earlier life");
        second.open(2);
        assert!(answer(again).await.expect("loaded").stored);
        assert_eq!(tier.get("user::1").await, Some(2));
    });
}

#[test]
fn an_invalidation_under_way_when_the_tier_breaks_is_true_and_answered() {
    paused(|| async {
        let tier = Alone::new();
        tier.fill(10_000).await;
        let slow = tier.post_invalidate(Pattern::parse("user::*::x").expect("a pattern"), false);
        break_it(&tier);
        answer(slow).await.expect("all it names is gone");
        assert!(tier.shared().view.is_empty());
    });
}

#[test]
fn requests_that_wait_behind_a_panic_are_carried_out() {
    paused(|| async {
        let tier = Alone::new();
        let (reply, stored) = Reply::new("user".into());
        let item = Item::new(key("user::1"), value(1), TTL).into();
        tier.queue(vec![TierRequest::Break, TierRequest::Set { item, reply }]);
        assert!(answer(stored).await.expect("it serves").kept);
        assert_eq!(tier.get("user::1").await, Some(1));
    });
}

#[test]
fn a_tier_that_breaks_now_and_then_stays_in_service() {
    paused(|| async {
        let tier = Alone::new();
        for _ in 0..20 {
            break_it(&tier);
            tier.drained().await;
            jump(CRASH_WINDOW / 4 + Duration::from_millis(1)).await;
        }
        assert_eq!(tier.shared().state(), TierState::Running);
        assert!(tier.set("user::1", value(1)).await.is_ok());
    });
}

#[test]
fn a_tier_that_broke_five_times_in_a_minute_answers_that_it_failed() {
    paused(|| async {
        let tier = failed().await;
        let name = |error: Option<Error>| error.map(|error| error.kind());
        let failed = Some(ErrorKind::TierFailed);
        let item = || Item::new(key("user::1"), value(1), TTL);
        let user = || key("user::1");
        assert_eq!(name(tier.ask(|reply| TierRequest::Get { key: user(), reply }).await.err()), failed);
        assert_eq!(name(tier.ask(|reply| TierRequest::Contains { key: user(), reply }).await.err()), failed);
        assert_eq!(
            name(tier.ask(|reply| TierRequest::Set { item: item().into(), reply }).await.err()),
            failed
        );
        let many = |reply| TierRequest::SetMany(Bulk::new(vec![item().into()], reply));
        assert_eq!(name(tier.ask(many).await.err()), failed);
        assert_eq!(name(answer(tier.load("user::1", Source::never())).await.err()), failed);
        assert_eq!(name(tier.ask(|reply| TierRequest::BeginWarm { reply }).await.err()), failed);
        let ticket = apex_cache::engine::journal::Ticket { incarnation: 0, seq0: 0 };
        let warm = |reply| TierRequest::StoreWarm { ticket, items: vec![item()], reply };
        assert_eq!(name(tier.ask(warm).await.err()), failed);
        tier.tell(TierRequest::EndWarm { ticket });
        break_it(&tier);
        assert!(tier.shared().view.is_closed(), "nobody reads it");
        assert_eq!(tier.shared().counters.restarts.get(), CRASHES_MAX as u64, "it breaks no more");
    });
}

#[test]
fn invalidations_of_a_failed_tier_are_true_and_answered() {
    paused(|| async {
        let tier = failed().await;
        assert_eq!(tier.invalidate(Scope::All).await.matched, 0);
        let removed = tier.ask(|reply| TierRequest::Remove { key: key("user::1"), reply }).await;
        assert_eq!(removed.expect("it is true").matched, 0);
        tier.drained().await;
    });
}

#[test]
fn a_failed_tier_serves_again_once_it_is_revived_and_has_forgotten_its_crashes() {
    paused(|| async {
        let tier = failed().await;
        assert!(tier.ask(|reply| TierRequest::Revive { reply }).await.expect("always"), "it had failed");
        assert_eq!(tier.shared().state(), TierState::Running);
        assert_eq!(tier.get("user::1").await, None, "the old value is not back");
        tier.set("user::1", value(2)).await.expect("it serves");
        break_it(&tier);
        tier.drained().await;
        assert_eq!(tier.shared().state(), TierState::Running, "one crash is not five");
        assert!(!tier.ask(|reply| TierRequest::Revive { reply }).await.expect("always"), "it was in service");
    });
}

#[test]
fn the_death_of_the_actor_loses_and_refuses_nothing() {
    paused(|| async {
        let mut tier = Alone::new();
        tier.set("user::1", value(1)).await.expect("it fits");
        let ticket = tier.ask(|reply| TierRequest::BeginWarm { reply }).await.expect("it serves");
        let (source, mut gate) = Source::gated();
        let loaded = tier.load("user::2", source);
        gate.begun().await;
        tier.addr.do_send(ToTier::Die);
        settle().await;
        assert_eq!(tier.wiring.deaths(), [Who::Tier(tier.id)]);
        assert!(tier.wiring.deaths().is_empty(), "it died once");
        assert_eq!(tier.get("user::1").await, Some(1), "while there is no actor");
        tier.set("user::3", value(3)).await.expect("it serves");
        gate.open(2);
        assert!(answer(loaded).await.expect("it was loaded").stored);
        // What is too long for one call waits for the next actor.
        tier.fill(300).await;
        let slow = tier.post_invalidate(Pattern::parse("user::*::x").expect("a pattern"), false);
        settle().await;
        tier.wiring.bury(Who::Tier(tier.id));
        tier.addr = TierActor::new(&tier.wiring, tier.id).start();
        assert_eq!(answer(slow).await.expect("it is carried out").matched, 300);
        let begun = tier.ask(|reply| TierRequest::BeginWarm { reply }).await.expect("it serves");
        assert_eq!(begun.incarnation, ticket.incarnation, "the same life");
        let counters = &tier.shared().counters;
        assert_eq!((counters.restarts.get(), counters.lost.get()), (1, 0));
    });
}

#[test]
fn an_actor_that_dies_again_and_again_fails_like_one_that_breaks() {
    paused(|| async {
        let mut tier = Alone::new();
        for _ in 0..CRASHES_MAX {
            let (addr, die) = mortal(TierActor::new(&tier.wiring, tier.id));
            tier.addr = addr;
            tier.drained().await;
            die.send(()).expect("it lives");
            settle().await;
            tier.wiring.bury(Who::Tier(tier.id));
        }
        tier.addr = TierActor::new(&tier.wiring, tier.id).start();
        let error = tier.set("user::1", value(1)).await.expect_err("it failed");
        assert_eq!(error.kind(), ErrorKind::TierFailed);
        assert!(tier.shared().view.is_closed());
    });
}
