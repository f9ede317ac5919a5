//! Values that are there before a cached function is called.

use std::sync::Arc;

use apex_cache::testing::{builder, paused};
use apex_cache::{BoxError, Cache, Hit, Source, WarmEntries, WarmSource, cached};
use serde::{Deserialize, Serialize};

/// Its functions use neither cache nor number: to the compiler both are used by their attributes.
#[deny(unused)]
mod used_by_the_attribute_alone {
    use apex_cache::{Cache, cache_invalidate, cached};

    pub(super) struct State<T>(pub(super) T);

    #[cached(key = "query::unused::{id}")]
    pub(super) async fn by_name(cache: &Cache, id: u32) -> u32 {
        1
    }

    #[cached(key = "query::unused::{id}", run = "caller")]
    pub(super) async fn in_caller(cache: Cache, id: u32) -> u32 {
        2
    }

    #[cached(key = "query::unused::{id}", run = "caller", companions = false)]
    pub(super) async fn in_pattern(State(cache): State<Cache>, id: u32) -> u32 {
        3
    }

    #[cache_invalidate("query::unused::{id}")]
    pub(super) async fn forget(State(cache): State<Cache>, id: u32) {}
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: u32,
}

/// Another name for an `Option`, which hides it from whoever only reads.
type Shared = Option<Arc<Row>>;

#[cached(key = "query::row::{id}", ttl = "1h")]
async fn row(cache: &Cache, id: u32) -> Option<Row> {
    None
}

#[cached(key = "query::row::{id}", ttl = "1h")]
async fn row_or_error(cache: &Cache, id: u32) -> Result<Shared, std::io::Error> {
    Ok(None)
}

#[cached(key = "query::row::{id}", ttl = "1h", run = "caller")]
async fn row_hit(cache: &Cache, id: u32) -> Hit<Option<Row>> {
    None
}

async fn assert_found(cache: &Cache, id: u32) {
    let expected = Row { id };
    assert_eq!(row(cache, id).await.as_ref(), Some(&expected));
    assert_eq!(row_or_error(cache, id).await.expect("it never fails").as_deref(), Some(&expected));
    let hit = row_hit(cache, id).await;
    assert_eq!((hit.as_ref(), hit.source()), (&Some(expected), Source::Memory));
    assert_eq!(cache.loads(format!("query::row::{id}")), 0);
}

#[test]
fn a_function_that_returns_an_option_reads_what_was_primed_or_set() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        row_prime(&cache, 1, &Row { id: 1 }).await.unwrap();
        cache.set(row_key(2).unwrap(), &Row { id: 2 }).await.unwrap();
        for id in 1..=2 {
            assert_found(&cache, id).await;
            assert_eq!(cache.get::<Row>(row_key(id).unwrap()).await.unwrap().map(|row| row.id), Some(id));
        }
        // Whoever thinks of what the function returns may set that. So does a companion that cannot see the `Option`.
        row_or_error_prime(&cache, 3, &Some(Arc::new(Row { id: 3 }))).await.unwrap();
        cache.set(row_key(4).unwrap(), &Some(Row { id: 4 })).await.unwrap();
        cache.set(row_key(5).unwrap(), &Some(Arc::new(Row { id: 5 }))).await.unwrap();
        for id in 3..=5 {
            assert_found(&cache, id).await;
        }
        cache.set(row_key(6).unwrap(), &None::<Row>).await.unwrap();
        assert_eq!((row(&cache, 6).await, cache.loads("query::row::6")), (None, 0));
        // Another type is none of its own.
        cache.set(row_key(7).unwrap(), "text").await.unwrap();
        assert_eq!((row(&cache, 7).await, cache.loads("query::row::7")), (None, 1));
    });
}

#[test]
fn a_function_that_returns_an_option_reads_what_was_warmed() {
    paused(|| async {
        let warm = WarmSource::new("rows", "query", |_| async {
            let entries = WarmEntries::new().with(row_key(1)?, &Row { id: 1 })?;
            Ok::<_, BoxError>(entries.with(row_key(2)?, &Some(Row { id: 2 }))?)
        });
        let cache = builder().warm(warm.required()).start().await.unwrap();
        cache.ready().await.unwrap();
        assert_found(&cache, 1).await;
        assert_found(&cache, 2).await;
    });
}

#[test]
fn arguments_that_only_the_attribute_uses_are_used() {
    use used_by_the_attribute_alone::{State, by_name, forget, in_caller, in_pattern};
    paused(|| async {
        let cache = Cache::for_tests().await;
        assert_eq!(in_pattern(State(cache.clone()), 7).await, 3);
        assert_eq!((by_name(&cache, 7).await, in_caller(cache.clone(), 7).await), (3, 3));
        forget(State(cache.clone()), 7).await;
        assert_eq!(by_name(&cache, 7).await, 1);
    });
}

/// Writes every number and reads even ones: a type that was changed after its values had been written.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Even(u32);

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if number % 2 == 0 { Ok(Self(number)) } else { Err(serde::de::Error::custom("it is odd")) }
    }
}

#[cached(key = "query::even::{id}", ttl = "1h")]
async fn even(cache: &Cache, id: u32) -> Hit<Even> {
    Even(id)
}

#[cached(key = "query::even::{id}", ttl = "1h", run = "caller")]
async fn even_in_caller(cache: &Cache, id: u32) -> Hit<Option<Even>> {
    Some(Even(id))
}

#[test]
fn what_was_written_before_a_type_changed_is_loaded_anew_and_kept() {
    paused(async || {
        let cache = builder().start().await.unwrap();
        cache.set("query::even::2", &Even(1)).await.unwrap();
        assert!(even(&cache, 2).await.is_stored());
        assert_eq!(even(&cache, 2).await.source(), Source::Memory);
        cache.set("query::even::4", &Even(1)).await.unwrap();
        assert!(even_in_caller(&cache, 4).await.is_stored());
        assert_eq!(even_in_caller(&cache, 4).await.source(), Source::Memory);
    });
}
