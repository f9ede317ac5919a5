//! Every call with a loader: `get_or_load` and its kin, several keys, reservations, messages, and calls past a broken cache.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::message::{Break, Breaks, GetOrLoad, Set};
use apex_cache::{Cache, ErrorKind, Filled, Key, Loaded, Reserved, Source as From};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Bomb, Comment, Handle, Repo, Session, thread};
use crate::common::{cache, paused, settle};
use crate::source::{go, join, soon, stats_of};

const KEY: &str = "user::1::x";

/// Each call is given what `make` returns, each runs one load, and nothing is kept.
async fn given_and_not_stored<T>(make: fn() -> T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync + 'static,
{
    let cache = cache().await;
    let loads = Arc::new(AtomicU64::new(0));
    let load = || {
        let loads = Arc::clone(&loads);
        move || async move {
            loads.fetch_add(1, SeqCst);
            Ok::<_, io::Error>(make())
        }
    };
    for times in 1..=2 {
        let hit = cache.get_or_load(KEY, load()).await.unwrap();
        assert_eq!((&*hit, hit.source(), hit.is_stored()), (&make(), From::Loaded, false));
        assert_eq!(loads.load(SeqCst), times);
    }
    let found = cache
        .get_or_find(KEY, move || async move { Ok::<_, io::Error>(Some(make())) })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(*found, make());
    let with = move |_| async move { Ok::<_, io::Error>(Loaded::value(make()).ttl(Duration::from_secs(5))) };
    assert_eq!(*cache.get_or_load_with(KEY, with).await.unwrap().unwrap(), make());
    assert!(!cache.contains(KEY).unwrap());
    let stats = stats_of(&cache, "user").await;
    assert_eq!((stats.unreadable, stats.loads_ok, stats.loads_failed, stats.wrong_type), (4, 4, 0, 0));
}

#[test]
fn what_cannot_be_read_back_is_given_to_its_caller_and_not_stored() {
    paused(async || {
        given_and_not_stored(|| Repo { open_issues: 3 }).await;
        given_and_not_stored(|| thread(300)).await;
        given_and_not_stored(|| Handle(3)).await;
        given_and_not_stored(|| Bomb(3)).await;
    });
}

#[test]
fn all_who_wait_are_given_what_the_one_load_returned() {
    paused(async || {
        let (cache, loads) = (cache().await, Arc::new(AtomicU64::new(0)));
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let (cache, loads) = (cache.clone(), Arc::clone(&loads));
                go(async move {
                    let load = move || async move {
                        loads.fetch_add(1, SeqCst);
                        settle().await;
                        Ok::<_, io::Error>(Handle(7))
                    };
                    let hit = cache.get_or_load(KEY, load).await.unwrap();
                    (hit.0, std::ptr::from_ref(&*hit).addr())
                })
            })
            .collect();
        let mut places = Vec::new();
        for call in calls {
            let (number, place) = join(call).await;
            assert_eq!(number, 7);
            places.push(place);
        }
        assert_eq!(loads.load(SeqCst), 1);
        assert_eq!(stats_of(&cache, "user").await.unreadable, 1);
    });
}

#[test]
fn the_caller_is_given_the_value_itself_and_others_a_copy() {
    paused(async || {
        let cache = cache().await;
        let session = Session { user: "Ann".to_owned(), secret: 7 };
        let loaded = session.clone();
        let hit = cache.get_or_load(KEY, || async { Ok::<_, io::Error>(loaded) }).await.unwrap();
        assert_eq!((hit.secret, hit.is_stored()), (7, true));
        assert_eq!(hit.into_value(), session);
        assert_eq!(cache.get::<Session>(KEY).await.unwrap().unwrap().secret, 0);
    });
}

