//! What ends at the wrong moment: a runtime before its warm run, a tier before it answers, a cache under its callers.

#[path = "common/source.rs"]
mod source;

use std::time::Duration;

use apex_cache::message::{Break, Breaks, Remove, Set, SetMany};
use apex_cache::{Cache, Error, Key, WarmEntries, WarmScope, WarmSource};
use source::{go, soon, threads};

fn key(number: u64) -> Key {
    Key::of("user").part(number).finish().expect("a key")
}

#[test]
fn a_warm_run_whose_runtime_is_gone_is_reported_and_can_be_asked_for_again() {
    let host = tokio::runtime::Runtime::new().expect("a runtime");
    let source =
        WarmSource::new("rows", "config", |_run| async { WarmEntries::new().with("config::rows", &1) });
    let cache = host.block_on(Cache::builder().warm(source).start()).expect("it starts");
    host.shutdown_timeout(Duration::from_secs(5));
    let other = tokio::runtime::Runtime::new().expect("another");
    for _ in 0..2 {
        let report = other.block_on(cache.warm(WarmScope::All)).expect("it is answered");
        let error = report.sources[0].error.as_deref().unwrap_or_default();
        assert!(error.contains("was lost with the runtime"), "{error:?}");
    }
}

#[test]
fn what_a_dying_tier_answers_to_a_remove_is_true_at_that_moment() {
    threads(|| async {
        for round in 0..8 {
            let cache = Cache::builder().start().await.expect("it starts");
            let entries = (0..5_000).map(|number| Set::of(key(number), &round).expect("encoded")).collect();
            cache.supervisor().send(SetMany::new(entries)).await.expect("there is room");
            let supervisor = cache.supervisor();
            // One batch: the tier dies over the first, and the second is dropped while it does.
            drop(supervisor.send(Break::new(Breaks::Tier("user".into()))));
            let removed = supervisor.send(Remove::new(key(7))).await;
            let found = cache.get::<i32>(&key(7)).await.expect("one type");
            assert!(found.is_none(), "round {round}: {removed:?}, and then the old value was read");
            assert!(matches!(removed, Ok(_) | Err(Error::Partial { .. })), "{removed:?}");
        }
    });
}

#[test]
fn no_call_is_left_without_an_answer_when_a_cache_ends_under_its_callers() {
    threads(|| async {
        for _ in 0..40 {
            let cache = Cache::builder().start().await.expect("it starts");
            let callers: Vec<_> = (0..4)
                .map(|caller| {
                    let cache = cache.clone();
                    go(async move { while !matches!(cache.remove(key(caller)).await, Err(Error::Closed)) {} })
                })
                .collect();
            cache.shutdown().await.expect("it ends");
            for caller in callers {
                soon("an answer to every call", caller).await.expect("no caller panics");
            }
        }
    });
}
