//! Tags that only the value knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use apex_cache::testing::paused;
use apex_cache::{Cache, Hit, Tag, cache_invalidate, cached};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Page {
    authors: Vec<String>,
}

impl Page {
    fn by(authors: &[&str]) -> Self {
        Self { authors: authors.iter().map(ToString::to_string).collect() }
    }

    fn tags(&self) -> Vec<Tag> {
        self.authors.iter().map(|author| Tag::new(format!("by:{author}")).expect("names are short")).collect()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.authors.iter().map(String::as_str)
    }
}

/// Hides what the attribute could read.
type Rows<T> = Result<T, Broken>;
type Maybe<T> = Option<Arc<T>>;

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Broken;

#[cached("query::closure::{id}", tags = |page| page.tags())]
#[allow(clippy::redundant_closure_for_method_calls)]
async fn closure(cache: &Cache, id: u32) -> Page {
    Page::by(&["ann", "bob"])
}

#[cached("query::path::{id}", tags = Page::tags)]
async fn path(cache: &Cache, id: u32) -> Result<Option<Arc<Page>>, Broken> {
    Ok((id > 0).then(|| Arc::new(Page::by(&["ann", "bob"]))))
}

#[cached("query::list::{id}", none = "1m", tags = ["pages", Page::names, "id:{id}", |page| [format!("by:{}", page.authors[0])]])]
async fn list(cache: &Cache, id: u32) -> Result<Option<Page>, Broken> {
    match id {
        0 => Ok(None),
        1 => Err(Broken),
        _ => Ok(Some(Page::by(&["ann", "bob"]))),
    }
}

#[cached("query::hit::{id}", tags = |page: &Page| { if page.authors.is_empty() { return vec![]; } page.names().collect() })]
async fn hit(cache: &Cache, id: u32) -> Result<Hit<Page>, Broken> {
    Ok(Page::by(&["ann", "bob"]))
}

#[cached("query::alias::{id}", tags = |page| page.tags().into_iter().chain([]))]
async fn alias(cache: &Cache, id: u32) -> Rows<Maybe<Page>> {
    Ok(Some(Arc::new(Page::by(&["ann", "bob"]))))
}

#[cached("query::lent::{id}", skip(seen), run = "caller", tags = [Page::tags, "lent"])]
async fn lent(cache: &Cache, id: u32, seen: &mut u32) -> Rows<Page> {
    *seen += 1;
    Ok(Page::by(&["ann", "bob"]))
}

#[cached("query::text::{id}", tags = |text| text.split(' ').map(|word| format!("by:{word}")))]
async fn text(cache: &Cache, id: u32) -> Arc<str> {
    "ann bob".into()
}

#[cached("query::generic::{id}", skip(rows), tags = |rows| rows.iter().map(|row| format!("by:{row}")).collect::<Vec<_>>())]
async fn generic<T>(cache: &Cache, id: u32, rows: Vec<T>) -> Vec<T>
where
    T: std::fmt::Display + Clone + Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    rows
}

#[cache_invalidate(tags = ["by:{author}"])]
async fn rename(cache: &Cache, author: &str) {}

/// Whether each of the keys that the calls above make is held.
fn held(cache: &Cache) -> Vec<&'static str> {
    let names = ["closure", "path", "list", "hit", "alias", "lent", "text", "generic"];
    names
        .into_iter()
        .filter(|name| cache.contains(format!("query::{name}::2")).expect("nothing fails here"))
        .collect()
}

async fn call_all(cache: &Cache) {
    closure(cache, 2).await;
    path(cache, 2).await.expect("nothing fails here");
    list(cache, 2).await.expect("nothing fails here");
    hit(cache, 2).await.expect("nothing fails here");
    alias(cache, 2).await.expect("nothing fails here");
    lent(cache, 2, &mut 0).await.expect("nothing fails here");
    text(cache, 2).await;
    generic(cache, 2, ["ann", "bob"].iter().map(ToString::to_string).collect()).await;
}