#[test]
fn an_older_value_goes_when_the_new_one_cannot_be_read() {
    paused(async || {
        let cache = cache().await;
        let old = |_| async { Ok::<_, io::Error>(Loaded::value(thread(1)).ttl(Duration::from_secs(1))) };
        cache.get_or_load_with(KEY, old).stale(Duration::from_secs(60)).await.unwrap();
        crate::common::advance(Duration::from_secs(2)).await;
        let hit = cache.get_or_load(KEY, || async { Ok::<_, io::Error>(thread(300)) }).await.unwrap();
        assert_eq!(hit.replies.len(), 1);
        let fails = || async { Err::<Comment, _>(io::Error::other("away")) };
        let error = cache.get_or_load(KEY, fails).stale(Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoadFailed, "the older value is no fallback any more");
    });
}

#[test]
fn one_of_several_keys_that_cannot_be_read_costs_the_others_nothing() {
    paused(async || {
        let cache = cache().await;
        let keys = ["user::1::x", "user::2::x"];
        let load = |missing: Vec<Key>| async {
            let levels = |key: &Key| if key.as_str() == KEY { 300 } else { 1 };
            let mut found: Vec<_> =
                missing.into_iter().map(|key| (key.clone(), thread(levels(&key)))).collect();
            found.push((Key::parse("user::3::x")?, thread(300)));
            found.push((Key::parse("user::4::x")?, thread(2)));
            Ok::<_, apex_cache::BoxError>(found)
        };
        let answers = cache.get_or_load_many(keys, load).await;
        let kept: Vec<bool> =
            answers.into_iter().map(|answer| answer.unwrap().unwrap()).map(|hit| hit.is_stored()).collect();
        assert_eq!(kept, [false, true]);
        settle().await;
        assert!(!cache.contains("user::3::x").unwrap() && cache.contains("user::4::x").unwrap());
        assert_eq!(stats_of(&cache, "user").await.unreadable, 2);
    });
}

#[test]
fn what_a_reservation_brings_is_given_to_those_who_wait() {
    paused(async || {
        let cache = cache().await;
        let Reserved::Vacant(vacant) = cache.get_or_reserve::<Handle>(KEY).await.unwrap() else { panic!() };
        let waits = {
            let cache = cache.clone();
            go(
                async move { cache.get_or_load(KEY, || async { Ok::<_, io::Error>(Handle(8)) }).await.unwrap().0 },
            )
        };
        settle().await;
        assert_eq!(vacant.fill_with(Loaded::value(Handle(7))).await.unwrap(), Filled::NotStored);
        assert_eq!(join(waits).await, 7);

        // What is only lent cannot be given to others: the reservation says so, and the key is free.
        let Reserved::Vacant(vacant) = cache.get_or_reserve::<Repo>(KEY).await.unwrap() else { panic!() };
        assert_eq!(vacant.fill(&Repo { open_issues: 3 }).await.unwrap_err().kind(), ErrorKind::Decode);
        let Reserved::Vacant(vacant) = cache.get_or_reserve::<Comment>(KEY).await.unwrap() else { panic!() };
        assert!(vacant.fill(&thread(3)).await.unwrap().is_stored());
        assert_eq!(*cache.get::<Comment>(KEY).await.unwrap().unwrap(), thread(3));
    });
}

#[test]
fn a_call_past_a_broken_cache_is_given_its_value_too() {
    paused(async || {
        let cache = cache().await;
        for _ in 0..5 {
            let _ = cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await;
        }
        let hit = cache.get_or_load(KEY, || async { Ok::<_, io::Error>(Handle(7)) }).await.unwrap();
        assert_eq!((hit.0, hit.source()), (7, From::Bypass));
        let load =
            |missing: Vec<Key>| async { Ok::<_, io::Error>(missing.into_iter().map(|key| (key, Bomb(7)))) };
        let answers = cache.get_or_load_many([KEY, "user::2::x"], load).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap().unwrap().0 == 7));
    });
}

