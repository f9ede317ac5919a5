//! Loads of several keys: one call for those that are missing, each key with a fate of its own.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_cache::message::{Break, Breaks, RemoveMany};
use apex_cache::{Cache, ErrorKind, Key, Pattern, Settings, Source as From, Tags};
use tokio::sync::Semaphore;

use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::{Row, Source, go, held, info_of, join, soon, stats_of, threads};

/// A source that is asked for many rows at a time, tells what it was asked, and can be held back.
#[derive(Debug, Clone)]
struct Shelf {
    rows: Source,
    calls: Arc<Mutex<Vec<Vec<String>>>>,
    begun: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

type Answer = Vec<apex_cache::Result<Option<apex_cache::Hit<Row>>>>;

impl Shelf {
    fn open() -> Self {
        let shelf = Self::closed();
        shelf.open.add_permits(1 << 20);
        shelf
    }

    /// Calls wait after they have read.
    fn closed() -> Self {
        let (begun, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        Self { rows: Source::new(), calls: Arc::default(), begun, open }
    }

    /// The rows of `keys` and of `extras`, as they were when the call began.
    async fn read(self, keys: Vec<Key>, extras: &[&str]) -> io::Result<Vec<(Key, Row)>> {
        self.calls.lock().unwrap().push(keys.iter().map(ToString::to_string).collect());
        let extras = extras.iter().map(|text| Key::parse(text).unwrap());
        let rows =
            keys.into_iter().chain(extras).map(|key| (key.clone(), self.rows.row(key.as_str()))).collect();
        self.begun.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        Ok(rows)
    }

    fn ask(
        &self,
        cache: &Cache,
        keys: &[&'static str],
        extras: &'static [&'static str],
    ) -> tokio::task::JoinHandle<Answer> {
        let (cache, keys, shelf) = (cache.clone(), keys.to_vec(), self.clone());
        go(
            async move { cache.get_or_load_many(keys, move |missing| shelf.clone().read(missing, extras)).await },
        )
    }

    async fn begun(&self) {
        soon("a call begins", self.begun.acquire()).await.unwrap().forget();
    }

    fn calls(&self) -> Vec<Vec<String>> {
        self.calls.lock().unwrap().clone()
    }
}

fn versions(answer: &Answer) -> Vec<u64> {
    answer.iter().map(|one| one.as_ref().unwrap().as_ref().unwrap().version).collect()
}

#[test]
fn what_is_missing_is_asked_for_once_and_answers_are_in_the_order_of_the_keys() {
    paused(async || {
        let (cache, shelf) = (cache().await, Shelf::open());
        cache.set("user::2", &Row { key: "user::2".into(), version: 9 }).await.unwrap();
        let keys = ["user::3", "user::2", "config::1", "user::1", "user::3"];
        let answer = join(shelf.ask(&cache, &keys, &[])).await;
        assert_eq!(versions(&answer), [1, 9, 1, 1, 1]);
        let sources: Vec<From> =
            answer.iter().map(|one| one.as_ref().unwrap().as_ref().unwrap().source()).collect();
        assert_eq!(sources, [From::Loaded, From::Memory, From::Loaded, From::Loaded, From::Loaded]);
        let calls: BTreeSet<_> = shelf.calls().into_iter().map(|keys| keys.join(" ")).collect();
        assert_eq!(calls, ["config::1", "user::3 user::1"].map(String::from).into(), "once for each tier");
        assert_eq!(versions(&join(shelf.ask(&cache, &keys, &[])).await), [1, 9, 1, 1, 1]);
        assert_eq!(shelf.calls().len(), 2, "all are in memory now");
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.loads_ok, stats.stored_by_load), (1, 1, 2));
    });
}

#[test]
fn two_calls_that_overlap_ask_the_source_once_for_each_key() {
    paused(async || {
        let (cache, shelf) = (cache().await, Shelf::closed());
        let first = shelf.ask(&cache, &["user::1", "user::2"], &[]);
        shelf.begun().await;
        let second = shelf.ask(&cache, &["user::2", "user::3"], &[]);
        let single = shelf.rows.ask(&cache, "user::1");
        shelf.begun().await;
        shelf.open.add_permits(2);
        assert_eq!(versions(&join(first).await), [1, 1]);
        let second = join(second).await;
        assert_eq!(second[0].as_ref().unwrap().as_ref().unwrap().source(), From::Joined);
        assert_eq!(join(single).await.unwrap().source(), From::Joined);
        assert_eq!(shelf.calls(), [vec!["user::1", "user::2"], vec!["user::3"]]);
        assert_eq!(shelf.rows.reads(), 0, "the single call joined");
    });
}

