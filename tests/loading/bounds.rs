//! How many loads run and wait at a time, and what happens to those beyond.

use std::time::Duration;

use apex_cache::message::{Break, Breaks};
use apex_cache::{Settings, Source as From, WarmEntries, WarmScope, WarmSource};

use crate::common::{advance, cache_with, inline, paused, settle};
use crate::source::{Source, clock, go, info_of, join, stats_of};

#[test]
fn only_so_many_loads_run_at_a_time_and_the_others_wait() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().load_concurrency(4)).await, Source::new());
        let gates: Vec<_> = (0..100).map(|number| source.hold(&format!("user::{number}::x"))).collect();
        let calls: Vec<_> =
            (0..100).map(|number| source.ask(&cache, &format!("user::{number}::x"))).collect();
        settle().await;
        assert_eq!(info_of(&cache, "user").await.loads, (4, 96));
        assert_eq!(source.reads(), 4);
        for gate in gates {
            gate.open();
            settle().await;
        }
        for call in calls {
            assert!(join(call).await.unwrap().is_stored());
        }
        assert_eq!((source.reads(), source.most_at_once()), (100, 4));
        assert_eq!(info_of(&cache, "user").await.loads, (0, 0));
    });
}

#[test]
fn past_the_queue_a_call_runs_its_loader_itself_and_no_more_than_the_tier_would() {
    let settings = Settings::default().load_concurrency(2).load_queue(3);
    paused(async || {
        let (cache, source) = (cache_with(settings).await, Source::new());
        let gates: Vec<_> = (0..20).map(|number| source.hold(&format!("user::{number}::x"))).collect();
        let calls: Vec<_> = (0..20).map(|number| source.ask(&cache, &format!("user::{number}::x"))).collect();
        settle().await;
        assert_eq!(source.reads(), 2, "the tier and those past it share the places");
        for gate in gates {
            gate.open();
        }
        let mut bypassed = 0;
        for call in calls {
            let hit = join(call).await.unwrap();
            assert_eq!((hit.version, hit.source() == From::Bypass), (1, !hit.is_stored()));
            bypassed += u64::from(hit.source() == From::Bypass);
        }
        let stats = stats_of(&cache, "user").await;
        assert_eq!((bypassed, stats.bypassed, stats.overloaded, stats.loads), (15, 15, 15, 5));
        assert_eq!(source.most_at_once(), 2);
    });
}

#[test]
fn a_caller_of_a_key_that_is_being_loaded_joins_even_when_the_queue_is_full() {
    let settings = Settings::default().load_concurrency(1).load_queue(0);
    paused(async || {
        let (cache, source) = (cache_with(settings).await, Source::new());
        let gate = source.hold("user::1::x");
        let leads = source.ask(&cache, "user::1::x");
        gate.begun().await;
        let joins = source.ask(&cache, "user::1::x");
        settle().await;
        gate.open();
        assert_eq!(join(joins).await.unwrap().source(), From::Joined);
        assert_eq!(join(leads).await.unwrap().source(), From::Loaded);
    });
}

#[test]
fn loads_of_one_tier_take_no_places_of_another() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().load_concurrency(1)).await, Source::new());
        let gate = source.hold("user::1::x");
        let blocks = source.ask(&cache, "user::1::x");
        gate.begun().await;
        for key in ["query::1", "config::1", "products::1"] {
            assert!(source.get(&cache, key).await.unwrap().is_stored());
        }
        gate.open();
        join(blocks).await.unwrap();
    });
}

#[test]
fn a_load_that_waits_for_a_place_is_not_made_stale_by_an_invalidation() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().load_concurrency(1)).await, Source::new());
        let gate = source.hold("user::1::x");
        let runs = source.ask(&cache, "user::1::x");
        gate.begun().await;
        let waits = source.ask(&cache, "user::2::x");
        settle().await;
        source.write("user::2::x");
        assert_eq!(cache.remove("user::2::x").await.unwrap().revoked_loads, 0, "it has read nothing yet");
        gate.open();
        let hit = join(waits).await.unwrap();
        assert_eq!((hit.version, hit.is_stored()), (2, true));
        join(runs).await.unwrap();
        advance(Duration::from_millis(1)).await;
        assert_eq!(source.reads(), 2);
    });
}

