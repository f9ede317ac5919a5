//! The forms that functions have in real programs.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use apex_cache::testing::{advance, paused};
use apex_cache::{Cache, Hit, Source, cached};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The crate under another name, and no other one in sight.
mod renamed {
    use ::apex_cache as other;

    pub(super) mod deep {
        use super::other::{Cache, cache_invalidate, cached};

        #[cached(key = "query::renamed::{id}", ttl = 60, crate = super::other)]
        pub(crate) async fn twice(cache: &Cache, id: u32) -> u32 {
            id * 2
        }

        #[cache_invalidate("query::renamed::{id}", crate = super::other)]
        pub(crate) async fn forget(cache: &Cache, id: u32) {}
    }
}

/// Another name for a `Result`, which hides it from whoever only reads.
type Rows<T> = std::result::Result<T, Broken>;

#[derive(Debug, PartialEq, Serialize)]
struct Broken;

#[cached(key = "query::alias::{fails}")]
async fn alias(cache: &Cache, fails: bool) -> Rows<u32> {
    if fails { Err(Broken) } else { Ok(1) }
}

#[cached(key = "query::question::{text}")]
async fn question(cache: &Cache, text: &str) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    let number: u32 = text.parse()?;
    if number == 0 {
        return Ok(100);
    }
    Ok(number)
}

#[cached(key = "query::hit::{id}")]
async fn hit(cache: &Cache, id: u32) -> Hit<u32> {
    id
}

#[cached(key = "query::result_hit::{id}")]
async fn result_hit(cache: &Cache, id: u32) -> Result<Hit<Vec<u32>>, Broken> {
    if id == 0 { Err(Broken) } else { Ok(vec![id]) }
}

#[cached(key = "query::shared::{id}")]
async fn shared(cache: &Cache, id: u32) -> Option<Arc<str>> {
    (id > 0).then(|| id.to_string().into())
}

#[cached(key = "query::negative::{id}", ttl = "1h", none = "30s")]
async fn negative(cache: &Cache, id: u32) -> Result<Option<u32>, Broken> {
    Ok(Some(id).filter(|id| *id > 0))
}

#[cached(key = "query::generic::{id}", skip(text), ttl = Duration::from_secs(5))]
async fn generic<'a, T, const N: usize>(cache: &'a Cache, id: T, text: &'a [T]) -> (T, usize)
where
    T: Copy + Display + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    assert!(!text.is_empty());
    (id, N)
}

#[cached(key = "query::opaque::{id}", skip(more))]
async fn opaque(cache: &Cache, id: impl Display + Clone + Send + Sync + 'static, more: &[u8]) -> usize {
    id.to_string().len() + more.len()
}

#[cached(key = "query::borrows::{first}::{second}", skip(log), run = "caller")]
async fn borrows(cache: &Cache, first: Cow<'_, str>, second: Option<&str>, log: &mut Vec<String>) -> usize {
    log.push(first.to_string());
    first.len() + second.map_or(0, str::len)
}

/// What the compiler would say of the body is said of it alone.
#[cached(key = "query::attributes::{mut_id}")]
#[tracing::instrument(skip_all)]
#[allow(clippy::unused_async)]
async fn attributes(cache: &Cache, mut mut_id: u32) -> u32 {
    mut_id += 1;
    mut_id
}

#[tracing::instrument(skip_all)]
#[cached(key = "query::above::{id}")]
async fn above(cache: &Cache, id: u32) -> Result<u32, Broken> {
    if id == 0 {
        return Err(Broken);
    }
    Ok(id)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: u32,
}

#[derive(Clone)]
struct Repository<T> {
    cache: Cache,
    rows: Vec<T>,
    name: &'static str,
}

/// A trait with async methods, which can hold no companions.
trait Find {
    async fn find(&self, id: u32) -> Result<Option<Row>, Broken>;
}

impl Find for Repository<Row> {
    #[cached(key = "query::find::{id}", cache = self.cache, companions = false)]
    async fn find(&self, id: u32) -> Result<Option<Row>, Broken> {
        let found = self.rows.iter().find(|row| row.id == id).cloned();
        let counted = format!("{}", self.rows.len());
        assert_eq!(counted, "1");
        let row = found.ok_or(Broken)?;
        Ok(Some(row))
    }
}

impl<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Repository<T> {
    #[cached(key = "query::own::{self.name}", cache = self.cache)]
    async fn own(self: &Arc<Self>) -> Vec<T> {
        self.rows.clone()
    }
}

