//! One order for all that is sent, one wake-up for many.

use apex_cache::actor::request::{TierRequest, ToSupervisor, ToTier};
use apex_cache::message::{Get, Info, Invalidate, Remove, ReviveTier};
use apex_cache::{Scope, Settings};

use super::common::{paused, settle};
use super::recorders::{Neighbours, key};
use super::{Alone, set, subject};
use apex_cache::actor::Request;

#[test]
fn what_is_posted_before_the_supervisors_turn_reaches_each_tier_as_one_message_in_order() {
    paused(|| async {
        let alone = Alone::new();
        settle().await;
        let mut waits = Vec::new();
        for number in 0..500 {
            waits.push(alone.post(set(&format!("user::{number}"), number)));
            waits.push(alone.post(set(&format!("config::{number}"), number)));
        }
        for tier in ["user", "config"] {
            let batch = alone.tier(tier).batch().await;
            let keys: Vec<String> = batch.iter().map(|accepted| subject(&accepted.request)).collect();
            assert_eq!(keys, (0..500).map(|number| format!("{tier}::{number}")).collect::<Vec<_>>());
            assert!(alone.tier(tier).is_empty());
        }
    });
}

#[test]
fn one_wake_up_is_sent_for_many_messages() {
    paused(|| async {
        // A recorder in the supervisor's place: nobody drains.
        let neighbours = Neighbours::with(&Settings::default(), Vec::new());
        let waits: Vec<_> =
            (0..100).map(|number| set(&format!("user::{number}"), number).post(&neighbours.wiring)).collect();
        settle().await;
        assert_eq!(neighbours.supervisor.take(), [ToSupervisor::Wake]);
        drop(waits);
    });
}

#[test]
fn more_than_one_turn_moves_is_moved_in_several_turns_in_order() {
    paused(|| async {
        let alone = Alone::new();
        settle().await;
        let waits: Vec<_> =
            (0..3_000).map(|number| alone.post(set(&format!("user::{number}"), number))).collect();
        let mut keys = Vec::new();
        let mut turns = 0;
        while keys.len() < 3_000 {
            let batch = alone.tier("user").batch().await;
            assert!(batch.len() <= 1_024, "a turn moved {}", batch.len());
            turns += 1;
            keys.extend(batch.iter().map(|accepted| subject(&accepted.request)));
        }
        assert_eq!(turns, 3);
        assert_eq!(keys, (0..3_000).map(|number| format!("user::{number}")).collect::<Vec<_>>());
        drop(waits);
    });
}

#[test]
fn an_invalidation_keeps_its_place_between_the_sets_around_it() {
    paused(|| async {
        let alone = Alone::new();
        let _waits = (
            alone.post(set("user::1", 1)),
            alone.post(set("config::1", 1)),
            alone.post(Invalidate::new(Scope::All)),
            alone.post(set("user::1", 2)),
            alone.post(Remove::new(key("config::1"))),
        );
        let mut seen = Vec::new();
        for tier in ["user", "config", "reference"] {
            let batch = alone.tier(tier).batch().await;
            seen.push(batch.iter().map(|accepted| subject(&accepted.request)).collect::<Vec<_>>());
        }
        assert_eq!(seen[0], ["user::1", "all", "user::1"]);
        assert_eq!(seen[1], ["config::1", "all", "config::1"]);
        assert_eq!(seen[2], ["all"]);
    });
}

#[test]
fn a_control_message_does_not_overtake_the_data_before_it_nor_is_it_overtaken() {
    paused(|| async {
        let alone = Alone::new();
        settle().await;
        let _waits = (
            alone.post(set("user::1", 1)),
            alone.post(ReviveTier::new("user")),
            alone.post(Get::new(key("user::1"))),
        );
        let mut requests = Vec::new();
        while requests.len() < 3 {
            requests.extend(alone.tier("user").batch().await.into_iter().map(|accepted| accepted.request));
        }
        assert!(matches!(requests[0], TierRequest::Set { .. }), "{requests:?}");
        assert!(matches!(requests[1], TierRequest::Revive { .. }), "{requests:?}");
        assert!(matches!(requests[2], TierRequest::Get { .. }), "{requests:?}");
    });
}

#[test]
fn an_info_is_answered_after_the_data_before_it_was_moved() {
    paused(|| async {
        let alone = Alone::new();
        settle().await;
        let _stored = alone.post(set("user::1", 1));
        super::answer(alone.post(Info)).await.expect("the supervisor answers");
        assert!(matches!(alone.tier("user").take().as_slice(), [ToTier::Batch(_)]));
    });
}
