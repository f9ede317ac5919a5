//! A tier that panics again and again while many tasks read and write all tiers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_cache::message::{Break, Breaks};
use apex_cache::{Cache, Error, ErrorKind};

use crate::common::{cache, paused};
use crate::source::{Random, Source, clock, go, join, stats_of, threads};

const TASKS: u64 = 32;
const CALLS: u64 = 400;
const KEYS: u64 = 50;

/// What one run came to.
#[derive(Debug, Default)]
struct Tally {
    calls: AtomicU64,
    other_tiers_errors: AtomicU64,
    loads_refused: AtomicU64,
    stale: AtomicU64,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    fn note(&self, tier: &str, call: &str, error: Option<&Error>) {
        self.calls.fetch_add(1, SeqCst);
        let Some(error) = error else { return };
        if tier != "user" {
            self.other_tiers_errors.fetch_add(1, SeqCst);
        }
        if call == "get_or_load" {
            self.loads_refused.fetch_add(1, SeqCst);
        }
        let name = format!("{call} {:?}", error.kind());
        *self.errors.lock().unwrap().entry(name).or_default() += 1;
    }
}

/// One task: writes keys of its own, so that it knows which version it must see at least.
async fn client(cache: Cache, source: Source, tally: Arc<Tally>, number: u64) {
    let mut random = Random(number);
    for _ in 0..CALLS {
        let tier = *random.of(&["user", "query", "config", "products"]);
        let key = format!("{tier}::{number}::{}", random.below(KEYS));
        match random.below(10) {
            0 => {
                // The source changes, then the cache is told: from the answer on nothing older may be seen.
                let new = source.write(&key);
                let told = cache.remove(&key).await;
                tally.note(tier, "remove", told.as_ref().err());
                let acknowledged = told.is_ok();
                let seen = source.get(&cache, &key).await;
                tally.note(tier, "get_or_load", seen.as_ref().err());
                if acknowledged && seen.is_ok_and(|row| row.version < new.version) {
                    tally.stale.fetch_add(1, SeqCst);
                }
            }
            1 => {
                let new = source.write(&key);
                let set = cache.set(&key, &new).await;
                tally.note(tier, "set", set.as_ref().err());
            }
            2 => {
                let read = cache.get::<crate::source::Row>(&key).await;
                tally.note(tier, "get", read.as_ref().err());
            }
            _ => {
                let seen = source.get(&cache, &key).await;
                tally.note(tier, "get_or_load", seen.as_ref().err());
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Breaks the tier until the clients are done, measuring how long it takes to serve again.
async fn breaker(cache: Cache, done: Arc<AtomicBool>) -> (u64, Duration) {
    let (mut crashes, mut longest) = (0, Duration::ZERO);
    while !done.load(SeqCst) {
        let how = if crashes % 2 == 0 { Breaks::Turn("user".into()) } else { Breaks::Tier("user".into()) };
        let began = clock();
        cache.supervisor().send(Break::new(how)).await.unwrap();
        crashes += 1;
        while stats_of(&cache, "user").await.restarts < crashes {
            tokio::task::yield_now().await;
        }
        while let Err(error) = cache.set("user::breaker", &crashes).await {
            if error.kind() == ErrorKind::TierFailed {
                cache.revive("user").await.unwrap();
            }
            tokio::task::yield_now().await;
        }
        longest = longest.max(began.elapsed());
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    (crashes, longest)
}

async fn storm(name: &str, cache: &Cache) -> Duration {
    let (source, tally, done) = (Source::new(), Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..TASKS)
        .map(|number| go(client(cache.clone(), source.clone(), Arc::clone(&tally), number)))
        .collect();
    let breaks = go(breaker(cache.clone(), Arc::clone(&done)));
    for task in clients {
        join(task).await;
    }
    done.store(true, SeqCst);
    let (crashes, longest) = join(breaks).await;
    let stats = stats_of(cache, "user").await;
    println!(
        "{name}: {} calls, {crashes} crashes, back after {longest:?} at most, {} bypassed, {} loads lost, errors {:?}",
        tally.calls.load(SeqCst),
        stats.bypassed,
        stats.loads_lost,
        tally.errors.lock().unwrap()
    );
    assert!(crashes >= 5, "only {crashes} crashes");
    assert_eq!(stats.restarts, crashes);
    assert_eq!(tally.other_tiers_errors.load(SeqCst), 0, "other tiers gave errors");
    assert_eq!(tally.loads_refused.load(SeqCst), 0, "a call with a loader was not answered");
    assert_eq!(tally.stale.load(SeqCst), 0, "old values were served");
    cache.revive("user").await.unwrap();
    for number in 0..TASKS {
        for key in 0..KEYS {
            let key = format!("user::{number}::{key}");
            let seen = source.get(cache, &key).await.unwrap();
            assert!(seen.version <= source.version(&key));
        }
    }
    longest
}

#[test]
fn a_tier_that_panics_under_load_hurts_nobody_else_and_is_back_at_once() {
    paused(async || {
        let cache = cache().await;
        let longest = storm("on one thread", &cache).await;
        assert!(longest < Duration::from_millis(100), "it took {longest:?} to serve again");
    });
    threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        storm("on several threads", &cache).await;
        cache.shutdown().await.unwrap();
    });
}
