//! Attributes with `native`: values without serde, the same `Arc` for all callers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use apex_cache::testing::{advance, paused};
use apex_cache::{Cache, ErrorKind, Hit, LoadPolicy, Settings, Tag, cache_invalidate, cached};

/// Neither serde nor `Clone`.
struct Template {
    text: String,
    _lock: std::sync::Mutex<()>,
}

fn template(text: String) -> Arc<Template> {
    Arc::new(Template { text, _lock: std::sync::Mutex::default() })
}

#[derive(Clone)]
struct Templates {
    cache: Cache,
    runs: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
}

/// An error that nobody can copy.
#[derive(Debug)]
struct Away(u32);

impl Templates {
    async fn new() -> Self {
        Self { cache: Cache::for_tests().await, runs: Arc::default(), fails: Arc::default() }
    }

    async fn read(&self, name: &str) -> Result<Arc<Template>, Away> {
        let run = self.runs.fetch_add(1, SeqCst) + 1;
        tokio::task::yield_now().await;
        if self.fails.load(SeqCst) { Err(Away(run)) } else { Ok(template(format!("{name} {run}"))) }
    }

    #[cached("config::plain::{name}", cache = self.cache, native)]
    async fn plain(&self, name: &str) -> Arc<Template> {
        self.read(name).await.unwrap_or_else(|_| template(String::from("none")))
    }

    #[cached(
        "config::result::{name}",
        cache = self.cache,
        native,
        size = 40_000,
        ttl = "1m",
        stale = "5m",
        tags = ["templates", |template| [format!("text:{}", template.text.len())]],
    )]
    async fn result(&self, name: &str) -> Result<Arc<Template>, Away> {
        self.read(name).await
    }

    #[cached("config::maybe::{name}", cache = self.cache, native, none = "30s")]
    async fn maybe(&self, name: &str) -> Result<Option<Arc<Template>>, Away> {
        if name.is_empty() { self.read(name).await.map(|_| None) } else { self.read(name).await.map(Some) }
    }

    #[cached("config::option::{name}", cache = self.cache, native)]
    async fn option(&self, name: &str) -> Option<Arc<str>> {
        self.read(name).await.ok().map(|template| Arc::from(template.text.as_str()))
    }

    #[cached("config::hit::{name}", cache = self.cache, native, ttl = "1m", stale = "5m")]
    async fn hit(&self, name: &str) -> Result<Hit<Arc<Template>>, Away> {
        self.read(name).await
    }

    #[cached("config::panics::{name}", cache = self.cache, native, companions = false)]
    async fn panics(&self, name: &str) -> Arc<Template> {
        assert!(!self.fails.load(SeqCst), "{name}");
        self.read(name).await.unwrap_or_else(|_| template(String::new()))
    }

    #[cache_invalidate("config::plain::{name}", cache = self.cache)]
    async fn change(&self, name: &str) {
        let _ = name;
    }
}

#[test]
fn all_callers_are_given_the_same_arc_and_one_body_runs() {
    paused(async || {
        let templates = Templates::new().await;
        let calls = (0..50).map(|_| {
            let templates = templates.clone();
            actix::spawn(async move { templates.plain("a").await })
        });
        let mut all = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            all.push(call.await.expect("it does not panic"));
        }
        assert!(all.iter().all(|one| Arc::ptr_eq(one, &all[0])) && all[0].text == "a 1");
        let held = templates.cache.get_native::<Template>("config::plain::a").await.expect("it is native");
        assert!(held.is_some_and(|held| Arc::ptr_eq(&held, &all[0])));
        assert_eq!(templates.runs.load(SeqCst), 1);
        templates.change("a").await;
        assert_eq!(templates.plain("a").await.text, "a 2");
        let uncached = templates.plain_uncached("a").await;
        assert_eq!((uncached.text.as_str(), templates.plain("a").await.text.as_str()), ("a 3", "a 2"));
    });
}

