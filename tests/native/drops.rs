//! Every value is dropped exactly once, outside of the cache's turns, whatever its `Drop` does.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::{Cache, Placement, Scope, Settings};

use super::{Counts, KEY, SECOND, Thing};
use crate::common::{advance, cache, cache_with, paused, settle};
use crate::source::stats_of;

/// Without a word on the terminal.
fn panics() {
    std::panic::resume_unwind(Box::new("its Drop panics"));
}

/// Stores a thing in each way in which it then leaves, and returns how many there were.
async fn leave_in_every_way(cache: &Cache, thing: impl Fn(u64) -> Arc<Thing>) -> u64 {
    let set = async |key: &str, number| cache.set_native(key, thing(number)).ttl(60 * SECOND).await;
    set(KEY, 1).await.unwrap();
    set(KEY, 2).await.unwrap(); // replaced
    cache.set(KEY, "encoded").await.unwrap(); // by an encoded value
    set(KEY, 3).await.unwrap();
    cache.remove(KEY).await.unwrap();
    set(KEY, 4).await.unwrap();
    cache.invalidate(apex_cache::Pattern::parse("user:*").unwrap()).await.unwrap();
    set(KEY, 5).await.unwrap();
    cache.invalidate(Scope::All).await.unwrap();
    set(KEY, 6).await.unwrap();
    advance(120 * SECOND).await; // expired, and swept
    cache.set_native(KEY, thing(7)).size(1 << 40).await.unwrap_err(); // refused
    cache.set_native(KEY, thing(8)).ttl(Duration::ZERO).await.unwrap(); // not kept
    let made = thing(9);
    let load = || async { Ok::<_, io::Error>(made) };
    let hit = cache.get_or_load_native(KEY, load).ttl(Duration::ZERO).await.unwrap(); // loaded, and not kept
    settle().await;
    // The caller has the last one, and what its end does is its own business.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(hit)));
    let made = thing(10);
    let load = || async { Ok::<_, io::Error>(made) };
    cache.get_or_load_native("user::9", load).await.unwrap();
    cache.set_native("config::9", thing(11)).send().unwrap();
    cache.written().await.unwrap();
    cache.set_enabled(false).await.unwrap(); // dropped with all others
    settle().await;
    11
}

#[test]
fn each_is_dropped_once_in_whatever_way_it_leaves() {
    paused(async || {
        let (cache, counts) = (cache().await, Arc::<Counts>::default());
        let made = leave_in_every_way(&cache, |number| Thing::new(number, &counts)).await;
        assert_eq!((counts.dropped(), counts.alive()), (made, 0));
    });
}

#[test]
fn a_drop_that_panics_breaks_nothing() {
    paused(async || {
        let (cache, counts) = (cache().await, Arc::<Counts>::default());
        let thing = |number| Thing::ending(number, &counts, panics);
        let made = leave_in_every_way(&cache, thing).await;
        assert_eq!((counts.dropped(), counts.alive()), (made, 0));
        for tier in cache.stats().await.unwrap().tiers {
            assert_eq!(tier.stats.restarts, 0, "{}", tier.name);
        }
        cache.set_enabled(true).await.unwrap();
        cache.set(KEY, "text").await.unwrap();
        assert!(cache.get::<String>(KEY).await.unwrap().is_some(), "the tier goes on");
    });
}

#[test]
fn a_drop_may_call_the_cache() {
    paused(async || {
        let (cache, counts, done) = (cache().await, Arc::<Counts>::default(), Arc::new(AtomicU64::new(0)));
        let thing = |number| {
            let (cache, done) = (cache.clone(), Arc::clone(&done));
            Thing::ending(number, &counts, move || {
                let key = format!("query::dropped::{number}");
                cache.set(key.as_str(), &number).send().ok();
                cache.set_native(KEY, Arc::new(number)).send().ok();
                let _ = cache.get_native_now::<Thing>(KEY);
                cache.remove(KEY).send().ok();
                cache.invalidate(Scope::Tier("user".into())).send().ok();
                done.fetch_add(1, SeqCst);
            })
        };
        let made = leave_in_every_way(&cache, thing).await;
        assert_eq!((counts.dropped(), done.load(SeqCst)), (made, made));
        assert_eq!(stats_of(&cache, "user").await.restarts, 0);
        cache.set_enabled(true).await.unwrap();
        cache.set(KEY, "text").await.unwrap();
        assert!(cache.get::<String>(KEY).await.unwrap().is_some());
    });
}

#[test]
fn those_in_the_hands_of_readers_live_on_and_the_rest_ends_with_the_cache() {
    paused(async || {
        let (cache, counts) = (cache().await, Arc::<Counts>::default());
        for number in 0..100 {
            cache.set_native(format!("user::{number}"), Thing::<0>::new(number, &counts)).await.unwrap();
        }
        let hit = cache.get_native::<Thing>("user::7").await.unwrap().unwrap();
        let taken: Arc<Thing> = cache.get_native::<Thing>("user::8").await.unwrap().unwrap().into_value();
        let raw = cache.get_value("user::9").unwrap().unwrap();
        cache.clear().await.unwrap();
        settle().await;
        assert_eq!((counts.alive(), hit.number, taken.number), (3, 7, 8));
        drop((hit, raw));
        settle().await;
        assert_eq!((counts.alive(), Arc::strong_count(&taken)), (1, 1));
        for number in 0..100 {
            cache.set_native(format!("user::{number}"), Thing::<0>::new(number, &counts)).await.unwrap();
        }
        cache.shutdown().await.unwrap();
        drop((cache, taken));
        settle().await;
        assert_eq!(counts.alive(), 0);
    });
}

#[test]
fn they_end_with_a_cache_on_a_thread_of_its_own() {
    let (counts, (tell, ended)) = (Arc::<Counts>::default(), std::sync::mpsc::channel());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cache = Cache::builder().placement(Placement::OwnThread).start().await.unwrap();
        for number in 0..1_000 {
            let tell = tell.clone();
            let thing = Thing::<0>::ending(number, &counts, move || {
                tell.send(number).unwrap();
                panics();
            });
            cache.set_native(format!("user::{}", number % 100), thing).await.unwrap();
            let hit = cache.get_native::<Thing>(format!("user::{}", number % 100)).await.unwrap().unwrap();
            assert_eq!(hit.number, number);
        }
        cache.written().await.unwrap();
        assert!(counts.alive() >= 100);
        cache.shutdown().await.unwrap();
    });
    drop(runtime);
    // The thread goes on for a moment; each of them tells that it was dropped.
    let mut each: Vec<u64> =
        (0..1_000).map(|_| ended.recv_timeout(Duration::from_secs(60)).unwrap()).collect();
    each.sort_unstable();
    assert!(each.into_iter().eq(0..1_000), "each once");
    assert_eq!(counts.alive(), 0);
}

#[test]
fn an_eviction_drops_what_it_pushes_out() {
    paused(async || {
        let counts = Arc::<Counts>::default();
        let cache = cache_with(Settings::default().max_size_mb(1).max_entry_size(100_000)).await;
        for number in 0..100 {
            let thing = Thing::<0>::ending(number, &counts, panics);
            cache.set_native(format!("user::{number}"), thing).size(90_000).await.unwrap();
        }
        settle().await;
        assert!(counts.alive() <= 11 && counts.alive() > 0, "{}", counts.alive());
        assert_eq!(stats_of(&cache, "user").await.restarts, 0);
    });
}