#[test]
fn a_function_names_the_tags_of_the_value_whatever_that_is_wrapped_in() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for author in ["ann", "bob"] {
            call_all(&cache).await;
            assert_eq!(held(&cache).len(), 8);
            cache.invalidate(Tag::new("by:carl").unwrap()).await.unwrap();
            assert_eq!(held(&cache).len(), 8, "nobody has that tag");
            rename(&cache, author).await;
            // Its own function names the authors without `by:`, and the list only the first of them with it.
            let left: &[_] = if author == "ann" { &["hit"] } else { &["list", "hit"] };
            assert_eq!(held(&cache), left);
            cache.invalidate(Tag::new(author).unwrap()).await.unwrap();
            assert_eq!(held(&cache), [""; 0], "{author}");
        }
        for tag in ["pages", "id:2"] {
            call_all(&cache).await;
            cache.invalidate(Tag::new(tag).unwrap()).await.unwrap();
            assert!(!held(&cache).contains(&"list"), "templates are written with functions");
        }
    });
}

#[test]
fn where_there_is_no_value_no_function_is_asked() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        assert_eq!(
            (path(&cache, 0).await, list(&cache, 0).await, list(&cache, 1).await),
            (Ok(None), Ok(None), Err(Broken))
        );
        assert_eq!((list(&cache, 0).await, cache.loads("query::list::0")), (Ok(None), 1));
        cache.invalidate(Tag::new("pages").unwrap()).await.unwrap();
        assert_eq!(
            (list(&cache, 0).await, cache.loads("query::list::0")),
            (Ok(None), 2),
            "templates tag it all the same"
        );
    });
}

#[test]
fn what_is_primed_has_the_tags_too() {
    paused(|| async {
        let (cache, page) = (Cache::for_tests().await, Page::by(&["ann", "bob"]));
        closure_prime(&cache, 2, &page).await.unwrap();
        path_prime(&cache, 2, &page).await.unwrap();
        list_prime(&cache, 2, &page).await.unwrap();
        lent_prime(&cache, 2, &Ok(page.clone())).await.unwrap();
        text_prime(&cache, 2, "ann bob").await.unwrap();
        generic_prime(&cache, 2, &vec!["ann".to_owned()]).await.unwrap();
        assert_eq!(held(&cache), ["closure", "path", "list", "lent", "text", "generic"]);
        rename(&cache, "ann").await;
        assert_eq!(held(&cache), [""; 0]);
        // A text that is hashed is the tag that a template writes of the same text.
        let long = "x".repeat(5000);
        list_prime(&cache, 2, &Page::by(&[&long])).await.unwrap();
        assert_eq!(held(&cache), ["list"]);
        rename(&cache, &long).await;
        assert_eq!(held(&cache), [""; 0]);
    });
}

/// Runs a body that waits, and counts how often it ran.
#[derive(Clone)]
struct Source {
    cache: Cache,
    runs: Arc<AtomicU32>,
    gate: Arc<Semaphore>,
}

impl Source {
    async fn new() -> Self {
        Self { cache: Cache::for_tests().await, runs: Arc::default(), gate: Arc::new(Semaphore::new(100)) }
    }

    async fn read(&self) -> u32 {
        self.gate.acquire().await.expect("it is not closed").forget();
        tokio::task::yield_now().await;
        self.runs.fetch_add(1, SeqCst)
    }

    #[cached("query::named::{name}", cache = self.cache, tags = |value| [format!("by:{value}")])]
    async fn named(&self, name: &str) -> u32 {
        let _ = name;
        self.read().await
    }

    #[cached("query::named::{name}", cache = self.cache, tags = |value| [format!("by:{value}")], run = "caller", companions = false)]
    async fn named_here(&self, name: &str) -> u32 {
        let _ = name;
        self.read().await
    }

    #[cached("query::empty::{id}", cache = self.cache, tags = |_| [""])]
    async fn empty(&self, id: u32) -> u32 {
        self.read().await + id
    }

