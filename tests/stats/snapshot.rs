//! Snapshots: counters that add up, top keys, differences, and that a busy tier delays none.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix::Actor;

use apex_cache::actor::request::{Bulk, Item, TierRequest};
use apex_cache::actor::{Reply, TierActor};
use apex_cache::message::TierStats;
use apex_cache::{Scope, Settings};

use super::Alone;
use super::common::{advance, cache, cache_with, paused};
use super::recorders::{key, value};

#[test]
fn a_snapshot_shows_every_counter_of_every_tier_as_it_is_now() {
    paused(|| async {
        let alone = Alone::new();
        let counters = &alone.neighbours.wiring.tiers[1].counters;
        counters.hit();
        counters.miss();
        counters.miss();
        counters.joined.add(3);
        counters.sets.add(4);
        counters.stored_by_load.add(5);
        counters.stored_by_warm.add(6);
        counters.replaced.add(7);
        let removals = [&counters.expired, &counters.evicted, &counters.removed, &counters.invalidated];
        removals.iter().for_each(|cause| cause.one());
        [&counters.cleared, &counters.displaced, &counters.lost].iter().for_each(|cause| cause.one());
        counters.loads.add(20);
        counters.loads_ok.add(10);
        counters.load_times.record(Duration::from_millis(30));
        counters.bypassed.add(8);
        counters.overloaded.add(9);
        counters.restarts.add(2);
        counters.entries.store(11, Relaxed);
        counters.bytes.store(12, Relaxed);
        counters.worth.store(13, Relaxed);
        advance(Duration::from_secs(5)).await;
        let snapshot = alone.snapshot().await;
        assert_eq!((snapshot.uptime, snapshot.budget), (Duration::from_secs(5), 100 << 20));
        let TierStats { hits, misses, joined, sets, stored_by_load, stored_by_warm, replaced, .. } =
            snapshot.tiers[1].stats;
        assert_eq!(
            (hits, misses, joined, sets, stored_by_load, stored_by_warm, replaced),
            (1, 2, 3, 4, 5, 6, 7)
        );
        let stats = &snapshot.tiers[1].stats;
        assert_eq!(stats.removals.total(), 7);
        assert_eq!((stats.loads, stats.loads_ok, stats.load_time), (20, 10, Duration::from_millis(30)));
        assert_eq!((stats.bypassed, stats.overloaded, stats.restarts), (8, 9, 2));
        assert_eq!((stats.entries, stats.bytes), (11, 12));
        assert_eq!((stats.grant, stats.worth), (10 << 20, 13));
        let (mut nothing, mut total) = (TierStats::default(), stats.clone());
        (nothing.grant, total.grant) = (10 << 20, 40 << 20);
        assert_eq!(snapshot.tiers[0].stats, nothing, "another tier");
        assert_eq!(snapshot.total(), total, "the only tier with counts is the total");
        assert!(snapshot.top.is_empty() && snapshot.warm.is_empty());
    });
}

#[test]
fn the_difference_of_two_snapshots_is_what_happened_between_them() {
    paused(|| async {
        let alone = Alone::new();
        let counters = &alone.neighbours.wiring.tiers[2].counters;
        counters.hit();
        counters.entries.store(5, Relaxed);
        let before = alone.snapshot().await;
        counters.hit();
        counters.hit();
        counters.expired.one();
        counters.entries.store(3, Relaxed);
        advance(Duration::from_secs(7)).await;
        let between = alone.snapshot().await.since(&before);
        let stats = &between.tiers[2].stats;
        assert_eq!((stats.hits, stats.removals.expired, stats.entries), (2, 1, 3));
        assert_eq!(between.uptime, Duration::from_secs(7));
    });
}

/// Puts `keys` into the tier of users and reads each as often as its place in the list says.
async fn read_some(alone: &Alone, keys: &[String]) {
    let id = alone.neighbours.id("user");
    alone.neighbours.wiring.stand_in(id, false);
    let _tier = TierActor::new(&alone.neighbours.wiring, id).start();
    let ttl = |at: usize| Duration::from_secs(if at == 0 { 1 } else { 3_600 });
    let item = |(at, text): (usize, &String)| Item::new(key(text), value(1), ttl(at)).into();
    let (reply, stored) = Reply::new("user".into());
    let items = keys.iter().enumerate().map(item).collect();
    alone.neighbours.wiring.deliver(id, TierRequest::SetMany(Bulk::new(items, reply)));
    stored.await.expect("answered").expect("stored");
    let shared = alone.neighbours.wiring.tier(id);
    for (at, text) in keys.iter().enumerate() {
        for _ in 0..=at {
            assert!(shared.view.read(text, alone.neighbours.wiring.env.now(), Duration::ZERO).is_some());
        }
    }
}

