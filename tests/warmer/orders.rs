//! Runs by command: scopes, joining, bounds, reports.

use std::sync::atomic::Ordering::SeqCst;

use apex_cache::{ErrorKind, WarmScope};

use super::common::{paused, settle};
use super::{Alone, free, held};

fn tier(name: &str) -> WarmScope {
    WarmScope::Tier(name.into())
}

#[test]
fn a_command_runs_the_sources_of_its_scope_and_reports_each_in_the_order_given() {
    paused(|| async {
        let all = [free("a", "config"), free("b", "user"), free("c", "config")];
        let (sources, runs): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let alone = Alone::new(sources);
        let report = alone.warm(tier("config")).await.expect("they run");
        let names: Vec<(&str, &str, u64)> =
            report.sources.iter().map(|one| (&*one.source, &*one.tier, one.stored)).collect();
        assert_eq!(names, [("a", "config", 1), ("c", "config", 1)]);
        assert_eq!(report.stored(), 2);
        let report = alone.warm(WarmScope::All).await.expect("they run");
        assert_eq!(report.sources.iter().map(|one| &*one.source).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(runs.iter().map(|runs| runs.began()).collect::<Vec<_>>(), [2, 1, 2]);
        assert_eq!(alone.open_tickets(), 0);
    });
}

#[test]
fn a_tier_without_sources_reports_none_and_an_unknown_one_is_refused() {
    paused(|| async {
        let alone = Alone::new(vec![free("a", "config").0]);
        assert!(alone.warm(tier("query")).await.expect("nothing to run").sources.is_empty());
        let error = alone.warm(tier("nothing")).await.expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::UnknownScope);
        assert!(error.to_string().contains("all, config, reference, user, query"), "{error}");
        let none = Alone::new(Vec::new());
        assert!(none.warm(WarmScope::All).await.expect("nothing to run").sources.is_empty());
    });
}

#[test]
fn a_second_command_joins_the_run_under_way_and_both_get_its_report() {
    paused(|| async {
        let (source, runs) = held("a", "config");
        let alone = Alone::new(vec![source]);
        let first = alone.post(WarmScope::All);
        settle().await;
        let second = alone.post(tier("config"));
        settle().await;
        assert_eq!(runs.began(), 1);
        runs.let_go(1);
        for report in [first, second] {
            assert_eq!(report.await.expect("answered").expect("it ran").stored(), 1);
        }
        assert_eq!(runs.began(), 1);
        runs.let_go(1);
        alone.warm(WarmScope::All).await.expect("it runs again");
        assert_eq!(runs.began(), 2, "a run that has ended is not joined");
    });
}

#[test]
fn a_command_joins_the_run_of_the_start() {
    paused(|| async {
        let (source, runs) = held("a", "config");
        let alone = Alone::new(vec![source.at_start()]);
        settle().await;
        let report = alone.post(WarmScope::All);
        settle().await;
        runs.let_go(1);
        assert_eq!(report.await.expect("answered").expect("it ran").stored(), 1);
        assert_eq!(runs.began(), 1);
    });
}

#[test]
fn no_more_runs_are_under_way_at_a_time_than_a_tier_may_have_loads() {
    paused(|| async {
        const NAMES: [&str; 20] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
            "t",
        ];
        let runs = std::sync::Arc::new(super::Runs::default());
        let alone = Alone::new(NAMES.iter().map(|name| super::counted(name, "config", &runs)).collect());
        let report = alone.post(WarmScope::All);
        settle().await;
        assert_eq!(runs.began(), 8);
        runs.let_go(3);
        settle().await;
        assert_eq!(runs.began(), 11, "an end makes room");
        runs.let_go(17);
        assert_eq!(report.await.expect("answered").expect("they ran").stored(), 20);
        assert_eq!((runs.began(), runs.most.load(SeqCst)), (20, 8));
    });
}

#[test]
fn a_command_that_nobody_waits_for_runs_all_the_same() {
    paused(|| async {
        let (source, runs) = free("a", "config");
        let alone = Alone::new(vec![source]);
        drop(alone.post(WarmScope::All));
        settle().await;
        assert_eq!(runs.began(), 1);
        assert_eq!(alone.book.lock().parts.len(), 1);
    });
}
