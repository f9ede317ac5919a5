//! One tier that breaks, once or again and again.

use std::time::Duration;

use apex_cache::message::{Break, Breaks, Contains, Get, Set, SetMany, TierState};
use apex_cache::{Cache, ErrorKind, Key, Pattern, Scope, Source as From, Value};

use crate::common::{advance, cache, paused, settle};
use crate::source::{Source, held, info_of, join, stats_of};

const KEY: &str = "user::1::x";

fn turn() -> Break {
    Break::new(Breaks::Turn("user".into()))
}

fn death() -> Break {
    Break::new(Breaks::Tier("user".into()))
}

async fn broken(cache: &Cache, how: Break) {
    settle().await; // there is an actor
    cache.supervisor().send(how).await.unwrap();
    settle().await;
}

#[test]
fn a_tier_that_broke_is_back_at_once_and_empty() {
    paused(async || {
        let cache = cache().await;
        cache.set(KEY, "old").await.unwrap();
        cache.set("query::1", "other").await.unwrap();
        broken(&cache, turn()).await;
        assert!(!cache.contains(KEY).unwrap() && cache.contains("query::1").unwrap());
        let info = info_of(&cache, "user").await;
        assert_eq!((info.state, info.entries, info.bytes), (TierState::Running, 0, 0));
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.restarts, stats.removals.lost, stats.entries), (1, 1, 0));
        cache.set(KEY, "new").await.unwrap();
        assert_eq!(cache.get_with(KEY, String::clone).unwrap().as_deref(), Some("new"));
    });
}

#[test]
fn the_death_of_a_tiers_actor_is_counted_and_loses_nothing() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        cache.set(KEY, "old").await.unwrap();
        let gate = source.hold("user::2::x");
        let call = source.ask(&cache, "user::2::x");
        gate.begun().await;
        let supervisor = cache.supervisor();
        drop(supervisor.send(death()));
        let set = supervisor.send(Set::new(Key::parse("user::3::x").unwrap(), Value::encode(&1).unwrap()));
        settle().await;
        assert!(set.await.unwrap().kept && cache.contains(KEY).unwrap());
        gate.open();
        assert!(join(call).await.unwrap().is_stored());
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.restarts, stats.removals.lost, stats.entries), (1, 0, 3));
        assert_eq!((stats.loads, stats.loads_lost), (1, 0));
        assert_eq!(cache.clear().await.unwrap().matched, 3);
    });
}

#[test]
fn what_waits_behind_a_breaking_turn_is_applied_to_the_tier_that_is_back() {
    paused(async || {
        let cache = cache().await;
        let supervisor = cache.supervisor();
        let set = |key: &str| Set::new(Key::parse(key).unwrap(), Value::encode(&1).unwrap());
        let before = supervisor.send(set("user::1::x"));
        drop(supervisor.send(turn()));
        let behind = supervisor.send(set("user::2::x"));
        assert!(before.await.unwrap().kept && behind.await.unwrap().kept);
        assert!(!cache.contains("user::1::x").unwrap() && cache.contains("user::2::x").unwrap());
    });
}

#[test]
fn a_load_that_began_before_the_tier_broke_is_answered_and_not_stored() {
    paused(async || {
        let how = turn();
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let calls: Vec<_> = (0..10).map(|_| source.ask(&cache, KEY)).collect();
        gate.begun().await;
        broken(&cache, how).await;
        source.write(KEY);
        source.let_go(KEY);
        assert_eq!(source.get(&cache, KEY).await.unwrap().version, 2, "a load of the new life");
        gate.open();
        for call in calls {
            let hit = join(call).await.unwrap();
            assert_eq!(hit.source(), From::Bypass);
        }
        settle().await;
        assert_eq!(held(&cache, KEY), Some(2), "the load of the former life was stored");
        assert_eq!(stats_of(&cache, "user").await.bypassed, 10);
    });
}

#[test]
fn loads_add_up_after_a_tier_broke_while_they_ran() {
    paused(async || {
        let how = turn();
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let call = source.ask(&cache, KEY);
        gate.begun().await;
        broken(&cache, how).await;
        gate.open();
        join(call).await.unwrap();
        settle().await;
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.loads_lost), (1, 1));
        assert_eq!(info_of(&cache, "user").await.loads, (0, 0));
    });
}

/// Breaks the tier until it is left alone.
async fn break_often(cache: &Cache) {
    for _ in 0..5 {
        broken(cache, turn()).await;
    }
    assert_eq!(info_of(cache, "user").await.state, TierState::Failed);
}