#[test]
fn ten_thousand_keys_are_asked_for_in_parts_of_five_hundred_that_wait_for_places() {
    paused(async || {
        let settings = Settings::default().load_concurrency(2);
        let (cache, shelf) = (cache_with(settings).await, Shelf::closed());
        let keys: Vec<String> = (0..10_000).map(|number| format!("user::{number}")).collect();
        let call = {
            let (cache, shelf, keys) = (cache.clone(), shelf.clone(), keys.clone());
            go(async move { cache.get_or_load_many(keys, move |keys| shelf.clone().read(keys, &[])).await })
        };
        shelf.begun().await;
        settle().await;
        assert_eq!(info_of(&cache, "user").await.loads, (2, 18), "a part takes one place");
        assert_eq!(shelf.calls().len(), 2);
        shelf.open.add_permits(1 << 20);
        let answer = join(call).await;
        assert_eq!(answer.len(), 10_000);
        for (key, one) in keys.iter().zip(&answer) {
            assert_eq!(one.as_ref().unwrap().as_ref().unwrap().key, *key);
        }
        let calls = shelf.calls();
        assert!(calls.len() == 20 && calls.iter().all(|keys| keys.len() == 500));
        assert_eq!(calls.concat().into_iter().collect::<BTreeSet<_>>().len(), 10_000, "each once");
    });
}

#[test]
fn an_invalidation_of_one_key_takes_the_right_to_store_from_that_one_alone() {
    paused(async || {
        let (cache, shelf) = (cache().await, Shelf::closed());
        let call = shelf.ask(&cache, &["user::1", "user::2", "user::3"], &[]);
        shelf.begun().await;
        shelf.rows.write("user::2");
        assert_eq!(cache.remove("user::2").await.unwrap().revoked_loads, 1);
        let later = shelf.rows.get(&cache, "user::2").await.unwrap();
        assert_eq!((later.version, later.source()), (2, From::Loaded), "joins nothing that began before");
        shelf.open.add_permits(1);
        let answer = join(call).await;
        assert_eq!(versions(&answer), [1, 1, 1], "it asked before the invalidation");
        let stored: Vec<bool> =
            answer.iter().map(|one| one.as_ref().unwrap().as_ref().unwrap().is_stored()).collect();
        assert_eq!(stored, [true, false, true]);
        assert_eq!([held(&cache, "user::1"), held(&cache, "user::2")], [Some(1), Some(2)]);
    });
}

#[test]
fn what_comes_beside_is_kept_unless_something_overtook_it() {
    const EXTRAS: &[&str] = &["user::7", "user::8", "user::9", "config::1", "user::6"];
    paused(async || {
        let (cache, shelf) = (cache().await, Shelf::closed());
        let call = shelf.ask(&cache, &["user::1"], EXTRAS);
        shelf.begun().await;
        for key in ["user::8", "user::9", "user::6"] {
            shelf.rows.write(key);
        }
        cache.invalidate(Pattern::parse("user::8*").unwrap()).await.unwrap();
        cache.remove("user::6").await.unwrap();
        cache.set("user::9", &shelf.rows.row("user::9")).await.unwrap();
        shelf.open.add_permits(1);
        assert_eq!(versions(&join(call).await), [1]);
        settle().await;
        let held: Vec<_> = EXTRAS.iter().map(|key| held(&cache, key)).collect();
        assert_eq!(
            held,
            [Some(1), None, Some(2), None, None],
            "kept, invalidated, set, another tier's, removed"
        );
    });
}

#[test]
fn a_batch_that_fails_fails_its_own_keys_and_others_who_wait_for_them() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        source.get(&cache, "user::2").await.unwrap();
        let failing = |_: Vec<Key>| async { Err::<Vec<(Key, Row)>, _>(io::Error::other("no connection")) };
        let answer = cache.get_or_load_many(["user::1", "user::2", "user::3"], failing).await;
        let words = "loading \"user::3\" failed: no connection";
        assert_eq!(answer[2].as_ref().unwrap_err().to_string(), words);
        assert!(answer[0].is_err() && answer[1].is_ok());
        let panics = |_: Vec<Key>| async {
            if true { panic!("a bug") } else { Ok::<Vec<(Key, Row)>, io::Error>(vec![]) }
        };
        let answer = cache.get_or_load_many(["user::1", "user::3"], panics).await;
        assert!(answer.iter().all(|one| one.as_ref().unwrap_err().kind() == ErrorKind::LoadPanicked));
        let hangs = |_: Vec<Key>| std::future::pending::<io::Result<Vec<(Key, Row)>>>();
        let answer = cache.get_or_load_many(["user::1"], hangs).timeout(Duration::from_secs(2)).await;
        assert_eq!(answer[0].as_ref().unwrap_err().kind(), ErrorKind::LoadTimeout);
        settle().await;
        assert_eq!(info_of(&cache, "user").await.loads, (0, 0), "every place was given back");
        assert_eq!(source.get(&cache, "user::1").await.unwrap().version, 1);
    });
}

