//! Loads whose task is lost with the runtime it ran on.

use std::sync::Arc;

use apex_cache::env::Spawner;
use apex_cache::loader::{LoadCell, Loader};
use apex_cache::{ErrorKind, Scope, Source as From, Value};

use super::common::{paused, settle};
use super::recorders::number;
use super::{Alone, LoadRequest, Source, answer};

/// A runtime that never runs anything: its tasks are lost, unpolled, when it is let go.
struct Idle(tokio::runtime::Runtime);

impl Idle {
    fn new() -> Self {
        Self(tokio::runtime::Builder::new_current_thread().build().expect("a runtime"))
    }

    fn spawner(&self) -> Spawner {
        let _inside = self.0.enter();
        Spawner::current().expect("inside a runtime")
    }

    fn on(&self) -> impl FnOnce(&mut LoadRequest) + use<> {
        let spawner = self.spawner();
        |request| request.spawner = spawner
    }

    fn lose(self) {
        self.0.shutdown_background();
    }
}

#[test]
fn the_next_waiter_takes_over_a_load_that_was_lost_with_its_runtime() {
    paused(|| async {
        let tier = Alone::new();
        let idle = Idle::new();
        let lost = tier.load_as("user::1", Source::never(), idle.on());
        let next = tier.load("user::1", Source::brings(2));
        settle().await;
        idle.lose();
        assert_eq!(number(&answer(next).await.expect("its own loader ran").value), 2);
        assert_eq!(number(&answer(lost).await.expect("it waits with the others").value), 2);
        assert_eq!(tier.get("user::1").await, Some(2));
        assert_eq!(tier.shared().counters.loads_lost.get(), 1);
    });
}

#[test]
fn a_lost_load_that_nobody_can_take_over_is_told_and_the_key_loads_normally_afterwards() {
    paused(|| async {
        let tier = Alone::new();
        let idle = Idle::new();
        let lost = tier.load_as("user::1", Source::never(), idle.on());
        settle().await;
        idle.lose();
        let error = answer(lost).await.expect_err("there is no other loader");
        assert_eq!(error.kind(), ErrorKind::LoadLost);
        assert!(answer(tier.load("user::1", Source::brings(2))).await.is_ok());
    });
}

#[test]
fn a_loader_on_a_runtime_that_is_already_gone_is_lost_at_once_and_only_once() {
    paused(|| async {
        let tier = Alone::new();
        let idle = Idle::new();
        let on = idle.on();
        idle.lose();
        let error = answer(tier.load_as("user::1", Source::never(), on)).await.expect_err("it cannot run");
        assert_eq!(error.kind(), ErrorKind::LoadLost);
        assert_eq!(tier.shared().counters.loads.get(), 1);
    });
}

#[test]
fn leader_after_leader_may_be_lost_and_the_last_waiter_still_gets_its_value() {
    paused(|| async {
        let tier = Alone::new();
        let idle: Vec<Idle> = (0..5).map(|_| Idle::new()).collect();
        let lost: Vec<_> =
            idle.iter().map(|idle| tier.load_as("user::1", Source::never(), idle.on())).collect();
        let last = tier.load("user::1", Source::brings(2));
        for idle in idle {
            settle().await;
            idle.lose();
        }
        assert!(answer(last).await.is_ok());
        for one in lost {
            assert_eq!(
                answer(one).await.expect("nobody gets an error for another's end").source,
                From::Joined
            );
        }
        assert_eq!(tier.shared().counters.loads_lost.get(), 5);
    });
}

#[test]
fn a_lost_load_that_was_revoked_is_begun_anew_for_those_who_waited() {
    paused(|| async {
        let tier = Alone::new();
        let idle = Idle::new();
        let lost = tier.load_as("user::1", Source::never(), idle.on());
        let other = tier.load("user::1", Source::brings(2));
        settle().await;
        assert_eq!(tier.invalidate(Scope::All).await.revoked_loads, 1);
        idle.lose();
        let given = answer(other).await.expect("it leads a load of its own");
        assert_eq!((number(&given.value), given.stored), (2, true));
        assert!(answer(lost).await.is_ok(), "it joins that load");
    });
}

#[test]
fn a_loader_that_panics_when_it_is_dropped_does_not_take_the_tier_with_it() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("asked to panic in a Drop");
        }
    }
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", super::recorders::value(1)).await.expect("it fits");
        let source = || {
            let bomb = Bomb;
            Source(Box::new(move |key| {
                Loader::of_value(key, move || async move {
                    let _bomb = &bomb;
                    Ok::<Value, std::io::Error>(super::recorders::value(2))
                })
            }))
        };
        // Nobody takes it: the value is there, and the caller has left.
        drop(tier.load("user::1", source()));
        settle().await;
        // It was lost, so what is left of it is dropped with the task.
        let idle = Idle::new();
        drop(tier.load_as("user::2", source(), idle.on()));
        settle().await;
        idle.lose();
        settle().await;
        assert_eq!(tier.get("user::1").await, Some(1));
        assert!(tier.wiring.deaths().is_empty());
        // A cell that nobody ever ran ends quietly wherever it ends.
        let cell: Arc<LoadCell> = LoadCell::new(source().0(super::recorders::key("user::3")));
        drop(cell);
    });
}
