//! Loads of several keys whose callers give up, or are loaders themselves.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use apex_cache::{Error, ErrorKind, Key, Settings, with_deadline};
use tokio::sync::Semaphore;

use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::{clock, go, held, info_of, join};

use crate::source::Row;

fn rows(keys: Vec<Key>) -> Vec<(Key, Row)> {
    keys.into_iter().map(|key| (key.clone(), Row { key: key.to_string(), version: 1 })).collect()
}

#[test]
fn a_deadline_ends_the_wait_for_all_keys_and_the_load_goes_on() {
    paused(async || {
        let cache = cache().await;
        let open = Arc::new(Semaphore::new(0));
        let load = |open: &Arc<Semaphore>| {
            let open = Arc::clone(open);
            move |keys| {
                let open = Arc::clone(&open);
                async move {
                    open.acquire().await.unwrap().forget();
                    Ok::<_, io::Error>(rows(keys))
                }
            }
        };
        let began = clock();
        let keys = ["user::1", "user::2", "query::1"];
        let answer = cache.get_or_load_many(keys, load(&open)).deadline(Duration::from_secs(1)).await;
        assert!(answer.iter().all(|one| one.as_ref().unwrap_err().kind() == ErrorKind::Timeout));
        assert_eq!(began.elapsed().as_secs(), 1, "together, not one after the other");
        let call =
            with_deadline(Duration::from_secs(1), cache.get_or_load_many(keys, load(&open)).into_future());
        assert!(call.await.iter().all(|one| one.as_ref().unwrap_err().kind() == ErrorKind::Timeout));
        assert_eq!(began.elapsed().as_secs(), 2);
        // A caller that is dropped takes nothing back either.
        let gone = cache.get_or_load_many(["user::3"], load(&open)).into_future();
        assert!(tokio::time::timeout(Duration::from_millis(1), gone).await.is_err());
        open.add_permits(3);
        settle().await;
        let held = ["user::1", "user::2", "query::1", "user::3"].map(|key| held(&cache, key));
        assert_eq!(held, [Some(1); 4]);
    });
}

#[test]
fn a_loader_of_several_keys_that_asks_for_one_of_them_is_told_at_once_and_may_ask_for_others() {
    paused(async || {
        let (cache, began) = (cache_with(Settings::default().load_concurrency(1)).await, clock());
        let inner = cache.clone();
        let load = move |keys: Vec<Key>| {
            let inner = inner.clone();
            async move {
                let others = |keys| async { Ok::<_, io::Error>(rows(keys)) };
                let asked = [keys[1].clone(), Key::parse("user::9").unwrap()];
                let answer = inner.get_or_load_many(asked, others).await;
                assert_eq!(answer[0].as_ref().unwrap_err().kind(), ErrorKind::Reentrant);
                assert!(answer[1].as_ref().unwrap().as_ref().unwrap().is_stored());
                Ok::<_, Error>(rows(keys))
            }
        };
        let answer = cache.get_or_load_many(["user::1", "user::2"], load).await;
        assert!(answer.iter().all(Result::is_ok), "{answer:?}");
        assert!(began.elapsed() < Duration::from_millis(10), "it needs no second place");
    });
}

/// Panics when it is dropped.
struct Rude;

impl Drop for Rude {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn what_a_loader_captured_may_panic_when_it_is_dropped() {
    paused(async || {
        let settings = Settings::default().load_concurrency(1);
        let cache = cache_with(settings).await;
        let call = |keys: &'static [&'static str]| {
            let (cache, rude) = (cache.clone(), Rude);
            go(async move {
                let load = move |keys| {
                    let _captured = &rude;
                    async { Ok::<_, io::Error>(rows(keys)) }
                };
                cache.get_or_load_many(keys.iter().copied(), load).await.len()
            })
        };
        // Its last owner may be the caller, the load or the tier; none of them takes anything else with it.
        let calls = [call(&["user::1", "user::2"]), call(&["user::2"]), call(&["user::3"])];
        for ended in calls {
            let _ = ended.await;
        }
        advance(Duration::from_secs(1)).await;
        let info = info_of(&cache, "user").await;
        assert_eq!((info.entries, info.loads), (3, (0, 0)));
        assert_eq!(join(go(async move { cache.stats().await })).await.unwrap().tiers.len(), 4);
    });
}