#[test]
fn a_key_that_is_left_out_is_an_error_unless_the_call_says_that_it_is_not_found() {
    paused(async || {
        let cache = cache().await;
        let calls = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&calls);
        let nothing = move |_: Vec<Key>| {
            *counted.lock().unwrap() += 1;
            async { Ok::<Vec<(Key, Row)>, io::Error>(Vec::new()) }
        };
        let answer = cache.get_or_load_many(["user::1"], nothing.clone()).await;
        let error = answer[0].as_ref().unwrap_err();
        assert!(error.kind() == ErrorKind::LoadFailed && error.to_string().contains("absent_is_not_found"));
        for _ in 0..2 {
            let answer = cache.get_or_load_many(["user::1"], nothing.clone()).absent_is_not_found().await;
            assert!(answer[0].as_ref().unwrap().is_none());
        }
        assert_eq!(*calls.lock().unwrap(), 2, "that there is nothing is remembered");
        advance(Duration::from_secs(31)).await;
        let answer = cache.get_or_load_many(["user::1"], nothing).absent_is_not_found().await;
        assert!(answer[0].as_ref().unwrap().is_none());
        assert_eq!(*calls.lock().unwrap(), 3);
    });
}

#[test]
fn a_stale_value_stands_in_for_each_key_whose_load_failed() {
    paused(async || {
        let (cache, shelf) = (cache().await, Shelf::open());
        let stale = Duration::from_secs(600);
        let read = |shelf: &Shelf| {
            let shelf = shelf.clone();
            move |keys| shelf.clone().read(keys, &[])
        };
        let first =
            cache.get_or_load_many(["user::1"], read(&shelf)).ttl(Duration::from_secs(60)).stale(stale);
        assert_eq!(versions(&first.await), [1]);
        advance(Duration::from_secs(61)).await;
        // Behind the callers one refresh of all that are due.
        shelf.rows.write("user::1");
        let again =
            cache.get_or_load_many(["user::1"], read(&shelf)).ttl(Duration::from_secs(60)).stale(stale);
        let again = again.await;
        assert!(again[0].as_ref().unwrap().as_ref().unwrap().is_stale());
        settle().await;
        assert_eq!(held(&cache, "user::1"), Some(2));
        advance(Duration::from_secs(61)).await;
        let failing = |_: Vec<Key>| async { Err::<Vec<(Key, Row)>, _>(io::Error::other("no connection")) };
        let policy = apex_cache::LoadPolicy::new().stale(stale).soft_timeout(Duration::from_secs(1));
        let answer = cache.get_or_load_many(["user::1", "user::2"], failing).policy(policy).await;
        assert_eq!(answer[0].as_ref().unwrap().as_ref().unwrap().version, 2);
        assert_eq!(answer[1].as_ref().unwrap_err().kind(), ErrorKind::LoadFailed);
    });
}

#[test]
fn values_that_were_loaded_together_do_not_expire_together() {
    paused(async || {
        let (cache, shelf) = (cache().await, Shelf::open());
        let keys: Vec<String> = (0..200).map(|number| format!("user::{number}")).collect();
        let load = move |keys| shelf.clone().read(keys, &[]);
        cache.get_or_load_many(keys.clone(), load).ttl(Duration::from_secs(100)).await;
        let left = |cache: &Cache| keys.iter().filter(|key| cache.contains(key.as_str()).unwrap()).count();
        advance(Duration::from_secs(89)).await;
        assert_eq!(left(&cache), 200, "jitter takes a tenth at most");
        advance(Duration::from_secs(6)).await;
        assert!((20..180).contains(&left(&cache)), "{}", left(&cache));
        advance(Duration::from_secs(6)).await;
        assert_eq!(left(&cache), 0);
    });
}

#[test]
fn a_batch_whose_runtime_is_gone_is_taken_over_by_those_who_wait_with_their_own_loader() {
    threads(async || {
        let (cache, shelf) = (Cache::builder().start().await.unwrap(), Shelf::closed());
        let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (theirs, own) = (cache.clone(), shelf.clone());
        let call = other.spawn(async move {
            let load = move |keys| own.clone().read(keys, &[]);
            let answer: Answer = theirs.get_or_load_many(["user::1", "user::2"], load).await;
            answer
        });
        shelf.begun().await;
        let waits = shelf.rows.ask(&cache, "user::1");
        while stats_of(&cache, "user").await.joined == 0 {
            tokio::task::yield_now().await;
        }
        other.shutdown_background();
        assert_eq!(join(waits).await.unwrap().version, 1);
        assert!(soon("the call is gone", call).await.is_err());
        assert_eq!((shelf.rows.reads(), shelf.calls().len()), (1, 1));
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.loads_lost, stats.loads_ok), (2, 1, 1));
        assert_eq!(info_of(&cache, "user").await.loads, (0, 0));
    });
}