#[test]
fn the_keys_that_are_read_most_are_listed_the_most_read_first() {
    paused(|| async {
        let alone = Alone::new();
        let keys: Vec<String> = (0..30).map(|number| format!("user::{number}")).collect();
        read_some(&alone, &keys).await;
        let top = alone.snapshot().await.top;
        let listed: Vec<(&str, u64)> = top.iter().map(|entry| (entry.key.as_str(), entry.hits)).collect();
        let expected: Vec<(&str, u64)> =
            (20..30).rev().map(|at| (keys[at].as_str(), at as u64 + 1)).collect();
        assert_eq!(listed, expected);
    });
}

#[test]
fn an_expired_key_is_not_among_the_top() {
    paused(|| async {
        let alone = Alone::new();
        read_some(&alone, &["user::1".to_owned(), "user::2".to_owned()]).await;
        assert_eq!(alone.snapshot().await.top.len(), 2);
        advance(Duration::from_secs(1)).await;
        let top = alone.snapshot().await.top;
        assert_eq!(top.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["user::2"]);
    });
}

#[test]
fn statistics_do_not_wait_for_a_tier_that_answers_nothing() {
    paused(|| async {
        // All tiers are recorders: whatever is asked of them is never answered.
        let alone = Alone::new();
        alone.snapshot().await;
        alone.history().await;
        for (tier, told) in alone.neighbours.wiring.tiers.iter().zip(&alone.neighbours.tiers) {
            assert!(told.is_empty(), "{} was asked", tier.name);
        }
    });
}

#[test]
fn statistics_are_answered_while_a_tier_is_in_the_middle_of_a_long_invalidation() {
    paused(|| async {
        let cache = cache().await;
        for number in 0..20_000 {
            cache.set(format!("user::{number}::x"), &number).await.expect("it fits");
        }
        let scope = Scope::Pattern(apex_cache::Pattern::parse("user::*::x").expect("a pattern"));
        let taken = cache.supervisor().send(apex_cache::message::Invalidate::new(scope));
        let stats = cache.stats().await.expect("answered");
        assert_eq!(stats.total().sets, 20_000);
        assert_eq!(taken.await.expect("carried out").matched, 20_000);
    });
}

#[test]
fn the_counters_of_a_whole_cache_add_up_after_everything_was_done_to_it() {
    paused(|| async {
        let settings = Settings::default().max_size_mb(10).cleanup_interval(Duration::from_secs(60));
        let cache = cache_with(settings).await;
        for round in 0..300_u64 {
            let user = format!("user::{}", round % 70);
            cache.get::<String>(&user).await.expect("one type");
            cache.set(&user, &crate::common::noise(200_000)).await.expect("it fits");
            let load = || async { Ok::<_, std::io::Error>("y".repeat(1_000)) };
            cache.get_or_load(format!("query::{}", round % 50), load).await.expect("loaded");
            let short = cache.set(format!("config::{round}"), "z").ttl(Duration::from_secs(round % 9));
            short.await.expect("accepted");
            if round % 10 == 0 {
                cache.remove(&user).await.expect("carried out");
                advance(Duration::from_secs(30)).await;
            }
            if round % 100 == 50 {
                let scope = apex_cache::Pattern::parse("query::*3").expect("a pattern");
                cache.invalidate(scope).await.expect("carried out");
                cache.invalidate(Scope::Tier("config".into())).await.expect("carried out");
            }
        }
        for tier in cache.stats().await.expect("answered").tiers {
            let stats = &tier.stats;
            assert_eq!(stats.entries, stats.sets - stats.replaced - stats.removals.total(), "{tier:?}");
            let ended = stats.loads_ok + stats.loads_failed + stats.loads_panicked + stats.loads_timed_out;
            assert_eq!(stats.loads, ended + stats.loads_lost, "{tier:?}");
        }
        let total = cache.stats().await.expect("answered").total();
        assert_eq!(total.hits + total.misses, 600, "each get and each get_or_load is one read");
        assert!(total.bytes <= 10 << 20);
        assert!(total.removals.evicted > 0 && total.removals.expired > 0 && total.removals.displaced == 0);
    });
}

#[test]
fn many_snapshots_at_once_are_all_answered() {
    paused(|| async {
        let alone = Alone::new();
        let waits: Vec<_> = (0..100).map(|_| alone.post_snapshot()).collect();
        for snapshot in waits {
            assert!(snapshot.await.expect("answered").is_ok());
        }
    });
}
