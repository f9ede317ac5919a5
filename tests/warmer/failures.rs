//! Failures: tried again after pauses that double, told, never fatal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use apex_cache::actor::Request;
use apex_cache::engine::moment::Moment;
use apex_cache::message::Stats;
use apex_cache::{Env, WarmEntries, WarmScope, WarmSource};
use parking_lot::Mutex;

use super::common::{advance, paused, settle};
use super::{Alone, Io, SECOND, free};

/// A source that fails `failures` times, and notes when it was asked.
fn fails(failures: u64, asked: &Arc<Mutex<Vec<Moment>>>) -> WarmSource {
    let (asked, left, env) = (Arc::clone(asked), AtomicU64::new(failures), Env::simulated(7));
    WarmSource::new("fails", "config", move |_run| {
        asked.lock().push(env.now());
        let fails = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        async move { if fails { Err(Io::other("no connection")) } else { Ok(WarmEntries::new()) } }
    })
}

fn pauses(asked: &Mutex<Vec<Moment>>) -> Vec<u64> {
    asked.lock().windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect()
}

#[test]
fn a_source_that_fails_is_tried_again_after_pauses_that_double_up_to_five_minutes() {
    paused(|| async {
        let asked = Arc::default();
        let alone = Alone::new(vec![fails(12, &asked).at_start()]);
        advance(10_000 * SECOND).await;
        assert_eq!(pauses(&asked), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(asked.lock().len(), 13, "it succeeded, so it is not run again");
        assert_eq!(alone.open_tickets(), 0);
    });
}

#[test]
fn after_a_success_the_pauses_begin_anew() {
    paused(|| async {
        let asked = Arc::default();
        let alone = Alone::new(vec![fails(3, &asked).every(1_000 * SECOND)]);
        advance(1_008 * SECOND).await;
        assert_eq!(pauses(&asked), [1, 2, 4]);
        advance(1_000 * SECOND).await;
        assert_eq!(pauses(&asked), [1, 2, 4, 1_000]);
        drop(alone);
    });
}

#[test]
fn a_source_that_runs_by_command_only_is_not_tried_again_by_itself() {
    paused(|| async {
        let asked = Arc::default();
        let alone = Alone::new(vec![fails(1, &asked)]);
        let report = alone.warm(WarmScope::All).await.expect("it was run");
        assert_eq!(report.sources[0].error.as_deref(), Some("no connection"));
        advance(10_000 * SECOND).await;
        assert_eq!(asked.lock().len(), 1);
        assert!(alone.warm(WarmScope::All).await.expect("it was run").sources[0].error.is_none());
    });
}

#[test]
fn a_failure_of_one_source_keeps_no_other_back() {
    paused(|| async {
        let asked = Arc::default();
        let (source, runs) = free("b", "config");
        let alone = Alone::new(vec![fails(100, &asked).at_start(), source.at_start()]);
        settle().await;
        assert_eq!(runs.began(), 1);
        let report = alone.warm(WarmScope::All).await.expect("both were run");
        assert!(report.sources[0].error.is_some() && report.sources[1].error.is_none());
        assert_eq!(report.stored(), 1);
    });
}

#[test]
fn a_source_that_panics_is_a_failure_like_any_other_wherever_it_panics() {
    paused(|| async {
        let in_call = WarmSource::new("call", "config", |run| {
            assert!(run.user().len() > 99, "asked to panic");
            async { Ok::<_, Io>(WarmEntries::new()) }
        });
        let in_future = WarmSource::new("future", "config", |run| async move {
            assert!(run.user().len() > 99, "asked to panic");
            Ok::<_, Io>(WarmEntries::new())
        });
        let (source, _) = free("b", "config");
        let alone = Alone::new(vec![in_call, in_future, source]);
        let report = alone.warm(WarmScope::All).await.expect("all were run");
        for one in &report.sources[..2] {
            assert!(one.error.as_deref().is_some_and(|error| error.contains("panicked")), "{one:?}");
        }
        assert_eq!((report.stored(), alone.open_tickets()), (1, 0));
        assert!(alone.wiring.deaths().is_empty());
    });
}

#[test]
fn failures_and_successes_show_in_the_statistics() {
    paused(|| async {
        let asked = Arc::default();
        let alone = Alone::new(vec![fails(2, &asked)]);
        let stats = actix::Actor::start(apex_cache::actor::StatsActor::new(&alone.wiring));
        for (runs, failures) in [(0, 1), (0, 2), (1, 2)] {
            alone.warm(WarmScope::All).await.expect("it was run");
            let warm = &Stats.post(&alone.wiring).await.expect("answered").warm[0];
            assert_eq!((warm.runs, warm.failures), (runs, failures));
            assert_eq!(warm.last_error.is_some(), runs == 0);
        }
        drop(stats);
    });
}

#[test]
fn a_run_that_is_dropped_with_its_runtime_begins_again_on_that_of_the_cache() {
    // The host's runtime ends while the cache lives on.
    let host = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (source, runs) = super::held("a", "config");
    let mut report = None;
    let cache = host.block_on(async {
        let cache = apex_cache::Cache::builder().warm(source).start().await.expect("it starts");
        report = Some(cache.supervisor().send(apex_cache::message::Warm::new(WarmScope::All)));
        while runs.began() == 0 {
            tokio::task::yield_now().await;
        }
        cache
    });
    host.shutdown_background();
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    other.block_on(async {
        runs.let_go(2);
        let report = report.expect("it was sent").await.expect("it was run");
        assert_eq!((report.sources[0].error.as_deref(), runs.began()), (None, 2));
        cache.shutdown().await.expect("it ends");
    });
}