#[test]
fn a_message_that_wants_bytes_is_told_why_there_are_none() {
    paused(async || {
        let cache = cache().await;
        let key = || Key::parse(KEY).unwrap();
        let none = cache
            .supervisor()
            .send(GetOrLoad::new(key(), || async { Ok::<_, io::Error>(thread(300)) }))
            .await;
        assert_eq!(none.unwrap_err().kind(), ErrorKind::Encode);
        let bytes = GetOrLoad::new(key(), || async { Ok::<_, io::Error>(Repo { open_issues: 3 }) });
        let given = cache.supervisor().send(bytes).await.unwrap();
        assert!(!given.stored && given.value.decode::<Repo>(KEY).is_err());
    });
}

#[test]
fn a_checked_set_refuses_what_cannot_be_read_and_leaves_what_is_there() {
    paused(async || {
        let cache = cache().await;
        cache.set_checked(KEY, &thread(2)).await.unwrap();
        for (levels, kind) in [(300, ErrorKind::Encode), (100, ErrorKind::Encode)] {
            assert_eq!(cache.set_checked(KEY, &thread(levels)).await.unwrap_err().kind(), kind);
            assert_eq!(cache.set(KEY, &thread(levels)).await.unwrap_err().kind(), kind);
        }
        let repo = Repo { open_issues: 3 };
        assert_eq!(cache.set_checked(KEY, &repo).await.unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(cache.set_checked(KEY, &repo).send().unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(Set::checked(KEY, &repo).unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(*cache.get::<Comment>(KEY).await.unwrap().unwrap(), thread(2));
        cache.supervisor().send(Set::checked(KEY, &thread(3)).unwrap()).await.unwrap();
        assert_eq!(*cache.get::<Comment>(KEY).await.unwrap().unwrap(), thread(3));
    });
}

#[test]
fn a_set_that_cannot_be_read_fails_nobody_who_has_a_loader() {
    paused(async || {
        let cache = cache().await;
        // While it waits for its own load, and before it asks.
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (go_on, goes_on) = tokio::sync::oneshot::channel::<()>();
        let waits = {
            let cache = cache.clone();
            go(async move {
                let load = || async move {
                    let _ = begun.send(());
                    let _ = goes_on.await;
                    Ok::<_, io::Error>(Repo { open_issues: 7 })
                };
                cache.get_or_load(KEY, load).await.unwrap().open_issues
            })
        };
        soon("the load begins", begins).await.unwrap();
        cache.set(KEY, &Repo { open_issues: 9 }).await.unwrap();
        go_on.send(()).unwrap();
        assert_eq!(join(waits).await, 7);
        let hit =
            cache.get_or_load(KEY, || async { Ok::<_, io::Error>(Repo { open_issues: 8 }) }).await.unwrap();
        assert_eq!(hit.open_issues, 8);
    });
}

/// Notes which thread it ends on.
#[derive(Debug, Serialize, serde::Deserialize)]
struct Ends {
    #[serde(skip)]
    ended: Option<std::sync::mpsc::Sender<Option<String>>>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            let _ = ended.send(std::thread::current().name().map(str::to_owned));
        }
    }
}

#[test]
fn what_nobody_waits_for_ends_where_it_was_loaded() {
    crate::source::threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        let (ended, ends) = std::sync::mpsc::channel();
        let (given_up, gives_up) = tokio::sync::oneshot::channel::<()>();
        let call = {
            let cache = cache.clone();
            go(async move {
                let load = || async move {
                    let _ = gives_up.await;
                    Ok::<_, io::Error>(Ends { ended: Some(ended) })
                };
                cache.get_or_load(KEY, load).await.map(drop)
            })
        };
        while stats_of(&cache, "user").await.loads == 0 {
            tokio::task::yield_now().await;
        }
        call.abort();
        let _ = call.await;
        given_up.send(()).unwrap();
        let thread = tokio::task::block_in_place(|| ends.recv_timeout(Duration::from_secs(60)).unwrap());
        assert!(thread.as_deref().is_some_and(|name| name.contains("tokio")), "{thread:?}");
    });
}