#[test]
fn modules_and_another_name_of_the_crate() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for _ in 0..2 {
            assert_eq!(renamed::deep::twice(&cache, 4).await, 8);
        }
        assert_eq!(cache.loads("query::renamed::4"), 1);
        renamed::deep::forget(&cache, 4).await;
        assert!(!cache.contains(renamed::deep::twice_key(4).unwrap()).unwrap());
    });
}

#[test]
fn an_error_under_another_name_is_not_cached_either() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for _ in 0..2 {
            assert_eq!(alias(&cache, true).await, Err(Broken));
            assert_eq!(alias(&cache, false).await, Ok(1));
            assert!(question(&cache, "x").await.is_err());
            assert_eq!(question(&cache, "0").await.unwrap(), 100);
            assert_eq!(above(&cache, 0).await, Err(Broken));
        }
        assert_eq!((cache.loads("query::alias::true"), cache.loads("query::alias::false")), (2, 1));
        assert_eq!((cache.loads("query::question::x"), cache.loads("query::question::0")), (2, 1));
    });
}

#[test]
fn a_hit_tells_where_it_came_from() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        assert_eq!(hit(&cache, 1).await.source(), Source::Loaded);
        let found = hit(&cache, 1).await;
        assert_eq!((*found, found.source()), (1, Source::Memory));
        assert_eq!(hit_uncached(&cache, 1).await, 1);
        assert!(result_hit(&cache, 0).await.is_err());
        assert!(result_hit(&cache, 1).await.unwrap().was_loaded());
        assert_eq!(*result_hit(&cache, 1).await.unwrap(), [1]);
    });
}

#[test]
fn none_lives_as_long_as_it_is_given() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for _ in 0..2 {
            assert_eq!(shared(&cache, 0).await, None);
            assert_eq!(shared(&cache, 1).await.as_deref(), Some("1"));
            assert_eq!(negative(&cache, 0).await, Ok(None));
            assert_eq!(negative(&cache, 1).await, Ok(Some(1)));
        }
        assert_eq!((cache.loads("query::shared::0"), cache.loads("query::shared::1")), (2, 1));
        assert_eq!((cache.loads("query::negative::0"), cache.loads("query::negative::1")), (1, 1));
        advance(Duration::from_secs(31)).await;
        assert_eq!((negative(&cache, 0).await, negative(&cache, 1).await), (Ok(None), Ok(Some(1))));
        assert_eq!((cache.loads("query::negative::0"), cache.loads("query::negative::1")), (2, 1));
        cache.set("query::negative::0", &5_u32).await.unwrap();
        assert_eq!(negative(&cache, 0).await, Ok(Some(5)), "what others set is seen");
    });
}

#[test]
fn generics_lifetimes_and_opaque_arguments() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for _ in 0..2 {
            assert_eq!(generic::<u8, 3>(&cache, 7, &[1]).await, (7, 3));
            assert_eq!(opaque(&cache, "abc", b"d").await, 4);
            assert_eq!(opaque(&cache, 17, b"").await, 2);
        }
        assert_eq!(cache.loads("query::generic::7"), 1);
        assert_eq!(cache.loads("query::opaque::abc"), 1);
        let mut log = Vec::new();
        for _ in 0..2 {
            assert_eq!(borrows(&cache, Cow::Borrowed("ab"), Some("c"), &mut log).await, 3);
        }
        assert_eq!(log, ["ab"]);
    });
}

#[test]
fn methods_of_traits_and_of_generic_types_and_attributes_beside() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let rows = Repository { cache: cache.clone(), rows: vec![Row { id: 1 }], name: "rows" };
        assert_eq!(rows.find(2).await, Err(Broken));
        for _ in 0..2 {
            assert_eq!(rows.find(1).await, Ok(Some(Row { id: 1 })));
            assert_eq!(attributes(&cache, 1).await, 2);
            assert_eq!(above(&cache, 1).await, Ok(1));
        }
        assert_eq!((cache.loads("query::attributes::1"), cache.loads("query::above::1")), (1, 1));
        assert_eq!(cache.loads("query::find::1"), 1);
        let rows = Arc::new(rows);
        assert_eq!(rows.own().await, rows.own().await);
        assert_eq!(cache.loads(rows.own_key().unwrap()), 1);
    });
}

#[cached(key = "query::{category}::count")]
async fn count(cache: &Cache, category: &'static str) -> usize {
    category.len()
}

#[test]
fn an_argument_that_lives_for_ever_needs_no_clone() {
    paused(async || {
        let cache = Cache::for_tests().await;
        assert_eq!((count(&cache, "chess").await, count(&cache, "chess").await), (5, 5));
        assert_eq!(cache.loads("query::chess::count"), 1);
    });
}
