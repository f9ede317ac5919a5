//! What the source does not have is remembered, for a while, and only by those who ask for it that way.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::{Cache, Hit, Pattern};

use super::{KEY, SECOND};
use crate::common::{advance, cache, paused};

/// A table of one column with nothing in it, and a count of the questions.
#[derive(Clone, Default)]
struct Empty(Arc<AtomicU64>);

impl Empty {
    async fn find(&self, cache: &Cache, key: &str) -> Option<Hit<u64>> {
        let asked = Arc::clone(&self.0);
        let find = move || async move {
            asked.fetch_add(1, SeqCst);
            Ok::<Option<u64>, io::Error>(None)
        };
        cache.get_or_find(key, find).await.unwrap()
    }

    fn asked(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

#[test]
fn that_there_is_nothing_is_remembered_for_half_a_minute() {
    paused(async || {
        let (cache, table) = (cache().await, Empty::default());
        for _ in 0..10 {
            assert!(table.find(&cache, KEY).await.is_none());
        }
        assert_eq!(table.asked(), 1);
        advance(29 * SECOND).await;
        table.find(&cache, KEY).await;
        assert_eq!(table.asked(), 1);
        advance(SECOND).await;
        table.find(&cache, KEY).await;
        assert_eq!(table.asked(), 2);
    });
}

#[test]
fn a_set_and_an_invalidation_end_it_at_once() {
    paused(async || {
        let (cache, table) = (cache().await, Empty::default());
        table.find(&cache, KEY).await;
        cache.set(KEY, &7_u64).await.unwrap();
        assert_eq!(table.find(&cache, KEY).await.as_deref(), Some(&7));
        cache.remove(KEY).await.unwrap();
        table.find(&cache, KEY).await;
        let gone = cache.invalidate(Pattern::parse("user::1::*").unwrap()).await.unwrap();
        assert_eq!(gone.matched, 1, "it counts as an entry");
        table.find(&cache, KEY).await;
        assert_eq!(table.asked(), 3);
    });
}

#[test]
fn to_all_others_it_is_absent() {
    paused(async || {
        let (cache, table) = (cache().await, Empty::default());
        table.find(&cache, KEY).await;
        assert!(cache.get::<u64>(KEY).await.unwrap().is_none());
        assert!(!cache.contains(KEY).unwrap());
        let loaded = cache.get_or_load(KEY, || async { Ok::<_, io::Error>(5_u64) }).await.unwrap();
        assert_eq!((*loaded, loaded.is_stored()), (5, true));
        assert_eq!(table.find(&cache, KEY).await.as_deref(), Some(&5));
    });
}

#[test]
fn one_who_needs_a_value_and_joins_a_search_that_finds_none_runs_its_own_load() {
    paused(async || {
        let cache = cache().await;
        let (open, gate) = tokio::sync::oneshot::channel::<()>();
        let find = {
            let cache = cache.clone();
            crate::source::go(async move {
                let find = || async move {
                    let _ = gate.await;
                    Ok::<Option<u64>, io::Error>(None)
                };
                cache.get_or_find::<u64, _, _, _>(KEY, find).await
            })
        };
        crate::common::settle().await;
        let needs = {
            let cache = cache.clone();
            crate::source::go(
                async move { cache.get_or_load(KEY, || async { Ok::<_, io::Error>(5_u64) }).await },
            )
        };
        crate::common::settle().await;
        open.send(()).unwrap();
        assert!(find.await.unwrap().unwrap().is_none());
        assert_eq!(*needs.await.unwrap().unwrap(), 5);
    });
}

#[test]
fn a_call_says_for_how_long_and_whether_at_all() {
    paused(async || {
        let cache = cache().await;
        let asked = Arc::new(AtomicU64::new(0));
        let find = |span: Duration| {
            let (cache, asked) = (cache.clone(), Arc::clone(&asked));
            async move {
                let find = move || async move {
                    asked.fetch_add(1, SeqCst);
                    Ok::<Option<u64>, io::Error>(None)
                };
                cache.get_or_find(KEY, find).not_found_ttl(span).await.unwrap()
            }
        };
        find(Duration::ZERO).await;
        find(5 * SECOND).await;
        assert_eq!(asked.load(SeqCst), 2, "zero: not at all");
        advance(4 * SECOND).await;
        find(5 * SECOND).await;
        assert_eq!(asked.load(SeqCst), 2);
        advance(2 * SECOND).await;
        find(5 * SECOND).await;
        assert_eq!(asked.load(SeqCst), 3);
    });
}