    #[cached("query::many::{id}", cache = self.cache, tags = ["one", |count| (1..*count).map(|tag| tag.to_string())])]
    async fn many(&self, id: u32) -> u32 {
        self.read().await;
        id
    }

    #[cached("query::panics::{id}", cache = self.cache, tags = |value| { assert!(*value > 100, "too small"); [""; 0] })]
    async fn panics(&self, id: u32) -> u32 {
        self.read().await + id
    }
}

/// An argument that cannot be shown.
#[derive(Clone)]
struct Unshown;

impl std::fmt::Display for Unshown {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Err(std::fmt::Error)
    }
}

#[cached("query::unshown::{id}", skip(source, by), cache = source.cache, tags = ["by:{by}", |_| ["all"]])]
async fn unshown(source: &Source, id: u32, by: Unshown) -> u32 {
    source.read().await;
    id
}

#[test]
fn an_argument_that_cannot_be_shown_in_a_tag_leaves_one_load_for_all_who_ask() {
    paused(|| async {
        let source = Source::new().await;
        let call = || {
            let source = source.clone();
            actix::spawn(async move { unshown(&source, 1, Unshown).await })
        };
        for call in (0..50).map(|_| call()).collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap(), 1);
        }
        assert_eq!(source.runs.load(SeqCst), 1);
        assert!(!source.cache.contains("query::unshown::1").unwrap());
        assert!(unshown_prime(&source, 1, Unshown, &1).await.is_err());
    });
}

#[test]
fn a_value_whose_tags_cannot_be_told_is_served_and_not_stored() {
    paused(|| async {
        let source = Source::new().await;
        for run in 0..2 {
            assert_eq!(source.empty(10).await, 10 + run);
        }
        assert!(!source.cache.contains("query::empty::10").unwrap());
        for _ in 0..2 {
            assert_eq!((source.many(32).await, source.many(33).await), (32, 33));
        }
        assert!(source.cache.contains("query::many::32").unwrap(), "32 with the one of the template");
        assert!(!source.cache.contains("query::many::33").unwrap());

        let before = source.runs.load(SeqCst);
        assert_eq!(source.panics(1).await, 1 + before);
        assert_eq!(source.panics(200).await, 201 + before);
        assert_eq!(source.runs.load(SeqCst), before + 2, "the body is not run again");
        assert!(!source.cache.contains("query::panics::1").unwrap());
        assert!(source.cache.contains("query::panics::200").unwrap());
        assert!(source.empty_prime(1, &1).await.is_err());
    });
}

#[test]
fn those_who_wait_share_a_value_that_is_not_stored() {
    paused(|| async {
        let source = Source::new().await;
        let calls = (0..50).map(|_| {
            let source = source.clone();
            actix::spawn(async move { source.empty(1).await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap(), 1);
        }
        assert_eq!(source.runs.load(SeqCst), 1);
    });
}

#[test]
fn an_invalidation_by_a_tag_of_the_value_during_its_load_keeps_it_out() {
    paused(|| async {
        for here in [false, true] {
            let source = Source { gate: Arc::new(Semaphore::new(0)), ..Source::new().await };
            let own = source.clone();
            let call =
                actix::spawn(
                    async move { if here { own.named_here("x").await } else { own.named("x").await } },
                );
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            // The body has read value 0, which nobody knows yet, when what has its tag is changed.
            rename(&source.cache, "0").await;
            source.gate.add_permits(10);
            assert_eq!(call.await.unwrap(), 0);
            assert!(!source.cache.contains("query::named::x").unwrap(), "in the caller: {here}");
            assert_eq!(source.named("x").await, 1);
            assert!(source.cache.contains("query::named::x").unwrap());
            rename(&source.cache, "0").await;
            assert!(source.cache.contains("query::named::x").unwrap(), "it has the tag of its new value");
        }
    });
}
