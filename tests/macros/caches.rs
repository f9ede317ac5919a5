//! The ways to say which cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use apex_cache::testing::paused;
use apex_cache::{Cache, cache_invalidate, cached};

static RUNS: AtomicU32 = AtomicU32::new(0);

struct App {
    cache: Option<Arc<Cache>>,
}

/// As web frameworks hand their state out.
struct State<T>(T);

impl<T: Clone> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cached(key = "query::expression::{id}", cache = app.cache)]
async fn expression(app: &Arc<App>, id: u32) -> u32 {
    id + app.cache.iter().count() as u32
}

#[cached(key = "query::pattern::{id}")]
async fn pattern(State(cache): State<Cache>, (id, _): (u32, u32)) -> u32 {
    drop(cache);
    id
}

#[cached(key = "query::global", cache = apex_cache::installed())]
async fn global() -> u32 {
    RUNS.fetch_add(1, Relaxed)
}

#[cache_invalidate("query::*", cache = apex_cache::installed())]
async fn forget() {}

#[derive(Clone)]
struct Service {
    state: Arc<App>,
}

/// Where the cache comes from a trait.
trait Cached {
    fn cache(&self) -> Option<&Cache>;
}

impl Cached for Service {
    fn cache(&self) -> Option<&Cache> {
        self.state.cache.as_deref()
    }
}

impl Service {
    #[cached(key = "query::method::{id}")]
    async fn method(self: Arc<Self>, id: u32) -> u32 {
        id
    }

    #[cached(key = "query::owned::{id}")]
    async fn owned(self, id: u32) -> u32 {
        id
    }

    #[cached(key = "query::argument::{id}")]
    async fn argument(&self, cache: Arc<Cache>, id: u32) -> u32 {
        id
    }
}

#[test]
fn an_expression_an_argument_a_pattern_and_a_method_name_the_cache() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let app = Arc::new(App { cache: Some(Arc::new(cache.clone())) });
        let service = Service { state: Arc::clone(&app) };
        for _ in 0..2 {
            assert_eq!(expression(&app, 1).await, 2);
            assert_eq!(pattern(State(cache.clone()), (2, 0)).await, 2);
            assert_eq!(Arc::new(service.clone()).method(3).await, 3);
            assert_eq!(service.clone().owned(4).await, 4);
            assert_eq!(service.argument(Arc::new(cache.clone()), 5).await, 5);
        }
        for key in ["expression::1", "pattern::2", "method::3", "owned::4", "argument::5"] {
            assert_eq!(cache.loads(format!("query::{key}")), 1, "{key}");
        }
        assert!(!pattern_prime(State(cache.clone()), (9, 0), &1).await.unwrap().replaced);
        assert_eq!(pattern(State(cache), (9, 0)).await, 1);
    });
}

#[test]
fn without_a_cache_the_body_runs() {
    paused(|| async {
        let app = Arc::new(App { cache: None });
        assert_eq!(expression(&app, 1).await, 1);
        assert_eq!(Service { state: app }.owned(1).await, 1);
        assert_eq!((global().await, global().await), (0, 1));
        forget().await;

        apex_cache::install(Cache::for_tests().await);
        assert_eq!((global().await, global().await), (2, 2));
        forget().await;
        assert_eq!(global().await, 3);
        assert!(apex_cache::install(None).is_some());
        assert_eq!(global().await, 4);
    });
}
