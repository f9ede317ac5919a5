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

#[cached(key = "query::pattern::{id}", skip(_))]
async fn pattern(State(cache): State<Cache>, (id, _): (u32, u32)) -> u32 {
    drop(cache);
    id
}

/// Where an expression begins may be left out of the key, however it goes on.
mod roots {
    use super::{App, Arc, Cache, cached};

    fn cache_of(app: &App, _: usize) -> Option<&Cache> {
        app.cache.as_deref()
    }

    #[cached("query::call::{id}", cache = cache_of(app, 1))]
    pub(super) async fn call(app: &Arc<App>, id: u32) -> u32 {
        id
    }

    #[cached("query::index::{id}", cache = apps[0].cache.as_ref().map(|cache| cache.as_ref().clone()))]
    pub(super) async fn index(apps: &[Arc<App>], id: u32) -> u32 {
        id
    }

    #[cached("query::block::{id}", cache = { let chosen = &app; let cache = &chosen.cache; cache.clone() })]
    pub(super) async fn block(app: Arc<App>, id: u32) -> u32 {
        id
    }

    #[cached("query::branch::{id}", cache = match &app.cache { Some(cache) if id > 0 => Some(cache), _ => None })]
    pub(super) async fn branch(app: &Arc<App>, id: u32) -> u32 {
        id
    }

    #[allow(clippy::manual_map)]
    #[cached("query::choice::{id}", cache = if let Some(cache) = &app.cache { Some(&**cache) } else { None })]
    pub(super) async fn choice(app: &Arc<App>, id: u32) -> u32 {
        id
    }

    #[allow(clippy::redundant_closure_call)]
    #[cached("query::closure::{id}", cache = (|| app.cache.clone())())]
    pub(super) async fn closure(app: &Arc<App>, id: u32) -> u32 {
        id
    }

    /// It may stand in the key or in `skip` all the same, and what comes along with the cache needs neither.
    #[cached("query::both::{kind}", skip(cache, self_made), cache = cache)]
    pub(super) async fn both((cache, .., kind): (Arc<Cache>, u8, u32), self_made: u8) -> u32 {
        kind + u32::from(self_made)
    }

    #[cached(key_prefix = "query", skip(more, _, ..))]
    pub(super) async fn prefix(
        cache: &Cache,
        id @ (_, _): (u8, u8),
        [first, ..]: [u8; 3],
        _: u8,
        more: u8,
    ) -> u8 {
        id.0 + first + more
    }
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
fn an_argument_that_only_leads_to_the_cache_is_in_no_key() {
    paused(|| async {
        let cache = Arc::new(Cache::for_tests().await);
        let app = Arc::new(App { cache: Some(Arc::clone(&cache)) });
        for _ in 0..2 {
            assert_eq!((roots::call(&app, 1).await, roots::index(&[Arc::clone(&app)], 2).await), (1, 2));
            assert_eq!((roots::block(Arc::clone(&app), 3).await, roots::branch(&app, 4).await), (3, 4));
            assert_eq!((roots::choice(&app, 5).await, roots::closure(&app, 6).await), (5, 6));
            assert_eq!(roots::both((Arc::clone(&cache), 1, 7), 0).await, 7);
            assert_eq!(roots::prefix(&cache, (8, 0), [0; 3], 1, 0).await, 8);
        }
        let names = ["call::1", "index::2", "block::3", "branch::4", "choice::5", "closure::6", "both::7"];
        for name in names {
            assert_eq!(cache.loads(format!("query::{name}")), 1, "{name}");
        }
        let key = roots::prefix_key((8, 0), [0; 3]).unwrap();
        assert!(key.as_str().ends_with("::0::prefix"), "{key}");
        assert_eq!(cache.loads(key), 1);
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
