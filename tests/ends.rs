//! What ends at the wrong moment: a runtime before its warm run, a tier before it answers, a cache under its callers.

#[path = "common/source.rs"]
mod source;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::message::{Break, Breaks, Remove, Set, SetMany};
use apex_cache::{Cache, Error, Event, Key, WarmEntries, WarmRun, WarmScope, WarmSource};
use source::{go, soon, threads};

fn key(number: u64) -> Key {
    Key::of("user").part(number).finish().expect("a key")
}

#[test]
fn warm_runs_and_listeners_go_on_when_the_runtime_of_their_host_is_gone() {
    let host = tokio::runtime::Runtime::new().expect("a runtime");
    let source =
        WarmSource::new("rows", "config", |_run| async { WarmEntries::new().with("config::rows", &1) });
    let row = |run: WarmRun| async move {
        let user = run.user().to_owned();
        WarmEntries::new().with(format!("user::{user}::row"), &user)
    };
    let users = WarmSource::new("users", "user", row).on_user_active();
    // One that the cache waits for, and that hangs on the first runtime for good.
    let hangs = Arc::new(AtomicBool::new(true));
    let required = WarmSource::new("must", "config", {
        let hangs = Arc::clone(&hangs);
        move |_run| {
            let hangs = hangs.swap(false, SeqCst);
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                WarmEntries::new().with("config::must", &1)
            }
        }
    });
    let (tell, told) = std::sync::mpsc::channel();
    let builder = Cache::builder().warm(source).warm(users).warm(required.required());
    let builder = builder.on_event(move |event| {
        if matches!(event, Event::Removed { .. }) {
            let _ = tell.send(());
        }
    });
    let cache = host.block_on(builder.start()).expect("it starts");
    while hangs.load(SeqCst) {
        std::thread::yield_now();
    }
    host.shutdown_timeout(Duration::from_secs(5));
    for _ in 0..2 {
        let other = tokio::runtime::Runtime::new().expect("another");
        other.block_on(async {
            soon("the required source", cache.ready()).await.expect("it has run");
            let report = cache.warm(WarmScope::Tier("config".into())).await.expect("it is answered");
            assert!(report.sources.iter().all(|source| source.error.is_none()), "{report:?}");
            assert!(cache.user_active("7").await.expect("it is answered"));
            // Waits for that run, or runs it again.
            cache.warm(WarmScope::Tier("user".into())).await.expect("it is answered");
            assert!(cache.contains("user::7::row").expect("a key"));
            cache.remove("user::7::row").await.expect("it is removed");
            cache.clear().await.expect("everything goes, and who was warmed with it");
        });
        told.recv_timeout(Duration::from_secs(30)).expect("the listener is told");
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
