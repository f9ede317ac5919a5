//! A stats actor that dies, and the one that takes its place.

use std::time::Duration;

use actix::Actor;

use apex_cache::actor::request::ToStats;
use apex_cache::actor::{Reply, Request, StatsActor, Supervisor, Who};
use apex_cache::message::Stats;
use apex_cache::{ErrorKind, Settings};

use super::Alone;
use super::common::{advance, paused, settle};
use super::recorders::mortal;

const SECOND: Duration = Duration::from_secs(1);

async fn mortal_stats() -> (Alone, tokio::sync::oneshot::Sender<()>) {
    let mut death = None;
    let alone = Alone::started(&Settings::default(), |stats| {
        let (addr, die) = mortal(stats);
        death = Some(die);
        addr
    });
    settle().await;
    (alone, death.expect("it was started"))
}

#[test]
fn counters_outlive_a_stats_actor_and_its_samples_do_not() {
    paused(|| async {
        let (mut alone, die) = mortal_stats().await;
        alone.neighbours.wiring.tiers[0].counters.hit();
        advance(25 * SECOND).await;
        assert_eq!(alone.history().await.len(), 2);
        die.send(()).expect("it lives");
        settle().await;
        assert_eq!(alone.neighbours.wiring.deaths(), [Who::Stats]);
        alone.addr = StatsActor::new(&alone.neighbours.wiring).start();
        assert_eq!(alone.snapshot().await.total().hits, 1);
        assert!(alone.history().await.is_empty());
        advance(10 * SECOND).await;
        let uptimes: Vec<u64> = alone.history().await.iter().map(|sample| sample.uptime.as_secs()).collect();
        assert_eq!(uptimes, [35], "one timer, not that of the dead one beside its own");
    });
}

#[test]
fn who_asks_a_dead_stats_actor_is_told_and_the_next_asker_finds_the_new_one() {
    paused(|| async {
        let (mut alone, die) = mortal_stats().await;
        let supervisor = Supervisor::new(&alone.neighbours.wiring).start();
        die.send(()).expect("it lives");
        settle().await;
        let lost = Stats.post(&alone.neighbours.wiring).await;
        assert_eq!(lost.expect_err("nobody is there").kind(), ErrorKind::TierRestarting);
        alone.addr = StatsActor::new(&alone.neighbours.wiring).start();
        settle().await;
        assert!(Stats.post(&alone.neighbours.wiring).await.is_ok());
        drop(supervisor);
    });
}

#[test]
fn a_snapshot_under_way_when_the_actor_dies_is_answered_all_the_same() {
    paused(|| async {
        let (alone, die) = mortal_stats().await;
        let (reply, snapshot) = Reply::new("control".into());
        alone.addr.do_send(ToStats::Snapshot(reply));
        // Begun, and not ended: it looks at the entries shard by shard.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        die.send(()).expect("it lives");
        assert!(snapshot.await.expect("answered").is_ok());
    });
}

#[test]
fn statistics_of_a_whole_cache_go_on_beside_its_data() {
    paused(|| async {
        let cache = super::common::cache().await;
        cache.set("user::1", &1).await.expect("it fits");
        advance(21 * SECOND).await;
        assert_eq!(cache.history().await.expect("answered").len(), 2);
        assert_eq!(cache.stats().await.expect("answered").total().sets, 1);
        cache.shutdown().await.expect("it ends");
        assert_eq!(cache.stats().await.expect_err("it has ended").kind(), ErrorKind::Closed);
    });
}
