//! Loads: who leads, who joins, what is stored, and what overtakes a load.

use std::time::Duration;

use apex_cache::codec::value::Wanted;
use apex_cache::engine::flight::{Class, RunId};
use apex_cache::engine::tier::Outcome;
use apex_cache::{ErrorKind, Pattern, Prefix, Scope, Settings, Source as From};

use super::common::{paused, settle};
use super::recorders::{bulk, key, number, value};
use super::{Alone, Source, answer};
use apex_cache::actor::request::TierRequest;

#[test]
fn an_absent_key_is_loaded_and_kept() {
    paused(|| async {
        let tier = Alone::new();
        let given = answer(tier.load("user::1", Source::brings(5))).await.expect("the loader brings it");
        assert_eq!((number(&given.value), given.source, given.stored), (5, From::Loaded, true));
        assert_eq!(tier.get("user::1").await, Some(5));
        let counters = &tier.shared().counters;
        let counts = (counters.loads.get(), counters.loads_ok.get(), counters.stored_by_load.get());
        assert_eq!(counts, (1, 1, 1));
    });
}

#[test]
fn a_key_that_is_there_is_not_loaded() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", value(5)).await.expect("it fits");
        let given = answer(tier.load("user::1", Source::never())).await.expect("it is there");
        assert_eq!((number(&given.value), given.source), (5, From::Memory));
    });
}

#[test]
fn many_callers_share_one_load_and_each_is_told_whether_it_joined() {
    paused(|| async {
        let tier = Alone::new();
        let (source, mut gate) = Source::gated();
        let first = tier.load("user::1", source);
        let others: Vec<_> = (0..100).map(|_| tier.load("user::1", Source::never())).collect();
        gate.begun().await;
        gate.open(5);
        assert_eq!(answer(first).await.expect("loaded").source, From::Loaded);
        for other in others {
            let given = answer(other).await.expect("joined");
            assert_eq!((number(&given.value), given.source, given.stored), (5, From::Joined, true));
        }
        let counters = &tier.shared().counters;
        assert_eq!((counters.loads.get(), counters.joined.get()), (1, 100));
    });
}

#[test]
fn an_error_reaches_all_who_wait_and_the_next_call_loads_again() {
    paused(|| async {
        let tier = Alone::new();
        let first = tier.load("user::1", Source::of(|| async { Err(std::io::Error::other("no such row")) }));
        let second = tier.load("user::1", Source::never());
        for one in [first, second] {
            let error = answer(one).await.expect_err("the source failed");
            assert_eq!(error.to_string(), "loading \"user::1\" failed: no such row");
        }
        assert_eq!(
            answer(tier.load("user::1", Source::brings(5))).await.expect("again").source,
            From::Loaded
        );
        assert_eq!(tier.shared().counters.loads_failed.get(), 1);
    });
}

#[test]
fn a_loader_that_panics_harms_nobody_but_those_who_wait_for_it() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::2", value(2)).await.expect("it fits");
        let error = answer(tier.load("user::1", Source::never())).await.expect_err("it panics");
        assert_eq!(error.kind(), ErrorKind::LoadPanicked);
        assert_eq!(tier.get("user::2").await, Some(2));
        assert!(answer(tier.load("user::1", Source::brings(5))).await.is_ok());
        assert_eq!(tier.shared().counters.loads_panicked.get(), 1);
        assert_eq!(tier.shared().counters.restarts.get(), 0);
    });
}

#[test]
fn a_loader_without_end_is_given_up_at_the_time_limit() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().load_timeout(Duration::from_secs(3)));
        let began = tier.wiring.env.now();
        let error = answer(tier.load("user::1", Source::of(std::future::pending))).await.expect_err("no end");
        assert_eq!(error.kind(), ErrorKind::LoadTimeout);
        assert_eq!(tier.wiring.env.now().since(began), Duration::from_secs(3));
        assert!(answer(tier.load("user::1", Source::brings(5))).await.is_ok(), "it can be loaded again");
        assert_eq!(tier.shared().counters.loads_timed_out.get(), 1);
    });
}

#[test]
fn a_load_goes_on_when_its_caller_has_left() {
    paused(|| async {
        let tier = Alone::new();
        let (source, mut gate) = Source::gated();
        let caller = tier.load("user::1", source);
        gate.begun().await;
        drop(caller);
        gate.open(5);
        settle().await;
        assert_eq!(tier.get("user::1").await, Some(5));
    });
}

#[test]
fn a_set_during_a_load_is_what_the_waiters_get_and_what_stays() {
    paused(|| async {
        let tier = Alone::new();
        let (source, mut gate) = Source::gated();
        let waiting = tier.load("user::1", source);
        gate.begun().await;
        tier.set("user::1", value(9)).await.expect("it fits");
        let given = answer(waiting).await.expect("the set value");
        assert_eq!((number(&given.value), given.source, given.stored), (9, From::Joined, true));
        gate.open(5);
        settle().await;
        assert_eq!(tier.get("user::1").await, Some(9));
        assert_eq!(tier.shared().counters.revoked.get(), 1);
    });
}

