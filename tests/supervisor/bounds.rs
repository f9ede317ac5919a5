//! Overload: places per tier, in messages and in bytes, and the reserve for invalidations.

use apex_cache::actor::RESERVE;
use apex_cache::message::{GetOrLoad, Invalidate, Remove, Set, SetMany, Stats};
use apex_cache::{ErrorKind, Scope, Settings, Source};

use super::common::{paused, settle};
use super::recorders::{bulk, key, value};
use super::{Alone, answer, set};

const MESSAGES: u64 = 128;

fn narrow() -> Alone {
    Alone::with(&Settings::default().queue_messages(MESSAGES as usize))
}

/// Fills every place in front of the tier of users; what is returned holds them.
async fn flood(alone: &Alone) -> Vec<apex_cache::actor::request::Envelope> {
    for number in 0..MESSAGES {
        drop(alone.post(set(&format!("user::{number}"), number)));
    }
    alone.tier("user").batch().await
}

fn taken(alone: &Alone, tier: &str) -> (u64, u64) {
    alone.wiring().tier(alone.neighbours.id(tier)).permits.taken()
}

fn refused(alone: &Alone, tier: &str) -> u64 {
    alone.wiring().tier(alone.neighbours.id(tier)).counters.overloaded.get()
}

#[test]
fn a_tier_that_is_full_refuses_at_once_and_the_others_do_not() {
    paused(|| async {
        let alone = narrow();
        let held = flood(&alone).await;
        assert_eq!(taken(&alone, "user").0, MESSAGES);
        let error = answer(alone.post(set("user::1", 1))).await.expect_err("it is full");
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        drop(alone.post(set("config::1", 1)));
        settle().await;
        assert_eq!(alone.told(), ["config"], "nothing of what was refused was queued");
        assert_eq!(refused(&alone, "user"), 1);
        drop(held);
        assert_eq!(taken(&alone, "user"), (0, 0));
        drop(alone.post(set("user::1", 1)));
        settle().await;
        assert_eq!(alone.told(), ["user"]);
    });
}

#[test]
fn a_flood_of_sets_keeps_no_invalidation_out_but_the_reserve_has_an_end() {
    paused(|| async {
        let alone = narrow();
        let _held = flood(&alone).await;
        for number in 0..RESERVE / 2 {
            drop(alone.post(Remove::new(key(&format!("user::{number}")))));
            drop(alone.post(Invalidate::new(Scope::Tier("user".into()))));
        }
        let reserve = alone.tier("user").batch().await;
        assert_eq!(reserve.len() as u64, RESERVE, "all of them were accepted");
        let error =
            answer(alone.post(Invalidate::new(Scope::All))).await.expect_err("the reserve is used up");
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        settle().await;
        assert!(alone.told().is_empty(), "it was refused whole, for all tiers");
        assert_eq!(taken(&alone, "config"), (0, 0));
    });
}

#[test]
fn bytes_are_bounded_beside_messages_but_not_for_invalidations() {
    paused(|| async {
        let settings = Settings::default().max_entry_size(100_000).queue_bytes(200_000);
        let alone = Alone::with(&settings);
        let large = |number: u64| Set::new(key(&format!("user::{number}")), bulk(90_000));
        drop((alone.post(large(1)), alone.post(large(2))));
        let error = answer(alone.post(large(3))).await.expect_err("no room for more bytes");
        assert!(error.to_string().contains("queue_bytes"), "{error}");
        drop(alone.post(Invalidate::new(Scope::All)));
        assert_eq!(alone.tier("user").batch().await.len(), 3);
        settle().await;
        assert_eq!(taken(&alone, "user"), (0, 0));
    });
}

#[test]
fn many_sets_are_accepted_whole_or_not_at_all() {
    paused(|| async {
        let alone = narrow();
        let _held = flood(&alone).await;
        let many = SetMany::new(vec![set("config::1", 1), set("user::1", 1)]);
        assert_eq!(
            answer(alone.post(many)).await.expect_err("one tier is full").kind(),
            ErrorKind::Overloaded
        );
        settle().await;
        assert!(alone.told().is_empty());
        assert_eq!(taken(&alone, "config"), (0, 0));
        assert_eq!(refused(&alone, "user"), 1);
    });
}

#[test]
fn an_invalidation_keeps_its_place_until_it_is_answered() {
    paused(|| async {
        let alone = Alone::new();
        drop(alone.post(Invalidate::new(Scope::Tier("user".into()))));
        let mut batch = alone.tier("user").batch().await;
        let apex_cache::actor::request::TierRequest::Invalidate { reply, .. } = batch.remove(0).request
        else {
            panic!("no invalidation")
        };
        drop(batch);
        assert_eq!(taken(&alone, "user").0, 1, "the tier may go on with it in slices");
        reply.answer(Ok(apex_cache::engine::tier::Taken::default()));
        assert_eq!(taken(&alone, "user").0, 0);
    });
}

#[test]
fn a_load_that_is_refused_is_served_by_its_loader() {
    paused(|| async {
        let alone = narrow();
        let _held = flood(&alone).await;
        let load = GetOrLoad::of_value(key("user::x"), || async { Ok::<_, std::io::Error>(value(5)) });
        let given = answer(alone.post(load)).await.expect("the loader ran in the caller's task");
        assert_eq!((given.source, given.stored), (Source::Bypass, false));
    });
}

#[test]
fn control_messages_are_bounded_also_when_nobody_waits_for_their_answers() {
    paused(|| async {
        let alone = Alone::new();
        for _ in 0..1_024 {
            drop(alone.post(Stats));
        }
        assert_eq!(answer(alone.post(Stats)).await.expect_err("it is full").kind(), ErrorKind::Overloaded);
        settle().await;
        let asked = alone.stats().take();
        assert_eq!(asked.len(), 1_024);
        drop(asked);
        drop(alone.post(Stats));
        settle().await;
        assert_eq!(alone.stats().take().len(), 1, "there is room again once they were answered");
    });
}
