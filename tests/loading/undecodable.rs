//! Values whose bytes do not make their type any more: a load takes them as absent, a read says so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::{Cache, ErrorKind, Hit, Key, LoadPolicy, Loaded, Reserved, Result, Source as From};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::common::{advance, cache, paused, settle};
use crate::source::{go, join, stats_of};

const KEY: &str = "user::1::x";
const OTHER: &str = "user::2::x";
const S: Duration = Duration::from_secs(1);

/// Writes every number and reads even ones: a type that was changed after its values had been written.
#[derive(Debug, Serialize)]
struct Even(u64);

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if number % 2 == 0 { Ok(Self(number)) } else { Err(D::Error::custom("it is odd")) }
    }
}

/// A cache that holds what cannot be read under [`KEY`], and what can under [`OTHER`].
async fn held() -> Cache {
    let cache = cache().await;
    cache.set(KEY, &Even(1)).await.unwrap();
    cache.set(OTHER, &Even(2)).await.unwrap();
    assert_eq!(cache.get::<Even>(KEY).await.unwrap_err().kind(), ErrorKind::Decode, "a read says so");
    cache
}

fn is_loaded(hit: &Hit<Even>) {
    assert_eq!((hit.0, hit.source(), hit.is_stored()), (4, From::Loaded, true));
}

async fn brings() -> io::Result<Even> {
    Ok(Even(4))
}

#[test]
fn a_load_takes_what_it_cannot_decode_as_absent_and_puts_its_own_in_its_place() {
    paused(async || {
        let cache = held().await;
        is_loaded(&cache.get_or_load(KEY, brings).await.unwrap());
        assert_eq!(cache.get::<Even>(KEY).await.unwrap().unwrap().0, 4);
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.unreadable, stats.wrong_type), (2, 0), "the read, and the load");

        let cache = held().await;
        let load = |_| async { Ok::<_, io::Error>(Loaded::value(Even(4))) };
        is_loaded(&cache.get_or_load_with(KEY, load).await.unwrap().unwrap());
        assert_eq!(cache.get::<Even>(KEY).await.unwrap().unwrap().0, 4);
    });
}

#[test]
fn a_load_of_several_keys_loads_only_those_that_it_cannot_decode() {
    paused(async || {
        let cache = held().await;
        let load = |missing: Vec<Key>| async {
            assert_eq!(missing.iter().map(Key::as_str).collect::<Vec<_>>(), [KEY]);
            Ok::<_, io::Error>(missing.into_iter().map(|key| (key, Even(4))).collect::<Vec<_>>())
        };
        let answers = cache.get_or_load_many([KEY, OTHER, KEY], load).await;
        let numbers: Vec<u64> = answers.into_iter().map(|answer| answer.unwrap().unwrap().0).collect();
        assert_eq!(numbers, [4, 2, 4]);
    });
}

#[test]
fn a_reservation_is_given_where_what_is_held_cannot_be_decoded() {
    paused(async || {
        let cache = held().await;
        let Reserved::Vacant(reservation) = cache.get_or_reserve::<Even>(KEY).await.unwrap() else {
            panic!("it is there")
        };
        assert!(reservation.fill(&Even(4)).await.unwrap().is_stored());
        assert_eq!(cache.get::<Even>(KEY).await.unwrap().unwrap().0, 4);
    });
}

#[test]
fn many_callers_who_cannot_decode_what_is_held_wait_for_one_load() {
    paused(async || {
        let (cache, loads) = (held().await, Arc::new(AtomicU64::new(0)));
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let (cache, loads) = (cache.clone(), Arc::clone(&loads));
                go(async move {
                    let load = move || async move {
                        loads.fetch_add(1, SeqCst);
                        tokio::task::yield_now().await;
                        brings().await
                    };
                    cache.get_or_load(KEY, load).await.unwrap().0
                })
            })
            .collect();
        for call in calls {
            assert_eq!(join(call).await, 4);
        }
        assert_eq!(loads.load(SeqCst), 1);
    });
}

#[test]
fn what_cannot_be_decoded_is_no_fallback_either() {
    paused(async || {
        let cache = cache().await;
        let policy = LoadPolicy::new().ttl(10 * S).stale(10 * S);
        cache.set(KEY, &Even(1)).ttl(10 * S).stale(10 * S).await.unwrap();
        advance(11 * S).await;
        let fails = || async { Err::<Even, _>(io::Error::other("the database is away")) };
        let error = cache.get_or_load(KEY, fails).policy(policy).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoadFailed);
        settle().await;
        is_loaded(&cache.get_or_load(KEY, brings).policy(policy).await.unwrap());
    });
}
