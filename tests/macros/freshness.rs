//! What an attribute says about stale values, tags and transactions.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_cache::testing::{advance, builder, paused};
use apex_cache::{Cache, Hit, Source, Tag, cache_invalidate, cached};

/// A table of one row, which can fail.
#[derive(Clone)]
struct Articles {
    cache: Cache,
    table: Arc<Table>,
}

#[derive(Default)]
struct Table {
    version: AtomicU64,
    reads: AtomicU64,
    fails: Mutex<bool>,
    /// Reads wait for it when there is one.
    gate: Mutex<Option<Arc<tokio::sync::Semaphore>>>,
}

impl Articles {
    async fn new() -> Self {
        let cache = builder().start().await.expect("default settings start");
        Self { cache, table: Arc::default() }
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }

    async fn read(&self) -> Result<u64, String> {
        self.table.reads.fetch_add(1, SeqCst);
        let version = self.table.version.load(SeqCst);
        let gate = self.table.gate.lock().expect("nobody panics here").clone();
        if let Some(gate) = gate {
            gate.acquire().await.expect("it is not closed").forget();
        }
        if *self.table.fails.lock().expect("nobody panics here") { Err("away".into()) } else { Ok(version) }
    }

    #[cached(key = "query::article::{id}", skip(author), ttl = "10m", stale = "5m", tags = ["author:{author}", "articles"])]
    async fn article(&self, id: u64, author: &str) -> Result<Hit<u64>, String> {
        let _ = (id, author);
        self.read().await
    }

    #[cached(key = "query::title::{id}", skip(author), ttl = "10m", tags = ["author:{author}"], run = "caller")]
    async fn title(&self, id: u64, author: &str) -> Result<u64, String> {
        let _ = (id, author);
        self.read().await
    }

    #[cached(key = "query::latest::{author}", ttl = "10m", stale = "5m", none = "1m", tags = ["author:{author}"])]
    async fn latest(&self, author: &str) -> Result<Option<u64>, String> {
        let _ = author;
        self.read().await.map(|version| (version > 0).then_some(version))
    }

    #[cached(key = "query::even::{id}", ttl = "10m", stale = "5m")]
    async fn even(&self, id: u64) -> Result<Option<u64>, String> {
        let _ = id;
        self.read().await.map(|version| (version % 2 == 0).then_some(version))
    }

    #[cache_invalidate(tags = ["author:{author}"])]
    async fn rename(&self, author: &str) -> u64 {
        let _ = author;
        self.table.version.fetch_add(1, SeqCst)
    }

    #[cache_invalidate("query::article::{id}", fence)]
    async fn edit(&self, id: u64, works: bool, meanwhile: impl Future<Output = ()>) -> Result<(), String> {
        let _ = id;
        meanwhile.await;
        if works {
            self.table.version.fetch_add(1, SeqCst);
            Ok(())
        } else {
            Err("rolled back".into())
        }
    }

    fn reads(&self) -> u64 {
        self.table.reads.load(SeqCst)
    }
}

async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_stale_value_is_served_while_the_body_runs_behind_and_when_it_fails() {
    paused(async || {
        let articles = Articles::new().await;
        assert_eq!(articles.article(1, "ann").await.unwrap().source(), Source::Loaded);
        articles.table.version.store(7, SeqCst);
        advance(Duration::from_secs(601)).await;
        let hit = articles.article(1, "ann").await.unwrap();
        assert_eq!((*hit, hit.is_stale()), (0, true));
        settle().await;
        assert_eq!((*articles.article(1, "ann").await.unwrap(), articles.reads()), (7, 2));
        *articles.table.fails.lock().unwrap() = true;
        advance(Duration::from_secs(601)).await;
        for _ in 0..3 {
            assert!(articles.article(1, "ann").await.unwrap().is_stale());
            settle().await;
        }
        assert_eq!(articles.reads(), 3, "the source is given a rest");
        advance(Duration::from_secs(300)).await;
        assert_eq!(articles.article(1, "ann").await.unwrap_err(), "away");
    });
}