#[test]
fn a_tier_that_broke_five_times_in_a_minute_is_passed_by_until_it_is_revived() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        cache.set("query::1", "other").await.unwrap();
        break_often(&cache).await;
        let failed = ErrorKind::TierFailed;
        let (supervisor, key) = (cache.supervisor(), Key::parse(KEY).unwrap());
        let set = Set::new(key.clone(), Value::encode(&1).unwrap());
        assert_eq!(cache.set(KEY, &1).await.unwrap_err().kind(), failed);
        assert_eq!(supervisor.send(Get::new(key.clone())).await.unwrap_err().kind(), failed);
        assert_eq!(supervisor.send(Contains::new(key)).await.unwrap_err().kind(), failed);
        let many = supervisor.send(SetMany::new(vec![set])).await.unwrap();
        assert_eq!(many[0].as_ref().unwrap_err().kind(), failed);
        assert!(cache.get::<u64>(KEY).await.unwrap().is_none());
        // Invalidations are true of a tier that holds nothing.
        assert!(!cache.remove(KEY).await.unwrap().was_present);
        assert_eq!(cache.invalidate(Pattern::parse("user::*").unwrap()).await.unwrap().matched, 0);
        assert_eq!(cache.invalidate(Scope::Tier("user".into())).await.unwrap().tiers, 1);
        // Calls with a loader are answered.
        for _ in 0..10 {
            let hit = source.get(&cache, KEY).await.unwrap();
            assert_eq!((hit.source(), hit.is_stored()), (From::Bypass, false));
        }
        assert_eq!(stats_of(&cache, "user").await.bypassed, 10);
        assert_eq!(cache.get_with("query::1", String::clone).unwrap().as_deref(), Some("other"));

        advance(Duration::from_secs(3_600)).await;
        assert_eq!(info_of(&cache, "user").await.state, TierState::Failed, "it does not come back by itself");
        assert!(cache.revive("user").await.unwrap());
        assert!(!cache.revive("user").await.unwrap(), "it is in service already");
        assert!(source.get(&cache, KEY).await.unwrap().is_stored());
        assert_eq!(held(&cache, KEY), Some(1));
        // Its crashes are forgotten.
        broken(&cache, turn()).await;
        assert_eq!(info_of(&cache, "user").await.state, TierState::Running);
    });
}

#[test]
fn five_crashes_over_a_longer_time_are_forgiven() {
    paused(async || {
        let cache = cache().await;
        for _ in 0..20 {
            broken(&cache, turn()).await;
            advance(Duration::from_secs(16)).await;
        }
        let info = info_of(&cache, "user").await;
        assert_eq!((info.state, info.restarts), (TierState::Running, 20));
    });
}

#[test]
fn a_tier_that_died_five_times_is_passed_by_too() {
    paused(async || {
        let cache = cache().await;
        for _ in 0..5 {
            broken(&cache, death()).await;
        }
        assert_eq!(info_of(&cache, "user").await.state, TierState::Failed);
        assert_eq!(cache.set(KEY, &1).await.unwrap_err().kind(), ErrorKind::TierFailed);
        assert!(cache.revive("user").await.unwrap());
        assert!(cache.set(KEY, &1).await.unwrap().kept);
    });
}

#[test]
fn a_fence_whose_tier_broke_meanwhile_still_takes_away_when_it_is_committed() {
    for how in [turn(), death()] {
        paused(async || {
            let (cache, source) = (cache().await, Source::new());
            let fence = cache.begin(Scope::All).await.unwrap();
            broken(&cache, how).await;
            source.get(&cache, KEY).await.unwrap();
            source.write(KEY); // the transaction
            assert!(fence.commit().await.is_ok());
            assert_eq!(held(&cache, KEY), None);
            assert!(source.get(&cache, KEY).await.unwrap().is_stored());
        });
    }
}

#[test]
fn a_stamp_of_an_earlier_life_says_nothing_of_what_the_tier_holds_now() {
    for how in [turn(), death()] {
        paused(async || {
            let (cache, source) = (cache().await, Source::new());
            let stamp = cache.invalidate(Scope::All).await.unwrap().stamp;
            broken(&cache, how).await;
            source.get(&cache, KEY).await.unwrap();
            let again = cache.get_or_load(KEY, source.loader(KEY)).not_older_than(&stamp).await.unwrap();
            assert_eq!(
                (again.source(), source.reads()),
                (From::Memory, 1),
                "all of it was loaded after the stamp"
            );
        });
    }
}

#[test]
fn a_fence_that_was_opened_while_its_tier_was_failed_holds_when_it_is_revived() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        for _ in 0..5 {
            broken(&cache, turn()).await;
        }
        assert_eq!(info_of(&cache, "user").await.state, TierState::Failed);
        let fence = cache.begin(Key::parse(KEY).unwrap()).await.unwrap();
        cache.revive("user").await.unwrap();
        let within = source.get(&cache, KEY).await.unwrap();
        assert!(within.was_loaded() && !within.is_stored());
        fence.abort().await.unwrap();
        assert_eq!(held(&cache, KEY), None);
        assert!(source.get(&cache, KEY).await.unwrap().is_stored());
    });
}