type MakesScope = fn() -> Scope;

#[test]
fn whatever_takes_a_key_away_during_its_load_keeps_the_old_row_out() {
    let scopes: [(&str, MakesScope); 5] = [
        ("key", || Scope::Key(key("user::1::a"))),
        ("prefix", || Scope::Prefix(Prefix::parse("user::1").expect("a prefix"))),
        ("pattern", || Scope::Pattern(Pattern::parse("user::*::a").expect("a pattern"))),
        ("tier", || Scope::Tier("user".into())),
        ("all", || Scope::All),
    ];
    for (name, scope) in scopes {
        paused(|| async {
            let tier = Alone::new();
            let (source, mut gate) = Source::gated();
            let before = tier.load("user::1::a", source);
            gate.begun().await;
            // The key is absent: nothing is matched, and the load is revoked all the same.
            let taken = tier.invalidate(scope()).await;
            assert_eq!((taken.matched, taken.revoked_loads), (0, 1), "{name}");
            let after = tier.load("user::1::a", Source::brings(2));
            let given = answer(after).await.expect("a load of its own");
            assert_eq!(
                (number(&given.value), given.source),
                (2, From::Loaded),
                "{name}: it joined the old load"
            );
            gate.open(1);
            let given = answer(before).await.expect("who asked before may get the old row");
            assert_eq!((number(&given.value), given.stored), (1, false), "{name}");
            assert_eq!(tier.get("user::1::a").await, Some(2), "{name}: the old row is back");
        });
    }
}

#[test]
fn a_remove_during_a_load_revokes_it_though_the_key_is_absent() {
    paused(|| async {
        let tier = Alone::new();
        let (source, mut gate) = Source::gated();
        let before = tier.load("user::1", source);
        gate.begun().await;
        let taken =
            tier.ask(|reply| TierRequest::Remove { key: key("user::1"), reply }).await.expect("it serves");
        assert_eq!((taken.matched, taken.revoked_loads), (0, 1));
        gate.open(1);
        assert!(!answer(before).await.expect("the old row").stored);
        assert_eq!(tier.get("user::1").await, None);
    });
}

#[test]
fn a_dry_run_revokes_no_load() {
    paused(|| async {
        let tier = Alone::new();
        let (source, mut gate) = Source::gated();
        let waiting = tier.load("user::1", source);
        gate.begun().await;
        let would = answer(tier.post_invalidate(Scope::All, true)).await.expect("counted");
        assert_eq!(would.revoked_loads, 0);
        gate.open(1);
        assert!(answer(waiting).await.expect("loaded").stored);
    });
}

#[test]
fn a_value_of_another_type_counts_as_absent_for_a_load() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", bulk(10)).await.expect("it fits");
        let wanted = |request: &mut super::LoadRequest| request.wanted = Wanted::of::<u64>();
        let given = answer(tier.load_as("user::1", Source::brings(5), wanted)).await.expect("loaded");
        assert_eq!((number(&given.value), given.source), (5, From::Loaded));
    });
}

#[test]
fn no_more_loads_run_than_allowed_and_those_beyond_the_queue_are_refused() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().load_concurrency(1).load_queue(1));
        let (source, mut runs) = Source::gated();
        let first = tier.load("user::1", source);
        runs.begun().await;
        let (source, mut waits) = Source::gated();
        let second = tier.load("user::2", source);
        let refused = answer(tier.load("user::3", Source::never())).await.expect_err("the queue is full");
        assert_eq!(refused.kind(), ErrorKind::Overloaded);
        assert!(!waits.has_begun(), "only one may run");
        runs.open(1);
        assert!(answer(first).await.is_ok());
        waits.begun().await;
        waits.open(2);
        assert!(answer(second).await.is_ok());
        assert_eq!(tier.shared().counters.overloaded.get(), 1);
    });
}

#[test]
fn a_loader_that_asks_for_another_key_needs_no_place_of_its_own() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().load_concurrency(1).load_queue(0));
        let (source, mut outer) = Source::gated();
        let first = tier.load("user::1", source);
        outer.begun().await;
        let nested = tier.load_as("user::2", Source::brings(2), |request| request.class = Class::Nested);
        assert_eq!(number(&answer(nested).await.expect("it waits for nobody").value), 2);
        outer.open(1);
        assert!(answer(first).await.is_ok());
    });
}

#[test]
fn a_landing_of_a_load_that_nobody_began_changes_nothing() {
    paused(|| async {
        let tier = Alone::new();
        let landed = |id: u64, incarnation: u64| TierRequest::Landed {
            id: RunId(id),
            incarnation,
            outcome: Box::new(Outcome::Loaded(value(1).into())),
            took: Duration::ZERO,
            done: None,
        };
        tier.tell(landed(99, 0));
        assert!(answer(tier.load("user::1", Source::brings(2))).await.is_ok());
        // The same flight once more, and one of another life.
        tier.tell(landed(1, 0));
        tier.tell(landed(1, 7));
        assert_eq!(tier.get("user::1").await, Some(2));
        assert_eq!(tier.shared().counters.loads_ok.get(), 1);
    });
}
