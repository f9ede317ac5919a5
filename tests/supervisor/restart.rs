//! A supervisor that dies, and the one that takes its place.

use actix::{Actor, Addr};

use apex_cache::Settings;
use apex_cache::actor::request::{TierRequest, ToSupervisor};
use apex_cache::actor::{Request, Supervisor, Who};
use apex_cache::message::Info;

use super::common::{paused, settle};
use super::recorders::{Neighbours, mortal};
use super::{set, subject};

/// A supervisor that has died, and what it left.
async fn orphaned() -> Neighbours {
    let neighbours = Neighbours::with(&Settings::default(), Vec::new());
    let (_, die) = mortal(Supervisor::new(&neighbours.wiring));
    settle().await;
    die.send(()).expect("it lives");
    settle().await;
    assert_eq!(neighbours.wiring.deaths(), [Who::Supervisor]);
    neighbours
}

/// Another supervisor, which has told every tier its grant again: the dead one may have died with what tiers told it.
async fn successor(neighbours: &Neighbours) -> Addr<Supervisor> {
    let addr = Supervisor::new(&neighbours.wiring).start();
    for tier in &neighbours.wiring.tiers {
        let told = neighbours.tier(&tier.name).request().await;
        assert!(matches!(told, TierRequest::Grant { .. }), "{told:?}");
    }
    addr
}

#[test]
fn without_a_supervisor_tiers_are_reached_and_its_own_requests_wait_for_the_next() {
    paused(|| async {
        let neighbours = orphaned().await;
        let waits: Vec<_> =
            (0..10).map(|number| set(&format!("user::{number}"), number).post(&neighbours.wiring)).collect();
        let info = Info.post(&neighbours.wiring);
        let batch = neighbours.tier("user").batch().await;
        for (number, envelope) in batch.iter().enumerate() {
            assert_eq!(subject(&envelope.request), format!("user::{number}"));
        }
        assert_eq!(batch.len(), 10);
        successor(&neighbours).await;
        info.await.expect("the new one answers");
        drop(waits);
    });
}

#[test]
fn what_is_posted_after_a_restart_wakes_the_new_supervisor() {
    paused(|| async {
        let neighbours = orphaned().await;
        successor(&neighbours).await;
        settle().await;
        for number in 0..3 {
            drop(set("user::1", number).post(&neighbours.wiring));
            assert_eq!(neighbours.tier("user").batch().await.len(), 1);
        }
    });
}

#[test]
fn a_wake_up_that_died_with_a_supervisor_is_made_up_for() {
    paused(|| async {
        let neighbours = Neighbours::with(&Settings::default(), Vec::new());
        let (addr, die) = mortal(Supervisor::new(&neighbours.wiring));
        settle().await;
        die.send(()).expect("it lives");
        // It has not died yet; the wake-up lies in its mailbox when it does, or is drained before.
        let stored = set("user::1", 1).post(&neighbours.wiring);
        settle().await;
        assert!(!addr.connected());
        Supervisor::new(&neighbours.wiring).start();
        while !matches!(neighbours.tier("user").request().await, TierRequest::Set { .. }) {}
        drop(stored);
    });
}

#[test]
fn grants_outlive_a_supervisor() {
    paused(|| async {
        let neighbours = Neighbours::with(&Settings::default(), Vec::new());
        let (addr, die) = mortal(Supervisor::new(&neighbours.wiring));
        let grant = async |neighbours: &Neighbours| match neighbours.tier("user").request().await {
            TierRequest::Grant { bytes, .. } => bytes >> 20,
            other => panic!("no grant: {other:?}"),
        };
        addr.do_send(ToSupervisor::NearGrant { tier: 2 });
        assert_eq!(grant(&neighbours).await, 12);
        die.send(()).expect("it lives");
        settle().await;
        successor(&neighbours).await.do_send(ToSupervisor::NearGrant { tier: 2 });
        assert_eq!(grant(&neighbours).await, 14);
    });
}

#[test]
fn a_supervisor_of_a_whole_cache_takes_typed_messages_at_any_time() {
    paused(|| async {
        let cache = super::common::cache().await;
        let supervisor = cache.supervisor();
        assert!(supervisor.send(set("user::1", 1)).await.expect("it serves").kept);
        let addr = supervisor.addr().expect("it is there");
        assert!(addr.send(set("user::1", 2)).await.expect("it lives").expect("it serves").replaced);
        assert_eq!(*cache.get::<u64>("user::1").await.expect("one type").expect("there"), 2);
    });
}