#[test]
fn after_much_was_invalidated_at_once_loads_start_slowly_and_soon_all_places_are_free_again() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().load_concurrency(16)).await, Source::new());
        for number in 0..1_000_u64 {
            cache
                .set(format!("user::{number}::x"), &source.row(&format!("user::{number}::x")))
                .await
                .unwrap();
        }
        cache.clear().await.unwrap();
        let gates: Vec<_> = (0..100).map(|number| source.hold(&format!("user::{number}::x"))).collect();
        let calls: Vec<_> =
            (0..100).map(|number| source.ask(&cache, &format!("user::{number}::x"))).collect();
        settle().await;
        assert_eq!(source.reads(), 4, "a quarter");
        let mut begun = Vec::new();
        for gate in gates {
            begun.push(info_of(&cache, "user").await.loads.0);
            gate.open();
            settle().await;
        }
        assert_eq!(
            begun[..13],
            [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
            "one more each time that one ends"
        );
        assert_eq!(source.most_at_once(), 16);
        for call in calls {
            join(call).await.unwrap();
        }
    });
}

#[test]
fn a_warm_run_gives_way_to_callers_who_wait_for_loads_but_not_for_ever() {
    paused(async || {
        let read = Source::new();
        let rows = read.clone();
        let warm = WarmSource::new("all", "user", move |_run| {
            let read = rows.clone().read("user::warm".to_owned());
            async move { Ok::<_, apex_cache::BoxError>(WarmEntries::new().with("user::warm", &read.await?)?) }
        });
        let settings = Settings::default().load_concurrency(1).load_timeout(Duration::from_secs(5));
        let cache = inline().settings(settings).warm(warm).start().await.unwrap();
        let source = Source::new();
        for (patience, wait) in [(1, 1), (60, 5)] {
            let before = read.reads();
            let key = format!("user::{patience}::x");
            let gate = source.hold(&key);
            let call = {
                let (cache, load, key) = (cache.clone(), source.loader(&key), key.clone());
                go(async move { cache.get_or_load(key, load).timeout(Duration::from_secs(90)).await })
            };
            gate.begun().await;
            let (warming, began) = (cache.clone(), clock());
            let run = go(async move { warming.warm(WarmScope::Tier("user".into())).await });
            advance(Duration::from_millis(500)).await;
            assert_eq!(read.reads(), before, "the only place is taken");
            if patience == 1 {
                gate.open();
            }
            assert_eq!(run.await.unwrap().unwrap().stored(), 1);
            let waited = began.elapsed();
            assert!(waited <= Duration::from_secs(wait) + Duration::from_millis(200), "{waited:?}");
            gate.open();
            join(call).await.unwrap();
        }
    });
}

#[test]
fn loads_of_a_tier_and_past_it_take_turns_and_no_place_is_lost() {
    let settings = Settings::default().load_concurrency(1).load_queue(2);
    paused(async || {
        let (cache, source) = (cache_with(settings).await, Source::new());
        for round in 0..20 {
            let key = |number| format!("user::{round}::{number}");
            let gates: Vec<_> = (0..9).map(|number| source.hold(&key(number))).collect();
            let calls: Vec<_> = (0..9).map(|number| source.ask(&cache, &key(number))).collect();
            settle().await;
            gates.into_iter().for_each(|gate| gate.open());
            for call in calls {
                assert_eq!(join(call).await.unwrap().version, 1);
            }
        }
        assert_eq!(source.most_at_once(), 1);
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.bypassed), (60, 120));
    });
}

#[test]
fn places_of_a_tier_that_breaks_stay_taken_until_its_loads_end() {
    let settings = Settings::default().load_concurrency(2);
    paused(async || {
        let (cache, source) = (cache_with(settings).await, Source::new());
        let gates: Vec<_> = (0..6).map(|number| source.hold(&format!("user::{number}::x"))).collect();
        let calls: Vec<_> = (0..6).map(|number| source.ask(&cache, &format!("user::{number}::x"))).collect();
        settle().await;
        for how in [Breaks::Turn("user".into()), Breaks::Tier("user".into())] {
            cache.supervisor().send(Break::new(how)).await.unwrap();
            settle().await;
            assert_eq!(source.reads(), 2);
        }
        let late = source.ask(&cache, "user::late");
        settle().await;
        assert_eq!(source.reads(), 2);
        for gate in gates {
            gate.open();
        }
        for call in calls {
            assert_eq!(join(call).await.unwrap().version, 1);
        }
        assert_eq!(join(late).await.unwrap().version, 1);
        assert_eq!((source.most_at_once(), source.reads()), (2, 7));
    });
}
