//! Loads of native values: one for all who ask, and everything that is so of other values.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use apex_cache::message::Set;
use apex_cache::{
    Cache, ErrorKind, Hit, LoadContext, LoadPolicy, Loaded, Settings, Source as From, Tag, Tags, Value,
    WarmEntries, WarmSource,
};
use tokio::sync::Semaphore;

use super::{Counts, KEY, SECOND, Thing};
use crate::common::{advance, cache, cache_with, inline, paused, settle};
use crate::source::{go, join, stats_of};

/// A source that can be held.
#[derive(Clone)]
struct Slow {
    gate: Arc<Semaphore>,
    reads: Arc<AtomicU64>,
    counts: Arc<Counts>,
}

impl Slow {
    fn new(open: bool) -> Self {
        let gate = Arc::new(Semaphore::new(if open { Semaphore::MAX_PERMITS } else { 0 }));
        Self { gate, reads: Arc::default(), counts: Arc::default() }
    }

    fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS - self.gate.available_permits());
    }

    async fn read(self) -> Result<Arc<Thing>, io::Error> {
        let number = self.reads.fetch_add(1, SeqCst) + 1;
        let _place = self.gate.acquire().await.unwrap();
        Ok(Thing::new(number, &self.counts))
    }

    async fn get(&self, cache: &Cache, policy: LoadPolicy) -> apex_cache::Result<Hit<Arc<Thing>>> {
        let own = self.clone();
        cache.get_or_load_native(KEY, || own.read()).policy(policy).await
    }
}

#[test]
fn one_load_runs_and_all_who_wait_share_its_arc() {
    paused(async || {
        let (cache, slow) = (cache().await, Slow::new(false));
        let ask = || {
            let (cache, slow) = (cache.clone(), slow.clone());
            go(async move { slow.get(&cache, LoadPolicy::new()).await.unwrap() })
        };
        let waiting: Vec<_> = (0..50).map(|_| ask()).collect();
        settle().await;
        slow.open();
        let mut hits = Vec::new();
        for one in waiting {
            hits.push(join(one).await);
        }
        let later = cache.get_native::<Thing>(KEY).await.unwrap().unwrap();
        assert!(hits.iter().all(|hit| Arc::ptr_eq(hit, &later) && hit.is_stored()));
        assert_eq!(hits.iter().filter(|hit| hit.source() == From::Loaded).count(), 1);
        assert_eq!((slow.reads.load(SeqCst), later.source(), later.number), (1, From::Memory, 1));
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.loads, stats.joined, stats.hits), (1, 49, 1));
    });
}

#[test]
fn a_load_that_an_invalidation_overtook_answers_and_is_not_stored() {
    for scope in 0..3 {
        paused(async || {
            let (cache, slow) = (cache().await, Slow::new(false));
            let first = {
                let (cache, slow) = (cache.clone(), slow.clone());
                go(async move { slow.get(&cache, LoadPolicy::new()).await.unwrap() })
            };
            settle().await;
            match scope {
                0 => drop(cache.remove(KEY).await.unwrap()),
                1 => drop(cache.invalidate(apex_cache::Pattern::parse("user::1::*").unwrap()).await.unwrap()),
                _ => drop(cache.clear().await.unwrap()),
            }
            slow.open();
            let hit = join(first).await;
            assert_eq!((hit.number, hit.is_stored()), (1, false));
            assert!(cache.get_native::<Thing>(KEY).await.unwrap().is_none());
            drop(hit);
            settle().await;
            assert_eq!(slow.counts.alive(), 0);
        });
    }
}

#[test]
fn a_set_gives_its_value_to_those_who_wait_for_a_load() {
    paused(async || {
        let (cache, slow) = (cache().await, Slow::new(false));
        let first = {
            let (cache, slow) = (cache.clone(), slow.clone());
            go(async move { slow.get(&cache, LoadPolicy::new()).await.unwrap() })
        };
        settle().await;
        let set = Thing::new(100, &slow.counts);
        cache.set_native(KEY, Arc::clone(&set)).await.unwrap();
        let hit = join(first).await;
        assert!(Arc::ptr_eq(&hit, &set));
        slow.open();
        settle().await;
        assert_eq!(slow.counts.alive(), 1, "what the load brought is of no use to anybody");
    });
}

#[test]
fn a_stale_value_is_served_while_one_refresh_runs_and_when_the_source_fails() {
    paused(async || {
        let (cache, slow) = (cache().await, Slow::new(true));
        let policy = LoadPolicy::new().ttl(60 * SECOND).stale(30 * SECOND);
        slow.get(&cache, policy).await.unwrap();
        advance(61 * SECOND).await;
        let stale = slow.get(&cache, policy).await.unwrap();
        assert_eq!((stale.number, stale.is_stale()), (1, true));
        assert!(cache.get_native::<Thing>(KEY).await.unwrap().is_none_or(|hit| !hit.is_stale()));
        settle().await;
        assert_eq!(slow.get(&cache, policy).await.unwrap().number, 2);
        advance(61 * SECOND).await;
        let fails = || async { Err::<Arc<Thing>, _>(io::Error::other("away")) };
        let soft = policy.soft_timeout(SECOND);
        assert!(cache.get_or_load_native(KEY, fails).policy(soft).await.unwrap().is_stale());
        advance(20 * SECOND).await;
        let slow_source = cache.get_or_load_native(KEY, pending::<io::Result<Arc<Thing>>>).policy(soft).await;
        assert_eq!(slow_source.unwrap().number, 2);
        advance(30 * SECOND).await;
        let error = cache.get_or_load_native(KEY, fails).policy(policy).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoadFailed);
    });
}