#[test]
fn when_the_cache_is_in_trouble_one_call_of_the_loader_brings_all_and_nothing_is_stored() {
    paused(async || {
        let settings = Settings::default().load_concurrency(1).load_queue(0);
        let (cache, shelf) = (cache_with(settings).await, Shelf::open());
        let gate = shelf.rows.hold("user::9");
        let blocks = shelf.rows.ask(&cache, "user::9");
        gate.begun().await;
        let call = shelf.ask(&cache, &["user::1", "user::2"], &["user::3"]);
        settle().await;
        assert_eq!(shelf.calls().len(), 0, "there is one place, for loads of the tier and past it");
        gate.open();
        let answer = join(call).await;
        let sources: Vec<From> =
            answer.iter().map(|one| one.as_ref().unwrap().as_ref().unwrap().source()).collect();
        assert_eq!((sources, shelf.calls().len()), (vec![From::Bypass, From::Bypass], 1));
        join(blocks).await.unwrap();
        assert_eq!([held(&cache, "user::1"), held(&cache, "user::3")], [None, None]);
        cache.shutdown().await.unwrap();
        assert_eq!(versions(&join(shelf.ask(&cache, &["user::1", "user::2"], &[])).await), [1, 1]);
        assert_eq!(shelf.calls().len(), 2);
    });
}

#[test]
fn a_batch_whose_tier_breaks_is_answered_from_what_its_loader_brings_and_from_no_second_call() {
    paused(async || {
        let (cache, shelf) = (cache().await, Shelf::closed());
        for how in [Breaks::Turn("user".into()), Breaks::Turn("user".into())] {
            let call = shelf.ask(&cache, &["user::1", "user::2"], &["user::3"]);
            shelf.begun().await;
            cache.supervisor().send(Break::new(how)).await.unwrap();
            settle().await;
            let later = shelf.ask(&cache, &["user::2"], &[]);
            shelf.begun().await;
            shelf.open.add_permits(2);
            assert_eq!(versions(&join(call).await), [1, 1]);
            assert!(join(later).await[0].as_ref().unwrap().as_ref().unwrap().is_stored());
            settle().await;
            let held = ["user::1", "user::2", "user::3"].map(|key| held(&cache, key));
            assert_eq!(held, [None, Some(1), None], "of the life that ended nothing is stored");
            assert_eq!(info_of(&cache, "user").await.loads, (0, 0));
        }
        assert_eq!(shelf.calls().len(), 4);
        // Messages to a tier that is being put back: none hangs, and a removal says what it knows.
        let supervisor = cache.supervisor();
        let breaks = supervisor.send(Break::new(Breaks::Tier("user".into())));
        let many = RemoveMany::new(vec![Key::parse("user::2").unwrap(), Key::parse("config::1").unwrap()]);
        let removed = supervisor.send(many);
        breaks.await.unwrap();
        let told =
            removed.await.map_or_else(|error| error.kind() == ErrorKind::Partial, |all| all.len() == 2);
        assert!(told && held(&cache, "user::2").is_none());
    });
}

#[test]
fn many_are_read_without_a_message_and_removed_with_one_for_each_tier() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        for key in ["user::1", "user::2", "config::1"] {
            let row = source.row(key);
            cache.set(key, &row).tags(Tags::NONE).await.unwrap();
        }
        let read = cache.get_many::<Row>(["config::1", "user::3", "user::1", "user::1", ""]).await;
        let found: Vec<bool> = read[..4].iter().map(|one| one.as_ref().unwrap().is_some()).collect();
        assert_eq!(found, [true, false, true, true]);
        assert_eq!(read[4].as_ref().unwrap_err().kind(), ErrorKind::InvalidKey);
        let gate = source.hold("user::3");
        let loads = source.ask(&cache, "user::3");
        gate.begun().await;
        let removed = cache.remove_many(["user::3", "config::1", "user::1", "user::1"]).await.unwrap();
        let removed: Vec<(bool, u64)> =
            removed.iter().map(|one| (one.was_present, one.revoked_loads)).collect();
        assert_eq!(removed, [(false, 1), (true, 0), (true, 0), (false, 0)]);
        gate.open();
        assert!(!join(loads).await.unwrap().is_stored(), "a load of an absent key was revoked");
        let left = ["user::1", "user::2", "user::3", "config::1"].map(|key| held(&cache, key));
        assert_eq!(left, [None, Some(1), None, None]);
        assert!(cache.remove_many(["user::2", ""]).await.is_err());
        assert_eq!(held(&cache, "user::2"), Some(1), "none is taken away when one is no key");
    });
}
