//! A deadline that holds for everything a task asks.
//!
//! Owns: how long a call with a loader waits, and what it says then. Never: waits in real time.

mod common;

use std::future::pending;
use std::time::Duration;

use apex_cache::engine::moment::Moment;
use apex_cache::{Cache, Env, Error, ErrorKind, Settings, Source, cached, with_deadline};

use common::{cache, cache_with, paused};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A load that never ends by itself.
async fn never() -> Result<String, Error> {
    pending().await
}

async fn load(cache: &Cache, key: &str, own: Option<Duration>) -> ErrorKind {
    let call = cache.get_or_load(key, never);
    let call = if let Some(own) = own { call.deadline(own) } else { call };
    call.await.expect_err("the load never ends").kind()
}

#[test]
fn the_soonest_of_task_call_and_settings_counts() {
    paused(|| async {
        let limits = [None, Some(ms(40)), Some(ms(400)), Some(ms(4_000))];
        let cache = cache_with(Settings::default().load_timeout(ms(1_000))).await;
        let mut number = 0;
        for outer in limits {
            for inner in limits {
                for own in limits {
                    number += 1;
                    let key = format!("query::{number}");
                    let clock = Env::simulated(7);
                    let call = load(&cache, &key, own);
                    let kind = match (outer, inner) {
                        (Some(outer), Some(inner)) => with_deadline(outer, with_deadline(inner, call)).await,
                        (Some(one), None) | (None, Some(one)) => with_deadline(one, call).await,
                        (None, None) => call.await,
                    };
                    let case = format!("around {outer:?}, inside {inner:?}, own {own:?}");
                    let task = outer.into_iter().chain(inner).min();
                    let limit = own.unwrap_or(ms(1_000)).min(task.unwrap_or(Duration::MAX));
                    // The load itself ends after load_timeout, whoever waits longer.
                    let (limit, expected) = if limit < ms(1_000) {
                        (limit, ErrorKind::Timeout)
                    } else {
                        (ms(1_000), ErrorKind::LoadTimeout)
                    };
                    let took = clock.now().since(Moment::START);
                    assert!(took >= limit && took <= limit + ms(2), "{case}: took {took:?}, not {limit:?}");
                    assert_eq!(kind, expected, "{case}");
                }
            }
        }
    });
}

#[test]
fn all_calls_of_a_task_share_what_there_is() {
    paused(|| async {
        let cache = cache().await;
        let clock = Env::simulated(7);
        let error = with_deadline(ms(100), async {
            let slow = || async {
                tokio::time::timeout(ms(60), pending::<()>()).await.map_or(Ok::<_, Error>(1), |()| Ok(2))
            };
            assert_eq!(cache.get_or_load("query::first", slow).await.map(|hit| *hit).ok(), Some(1));
            cache.get_or_load("query::second", never).await.expect_err("40 ms are left")
        })
        .await;
        assert!(matches!(error, Error::Timeout { after } if after == ms(100)), "{error}");
        assert!(clock.now().since(Moment::START) <= ms(102), "{:?}", clock.now().since(Moment::START));
    });
}

#[test]
fn a_load_goes_on_and_has_no_deadline_itself() {
    paused(|| async {
        let cache = cache().await;
        let nested = cache.clone();
        let slow = |span| {
            move || async move {
                let _ = tokio::time::timeout(span, pending::<()>()).await;
                Ok::<_, Error>("late".to_owned())
            }
        };
        let outer = move || async move {
            let inside = nested.get_or_load("query::inside", slow(ms(500))).await?;
            Ok::<_, Error>(inside.into_value())
        };
        let gone = with_deadline(ms(50), async { cache.get_or_load("query::outer", outer).await }).await;
        assert_eq!(gone.expect_err("it takes 500 ms").kind(), ErrorKind::Timeout);
        common::advance(ms(600)).await;
        let hit = cache.get::<String>("query::outer").await.expect("a key").expect("the load went on");
        assert_eq!(*hit, "late");
    });
}

#[test]
fn with_nothing_left_memory_is_served_and_no_load_begins() {
    paused(|| async {
        let cache = cache().await;
        cache.set("query::here", &1).await.expect("set");
        with_deadline(Duration::ZERO, async {
            let here = cache.get_or_load("query::here", || async { Ok::<_, Error>(2) }).await.expect("a hit");
            assert_eq!((*here, here.source()), (1, Source::Memory));
            let error = cache.get_or_load("query::absent", never).await.expect_err("no time to load it");
            assert!(matches!(error, Error::Timeout { after } if after.is_zero()), "{error}");
        })
        .await;
        assert_eq!(cache.stats().await.expect("stats").total().loads, 0);
    });
}

#[test]
fn a_change_is_waited_for_whatever_the_deadline() {
    paused(|| async {
        let cache = cache().await;
        with_deadline(Duration::ZERO, async {
            cache.set("query::a", &1).await.expect("a set has its own deadline");
            assert_eq!(cache.invalidate(apex_cache::Scope::All).await.expect("invalidated").matched, 1);
        })
        .await;
    });
}

#[derive(Clone)]
struct Slow(Cache);

impl Slow {
    fn cache(&self) -> &Cache {
        &self.0
    }

    #[cached(key = "query::{number}")]
    async fn twice(&self, number: u32) -> Result<u32, String> {
        let _ = tokio::time::timeout(ms(500), pending::<()>()).await;
        Ok(2 * number)
    }
}

#[test]
fn a_cached_function_is_not_hurried_and_runs_its_body_once() {
    paused(|| async {
        let cache = cache().await;
        let slow = Slow(cache.clone());
        assert_eq!(with_deadline(ms(50), slow.twice(7)).await, Ok(14));
        assert_eq!(with_deadline(Duration::ZERO, slow.twice(8)).await, Ok(16));
        assert_eq!((cache.loads("query::7"), cache.loads("query::8")), (1, 1));
        // Who will not wait gives up; the load goes on.
        assert!(tokio::time::timeout(ms(50), slow.twice(9)).await.is_err());
        common::advance(ms(600)).await;
        assert_eq!(cache.get::<u32>("query::9").await.expect("a key").as_deref(), Some(&18));
    });
}