#[test]
fn a_loader_may_say_nothing_not_modified_tags_and_times() {
    paused(async || {
        let (cache, counts) = (cache().await, Arc::<Counts>::default());
        let load = async |policy: LoadPolicy, said: Loaded<Arc<Thing>>, old: Option<u64>| {
            let load = move |context: LoadContext<Arc<Thing>>| async move {
                assert_eq!(context.old().map(|old| old.number), old);
                Ok::<_, io::Error>(said)
            };
            let hit = cache.get_or_load_native_with(KEY, load).policy(policy).await.unwrap();
            settle().await;
            hit
        };
        let policy = LoadPolicy::new().stale(30 * SECOND);
        assert!(load(policy, Loaded::not_found(), None).await.is_none());
        let find = || async { Ok::<Option<Arc<Thing>>, io::Error>(None) };
        assert!(cache.get_or_find_native(KEY, find).not_found_ttl(SECOND).await.unwrap().is_none());
        assert!(cache.get_native::<Thing>(KEY).await.unwrap().is_none(), "nothing is no value");
        advance(31 * SECOND).await;
        let (value, tag) = (Thing::new(5, &counts), Tag::new("five").unwrap());
        let said = Loaded::value(Arc::clone(&value)).ttl(10 * SECOND).tag(tag.clone());
        assert!(Arc::ptr_eq(&load(policy, said, None).await.unwrap(), &value));
        for _ in 0..3 {
            advance(11 * SECOND).await;
            let hit = load(policy, Loaded::not_modified(), Some(5)).await.unwrap();
            assert!(Arc::ptr_eq(&hit, &value) && hit.is_stale());
        }
        assert!(cache.get_native::<Thing>(KEY).await.unwrap().is_some_and(|hit| Arc::ptr_eq(&hit, &value)));
        assert_eq!(cache.invalidate(tag).await.unwrap().matched, 1);
        let token = Loaded::value(value).ttl(10 * SECOND).never_stale();
        load(policy, token, None).await;
        advance(10 * SECOND).await;
        let fails = || async { Err::<Arc<Thing>, _>(io::Error::other("away")) };
        assert!(cache.get_or_load_native(KEY, fails).policy(policy).await.is_err());
    });
}

#[test]
fn an_entry_is_listed_explained_and_expired_by_hand_as_any_other() {
    paused(async || {
        let (cache, counts) = (cache().await, Arc::<Counts>::default());
        let tags = Tags::new([Tag::new("x").unwrap()]);
        cache
            .set_native(KEY, Thing::<0>::new(1, &counts))
            .ttl(60 * SECOND)
            .stale(60 * SECOND)
            .tags(tags)
            .await
            .unwrap();
        assert_eq!(cache.invalidate(Tag::new("x").unwrap()).dry_run().await.unwrap().matched, 1);
        let explained = cache.command(&format!("/cache-explain {KEY}"), "test").await;
        assert!(explained.contains("fresh"), "{explained}");
        assert_eq!(cache.invalidate(Tag::new("x").unwrap()).expire().await.unwrap().matched, 1);
        assert!(cache.get_native::<Thing>(KEY).await.unwrap().is_none());
        let fails = || async { Err::<Arc<Thing>, _>(io::Error::other("away")) };
        let stale = cache.get_or_load_native(KEY, fails).stale(60 * SECOND).await.unwrap();
        assert_eq!((stale.number, counts.alive()), (1, 1), "the same value, not a copy");
    });
}

#[test]
fn when_the_cache_keeps_nothing_the_loader_runs_and_nothing_is_stored() {
    paused(async || {
        let (cache, slow) = (cache_with(Settings::default().enabled(false)).await, Slow::new(true));
        let hit = slow.get(&cache, LoadPolicy::new()).await.unwrap();
        assert_eq!((hit.number, hit.is_stored()), (1, false));
        let value = Arc::clone(&hit);
        drop(hit);
        settle().await;
        assert_eq!(Arc::strong_count(&value), 1);
        cache.shutdown().await.unwrap();
        let hit = slow.get(&cache, LoadPolicy::new()).await.unwrap();
        assert_eq!((hit.number, hit.source()), (2, From::Bypass));
        assert_eq!(cache.get_native::<Thing>(KEY).await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(cache.set_native(KEY, value).await.unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn a_warm_source_may_bring_them() {
    paused(async || {
        let counts = Arc::<Counts>::default();
        let source = {
            let counts = Arc::clone(&counts);
            WarmSource::new("things", "config", move |_| {
                let value = Value::native(Thing::<0>::new(3, &counts));
                async move {
                    let mut entries = WarmEntries::new();
                    entries.push_set(Set::new(apex_cache::Key::parse("config::thing")?, value));
                    Ok::<_, apex_cache::Error>(entries)
                }
            })
        };
        let cache = inline().warm(source.required()).start().await.unwrap();
        cache.ready().await.unwrap();
        assert_eq!(cache.get_native::<Thing>("config::thing").await.unwrap().unwrap().number, 3);
    });
}