#[test]
fn a_tag_takes_what_functions_stored_with_it_and_nothing_else() {
    paused(async || {
        let articles = Articles::new().await;
        for (id, author) in [(1, "ann"), (2, "ann"), (3, "bob")] {
            articles.article(id, author).await.unwrap();
            articles.title(id, author).await.unwrap();
        }
        assert_eq!(articles.reads(), 6);
        articles.rename("ann").await;
        assert_eq!(
            (*articles.article(1, "ann").await.unwrap(), articles.title(2, "ann").await.unwrap()),
            (1, 1)
        );
        assert_eq!(
            (*articles.article(3, "bob").await.unwrap(), articles.title(3, "bob").await.unwrap()),
            (0, 0)
        );
        assert_eq!(articles.reads(), 8);
        let gone = articles.cache.invalidate(Tag::new("articles").unwrap()).await.unwrap();
        assert_eq!(gone.matched, 2, "those that are there now");
        articles.article_prime(9, "eve", &5).await.unwrap();
        assert_eq!(articles.cache.invalidate(Tag::new("author:eve").unwrap()).await.unwrap().matched, 1);
    });
}

#[test]
fn an_argument_that_is_too_long_for_a_tag_is_a_hash_in_it_on_both_sides() {
    paused(async || {
        let articles = Articles::new().await;
        let author = "x".repeat(500);
        articles.article(1, &author).await.unwrap();
        articles.rename(&author).await;
        assert_eq!(*articles.article(1, &author).await.unwrap(), 1);
    });
}

#[test]
fn within_a_fence_what_is_loaded_is_served_and_not_stored() {
    paused(async || {
        for works in [true, false] {
            let articles = Articles::new().await;
            let reader = articles.clone();
            let meanwhile = async move {
                let hit = reader.article(1, "ann").await.unwrap();
                assert_eq!((*hit, hit.is_stored()), (0, false), "it may be the old row");
            };
            assert_eq!(articles.edit(1, works, meanwhile).await.is_ok(), works);
            assert_eq!(*articles.article(1, "ann").await.unwrap(), u64::from(works));
            assert!(articles.article(1, "ann").await.unwrap().is_stored(), "works: {works}");
        }
    });
}

#[test]
fn a_fenced_function_that_is_dropped_midway_invalidates() {
    paused(async || {
        let articles = Articles::new().await;
        articles.article(1, "ann").await.unwrap();
        let mut edit = Box::pin(articles.edit(1, true, std::future::pending()));
        for _ in 0..64 {
            tokio::select! {
                biased;
                _ = &mut edit => unreachable!("it waits"),
                () = tokio::task::yield_now() => {}
            }
        }
        drop(edit);
        settle().await;
        assert_eq!(articles.article(1, "ann").await.unwrap().source(), Source::Loaded);
    });
}

#[test]
fn that_there_is_nothing_is_taken_by_its_tags_too() {
    paused(async || {
        let articles = Articles::new().await;
        assert_eq!(articles.latest("ann").await, Ok(None));
        articles.table.version.store(1, SeqCst);
        assert_eq!((articles.latest("ann").await, articles.reads()), (Ok(None), 1), "it is remembered");
        articles.rename("ann").await;
        assert_eq!(articles.latest("ann").await, Ok(Some(2)));
    });
}

#[test]
fn a_stale_value_is_not_served_on_after_the_body_found_that_there_is_nothing() {
    paused(async || {
        let articles = Articles::new().await;
        assert_eq!(articles.even(1).await, Ok(Some(0)));
        articles.table.version.store(1, SeqCst);
        advance(Duration::from_secs(601)).await;
        assert_eq!(articles.even(1).await, Ok(Some(0)), "stale, and the body runs behind");
        settle().await;
        assert_eq!(articles.even(1).await, Ok(None));
        assert_eq!(articles.reads(), 3, "that there is nothing is not kept");
    });
}
