//! Callers come and go; the load stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::{Cache, ErrorKind, Source as From};

use crate::common::{advance, cache, paused, settle};
use crate::source::{Source, go, held, join, stats_of, threads};

const KEY: &str = "user::1::x";

/// A thousand callers of one key.
async fn a_thousand_ask(cache: &Cache) {
    let source = Source::new();
    let gate = source.hold(KEY);
    let calls: Vec<_> = (0..1_000).map(|_| source.ask(cache, KEY)).collect();
    gate.begun().await;
    gate.open();
    let mut by = [0_u32; 3];
    for call in calls {
        let hit = join(call).await.unwrap();
        assert_eq!(hit.version, 1);
        by[match hit.source() {
            From::Loaded => 0,
            From::Joined => 1,
            From::Memory => 2,
            other => panic!("{other:?}"),
        }] += 1;
    }
    assert_eq!((source.reads(), by[0]), (1, 1), "one load, by one of them");
    assert_eq!(by.iter().sum::<u32>(), 1_000);
    let stats = stats_of(cache, "user").await;
    assert_eq!((stats.loads, stats.loads_ok, stats.joined), (1, 1, u64::from(by[1])));
    assert_eq!(stats.reads(), 1_000, "a read that joined counts once");
}

#[test]
fn a_thousand_callers_of_one_key_cause_one_load() {
    paused(async || a_thousand_ask(&cache().await).await);
    threads(async || a_thousand_ask(&Cache::builder().start().await.unwrap()).await);
}

#[test]
fn a_load_goes_on_without_its_caller_and_is_stored() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let call = source.ask(&cache, KEY);
        gate.begun().await;
        call.abort();
        settle().await;
        gate.open();
        advance(Duration::from_millis(1)).await;
        assert_eq!(held(&cache, KEY), Some(1));
        assert_eq!(stats_of(&cache, "user").await.loads_ok, 1);
    });
}

#[test]
fn the_leader_may_leave_again_and_again_and_nobody_else_notices() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let first = source.ask(&cache, KEY);
        gate.begun().await;
        let stays = source.ask(&cache, KEY);
        settle().await;
        first.abort();
        for _ in 0..1_000 {
            let leaves = source.ask(&cache, KEY);
            tokio::task::yield_now().await;
            leaves.abort();
        }
        settle().await;
        gate.open();
        let hit = join(stays).await.unwrap();
        assert_eq!((hit.version, hit.is_stored(), source.reads()), (1, true, 1));
        // The load of the next key begins as if nothing had been.
        assert_eq!(source.get(&cache, "user::2::x").await.unwrap().version, 1);
    });
}

#[test]
fn a_deadline_ends_the_wait_and_not_the_load() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let began = crate::source::clock();
        let call = cache.get_or_load(KEY, source.loader(KEY)).deadline(Duration::from_millis(50));
        let error = call.await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed().as_millis() / 10), (ErrorKind::Timeout, 5));
        gate.open();
        advance(Duration::from_millis(1)).await;
        assert_eq!(held(&cache, KEY), Some(1), "the load went on and was stored");
    });
}

#[test]
fn a_hit_is_ready_at_once_and_its_loader_is_not_called() {
    paused(async || {
        let cache = cache().await;
        cache.set(KEY, &7_u64).await.unwrap();
        advance(Duration::from_secs(5)).await;
        let hit = cache
            .get_or_load(KEY, || async { Err::<u64, _>(std::io::Error::other("was called")) })
            .deadline(Duration::ZERO)
            .await
            .unwrap();
        assert_eq!((*hit, hit.source(), hit.age()), (7, From::Memory, Duration::from_secs(5)));
        assert!(!hit.was_loaded() && hit.is_stored());
    });
}

/// Callers of one key on a runtime that ends, and one on a runtime that stays.
#[test]
fn a_load_that_was_lost_with_its_runtime_is_taken_over_by_the_next_who_waits() {
    threads(async || {
        let (cache, source) = (Cache::builder().start().await.unwrap(), Source::new());
        let other =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let gate = source.hold(KEY);
        let (asks, key) = (cache.clone(), source.loader(KEY));
        other.spawn(async move { asks.get_or_load(KEY, key).await.map(|hit| hit.version) });
        gate.begun().await;

        let own = Source::new();
        own.write(KEY);
        let taken_over = own.hold(KEY);
        let waits = own.ask(&cache, KEY);
        while stats_of(&cache, "user").await.joined == 0 {
            tokio::task::yield_now().await;
        }
        other.shutdown_background();
        taken_over.begun().await;
        taken_over.open();
        let hit = join(waits).await.unwrap();
        assert_eq!((hit.version, hit.is_stored()), (2, true));
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.loads_lost, stats.loads_ok), (2, 1, 1));
    });
}

#[test]
fn a_load_that_was_lost_and_that_nobody_waits_for_leaves_its_key_free() {
    threads(async || {
        let (cache, source) = (Cache::builder().start().await.unwrap(), Source::new());
        let other =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let gate = source.hold(KEY);
        let (asks, load) = (cache.clone(), source.loader(KEY));
        other.spawn(async move { asks.get_or_load(KEY, load).await.map(|hit| hit.version) });
        gate.begun().await;
        other.shutdown_background();
        source.let_go(KEY);
        assert_eq!(source.get(&cache, KEY).await.unwrap().version, 1);
    });
}

#[test]
fn callers_on_many_threads_with_random_ends_all_learn_of_the_value_or_leave() {
    threads(async || {
        let (cache, calls) = (Cache::builder().start().await.unwrap(), Arc::new(AtomicU64::new(0)));
        for round in 0..50_u64 {
            let key = format!("user::{round}::x");
            let tasks: Vec<_> = (0..40_u64)
                .map(|caller| {
                    let (cache, key, calls) = (cache.clone(), key.clone(), Arc::clone(&calls));
                    go(async move {
                        let load = cache.get_or_load(key, move || async move {
                            calls.fetch_add(1, SeqCst);
                            tokio::task::yield_now().await;
                            Ok::<_, std::io::Error>(round)
                        });
                        if caller % 3 == 0 {
                            // Gives up after one look.
                            tokio::select! {
                                biased;
                                hit = load => Some(*hit.unwrap()),
                                () = std::future::ready(()) => None,
                            }
                        } else {
                            Some(*load.await.unwrap())
                        }
                    })
                })
                .collect();
            for (caller, task) in tasks.into_iter().enumerate() {
                let got = join(task).await;
                assert!(got == Some(round) || (got.is_none() && caller % 3 == 0), "{caller}: {got:?}");
            }
        }
        assert_eq!(calls.load(SeqCst), 50, "one load for each key");
    });
}

#[test]
fn ten_thousand_callers_of_a_cold_key_cause_one_load_though_every_third_of_them_leaves_the_first_among_them()
{
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let calls: Vec<_> = (0..10_000).map(|_| source.ask(&cache, KEY)).collect();
        gate.begun().await;
        settle().await;
        for leaves in calls.iter().step_by(3) {
            leaves.abort();
        }
        settle().await;
        gate.open();
        let mut answered = 0;
        for (place, call) in calls.into_iter().enumerate() {
            match call.await {
                Ok(hit) => {
                    assert!(hit.unwrap().is_stored());
                    answered += 1;
                }
                Err(left) => assert!(left.is_cancelled() && place % 3 == 0),
            }
        }
        assert_eq!((answered, source.reads()), (6_666, 1));
    });
}