#[test]
fn every_form_of_return_works_and_none_is_remembered() {
    paused(async || {
        let templates = Templates::new().await;
        let first = templates.maybe("a").await.expect("it is there").expect("and not none");
        let again = templates.maybe("a").await.expect("it is there").expect("and not none");
        assert!(Arc::ptr_eq(&first, &again));
        for _ in 0..3 {
            assert!(templates.maybe("").await.expect("nothing is no error").is_none());
        }
        assert_eq!(templates.runs.load(SeqCst), 2, "that there is nothing is remembered");
        let text = templates.option("b").await.expect("it is there");
        assert!(Arc::ptr_eq(&text, &templates.option("b").await.expect("it is there")));
        let loaded = templates.hit("c").await.expect("it is there");
        let hit = templates.hit("c").await.expect("it is there");
        assert!(loaded.was_loaded() && !hit.was_loaded() && Arc::ptr_eq(&loaded, &hit));
    });
}

#[test]
fn it_is_tagged_sized_refreshed_and_served_stale_as_other_values_are() {
    paused(async || {
        let templates = Templates::new().await;
        let first = templates.result("a").await.expect("it is there");
        let info = templates.cache.info().await.expect("the status");
        let bytes = info.tiers.iter().map(|tier| tier.bytes).sum::<u64>();
        assert!((40_000..42_000).contains(&bytes), "{bytes}");
        advance(std::time::Duration::from_secs(61)).await;
        assert!(Arc::ptr_eq(&templates.result("a").await.expect("stale"), &first));
        advance(std::time::Duration::from_millis(1)).await;
        assert_eq!(templates.result("a").await.expect("refreshed").text, "a 2");
        templates.fails.store(true, SeqCst);
        advance(std::time::Duration::from_secs(61)).await;
        assert_eq!(templates.result("a").await.expect("stale").text, "a 2");
        for tag in ["templates", "text:3"] {
            let tag = Tag::new(tag).expect("a tag");
            assert_eq!(templates.cache.invalidate(tag).dry_run().await.expect("counted").matched, 1);
        }
    });
}

#[test]
fn an_error_goes_to_the_caller_whose_body_returned_it_and_a_panic_too() {
    paused(async || {
        let templates = Templates::new().await;
        templates.fails.store(true, SeqCst);
        assert_eq!(templates.result("a").await.err().expect("it fails").0, 1);
        assert_eq!(templates.result("a").await.err().expect("it fails again").0, 2);
        let own = templates.clone();
        let panicked = actix::spawn(async move { own.panics("a").await }).await;
        assert!(panicked.is_err_and(|error| error.is_panic()));
        templates.fails.store(false, SeqCst);
        assert_eq!(templates.panics("a").await.text, "a 3");
        templates.cache.shutdown().await.expect("it ends");
        assert_eq!(templates.result("b").await.expect("its body runs").text, "b 4");
        assert_eq!(templates.plain("b").await.text, "b 5");
    });
}

#[test]
fn it_is_primed_and_read_under_its_key() {
    paused(async || {
        let templates = Templates::new().await;
        let own = template(String::from("own"));
        assert!(templates.result_prime("a", &own).await.expect("it is stored").kept);
        assert!(Arc::ptr_eq(&templates.result("a").await.expect("it is there"), &own));
        assert_eq!(templates.runs.load(SeqCst), 0);
        let tag = Tag::new("text:3").expect("a tag");
        assert_eq!(templates.cache.invalidate(tag).await.expect("counted").matched, 1, "it has its tags");
        templates.option_prime("x", &Arc::from("text")).await.expect("it is stored");
        assert_eq!(templates.option("x").await.as_deref(), Some("text"));
        let key = Templates::option_key("x").expect("a key");
        assert_eq!(templates.cache.get::<String>(&key).await.unwrap_err().kind(), ErrorKind::WrongType);
        // Of another type: it counts as absent.
        templates.cache.set(&key, "encoded").await.expect("it is stored");
        assert_eq!(templates.option("x").await.as_deref(), Some("x 1"));
    });
}

#[test]
fn what_its_cache_cannot_keep_is_returned_all_the_same() {
    paused(async || {
        let settings = Settings::default().max_entry_size(1_024);
        let cache = apex_cache::testing::builder().settings(settings).start().await.expect("they are right");
        let templates = Templates { cache, runs: Arc::default(), fails: Arc::default() };
        for run in 1..4 {
            assert_eq!(templates.result("a").await.expect("it is there").text, format!("a {run}"));
        }
        let call = templates
            .cache
            .get_or_load_native("config::x", || async { Ok::<_, io::Error>(template(String::new())) });
        assert!(call.size(4_000).policy(LoadPolicy::new()).await.is_ok_and(|hit| !hit.is_stored()));
    });
}
