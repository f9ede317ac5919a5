//! A warmer that dies, and the one that takes its place.

use actix::Actor;

use apex_cache::actor::request::ToWarmer;
use apex_cache::actor::{Reply, Warmer, Who};
use apex_cache::message::{SourceReport, Warm};
use apex_cache::{ErrorKind, Settings, WarmScope, WarmSource};

use super::common::{advance, paused, settle};
use super::recorders::mortal;
use super::{Alone, SECOND, free, held};

/// A warmer that has had its first turns, and the way to end it.
async fn mortal_warmer(sources: Vec<WarmSource>) -> (Alone, tokio::sync::oneshot::Sender<()>) {
    let mut death = None;
    let alone = Alone::started(&Settings::default().load_concurrency(8), sources, |warmer| {
        let (addr, die) = mortal(warmer);
        death = Some(die);
        addr
    });
    settle().await;
    (alone, death.expect("it was started"))
}

async fn replace(alone: &mut Alone, die: tokio::sync::oneshot::Sender<()>) {
    die.send(()).expect("it lives");
    settle().await;
    assert_eq!(alone.wiring.deaths(), [Who::Warmer]);
    alone.addr = Warmer::new(&alone.wiring).start();
    settle().await;
}

#[test]
fn the_new_warmer_takes_commands_and_runs_what_is_due() {
    paused(|| async {
        let (source, runs) = free("a", "config");
        let (mut alone, die) = mortal_warmer(vec![source.every(100 * SECOND)]).await;
        advance(50 * SECOND).await;
        replace(&mut alone, die).await;
        assert_eq!(alone.warm(WarmScope::All).await.expect("it runs").stored(), 1);
        advance(102 * SECOND).await;
        assert_eq!(runs.began(), 2, "one timer, not that of the dead one beside its own");
    });
}

#[test]
fn a_source_at_start_that_has_run_is_not_run_again() {
    paused(|| async {
        let (source, runs) = free("a", "config");
        let (mut alone, die) = mortal_warmer(vec![source.at_start()]).await;
        let before = runs.began();
        replace(&mut alone, die).await;
        advance(100 * SECOND).await;
        assert_eq!(runs.began(), before);
        // And its run has ended: the new warmer does not wait for it.
        let again = tokio::time::timeout(SECOND, alone.warm(WarmScope::All)).await;
        assert_eq!(again.expect("nothing is under way").expect("it runs").stored(), 1);
    });
}

#[test]
fn who_waits_for_a_run_when_the_warmer_dies_is_told() {
    paused(|| async {
        let (source, runs) = held("a", "config");
        let (mut alone, die) = mortal_warmer(vec![source]).await;
        let report = alone.post(WarmScope::All);
        settle().await;
        replace(&mut alone, die).await;
        let error = report.await.expect("answered").expect_err("it died");
        assert_eq!(error.kind(), ErrorKind::TierRestarting);
        assert_eq!(runs.began(), 1);
    });
}

#[test]
fn a_run_that_outlives_its_warmer_is_joined_not_doubled() {
    paused(|| async {
        let (source, runs) = held("a", "config");
        let (mut alone, die) = mortal_warmer(vec![source]).await;
        drop(alone.post(WarmScope::All));
        settle().await;
        assert_eq!(runs.began(), 1);
        replace(&mut alone, die).await;
        let mut report = alone.post(WarmScope::All);
        settle().await;
        assert_eq!(runs.began(), 1, "one run of a source at a time");
        assert!(report.try_recv().is_err());
        runs.let_go(1);
        assert_eq!(report.await.expect("answered").expect("it ran").stored(), 1);
        runs.let_go(1);
        alone.warm(WarmScope::All).await.expect("it runs again");
        assert_eq!((runs.began(), alone.open_tickets()), (2, 0));
    });
}

#[test]
fn runs_that_outlive_their_warmer_count_against_the_bound_of_the_next() {
    paused(|| async {
        let runs = std::sync::Arc::new(super::Runs::default());
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let sources = names.iter().map(|name| super::counted(name, "config", &runs)).collect();
        let (mut alone, die) = mortal_warmer(sources).await;
        drop(alone.post(WarmScope::All));
        settle().await;
        assert_eq!(runs.began(), 8);
        replace(&mut alone, die).await;
        let report = alone.post(WarmScope::All);
        settle().await;
        assert_eq!(runs.began(), 8);
        runs.let_go(10);
        assert_eq!(report.await.expect("answered").expect("they ran").stored(), 10);
        assert_eq!(runs.most.load(std::sync::atomic::Ordering::SeqCst), 8);
    });
}

#[test]
fn an_end_that_was_reported_twice_or_of_a_run_that_nobody_began_changes_nothing() {
    paused(|| async {
        let (source, runs) = held("a", "config");
        let alone = Alone::new(vec![source]);
        let ended = |source| ToWarmer::Ended { source, user: None, report: SourceReport::default() };
        alone.addr.do_send(ended(0));
        alone.addr.do_send(ended(99));
        let report = alone.post(WarmScope::All);
        settle().await;
        runs.let_go(1);
        assert_eq!(report.await.expect("answered").expect("it ran").stored(), 1);
        alone.addr.do_send(ended(0));
        let (reply, again) = Reply::new("control".into());
        alone.addr.do_send(ToWarmer::Warm(Warm::new(WarmScope::All), reply));
        runs.let_go(1);
        assert_eq!(again.await.expect("answered").expect("it ran").stored(), 1);
    });
}
