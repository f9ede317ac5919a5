//! The middleware for tower and for actix-web: who is active, and the deadline of a request.
//!
//! Owns: what both do alike; each test runs through the one and the other. Never: opens a socket; the hosts do.

mod common;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use apex_cache::engine::moment::Moment;
use apex_cache::web::{CacheLayer, CacheMiddleware, TIMEOUT_HEADER};
use apex_cache::{Cache, Env, Error, WarmEntries, WarmSource};
use tower_layer::Layer;
use tower_service::Service;

use common::{cache, inline, paused, settle};

#[derive(Clone, Copy, Debug)]
enum Front {
    Tower,
    Actix,
}

const FRONTS: [Front; 2] = [Front::Tower, Front::Actix];
const USER: &str = "x-user";

type Page = Pin<Box<dyn Future<Output = String> + Send>>;
type Handler = fn(Cache) -> Page;

/// A service of one page.
struct Site(Handler, Cache);

impl Service<http::Request<()>> for Site {
    type Response = String;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<String, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        let page = self.0(self.1.clone());
        Box::pin(async move { Ok(page.await) })
    }
}

impl Front {
    /// What `handler` answers to a request with these headers, behind the middleware.
    async fn ask(self, cache: &Cache, headers: &[(&'static str, &str)], handler: Handler) -> String {
        match self {
            Self::Tower => {
                let layer = CacheLayer::new(cache.clone())
                    .user(|head| head.headers.get(USER)?.to_str().ok().map(str::to_owned))
                    .deadline_header(TIMEOUT_HEADER);
                let mut request = http::Request::builder().uri("/");
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let request = request.body(()).expect("a request");
                let answer = layer.layer(Site(handler, cache.clone())).call(request).await;
                answer.unwrap_or_else(|never| match never {})
            }
            Self::Actix => {
                let middleware = CacheMiddleware::new(cache.clone())
                    .user(|request| request.headers().get(USER)?.to_str().ok().map(str::to_owned))
                    .deadline_header(TIMEOUT_HEADER);
                let held = cache.clone();
                let app = actix_web::App::new()
                    .wrap(middleware)
                    .default_service(actix_web::web::to(move || handler(held.clone())));
                let app = actix_web::test::init_service(app).await;
                let mut request = actix_web::test::TestRequest::default();
                for (name, value) in headers {
                    request = request.insert_header((*name, *value));
                }
                let body = actix_web::test::call_and_read_body(&app, request.to_request()).await;
                String::from_utf8_lossy(&body).into_owned()
            }
        }
    }
}

fn hello(_: Cache) -> Page {
    Box::pin(async { "hello".to_owned() })
}

/// Waits for a load that never ends by itself, and shows what the cache says in the end.
fn stuck(cache: Cache) -> Page {
    Box::pin(async move {
        let hit = cache.get_or_load("query::stuck", pending::<Result<String, Error>>).await;
        hit.map_or_else(|error| format!("{:?}", error.kind()), apex_cache::Hit::into_value)
    })
}

/// Counts the runs of a source for users, which takes an hour.
fn slow_user_source(runs: &Arc<AtomicU32>) -> WarmSource {
    let runs = Arc::clone(runs);
    WarmSource::new("user", "user", move |run| {
        assert_eq!(run.user(), "42");
        runs.fetch_add(1, Relaxed);
        async {
            let _ = tokio::time::timeout(Duration::from_secs(3_600), pending::<()>()).await;
            Ok::<_, Error>(WarmEntries::new())
        }
    })
    .on_user_active()
}

#[test]
fn a_user_is_announced_and_nobody_waits_for_what_follows() {
    for front in FRONTS {
        paused(|| async {
            let runs = Arc::new(AtomicU32::new(0));
            let cache = inline().warm(slow_user_source(&runs)).start().await.expect("it starts");
            let clock = Env::simulated(7);
            assert_eq!(front.ask(&cache, &[], hello).await, "hello");
            settle().await;
            assert_eq!(runs.load(Relaxed), 0, "{front:?}: a request without a user");
            for _ in 0..3 {
                assert_eq!(front.ask(&cache, &[(USER, "42")], hello).await, "hello");
                settle().await;
            }
            assert_eq!(runs.load(Relaxed), 1, "{front:?}: once within the time to live");
            assert_eq!(clock.now().since(Moment::START), Duration::ZERO, "{front:?}");
        });
    }
}

#[test]
fn a_cache_that_has_ended_is_no_trouble_of_a_request() {
    for front in FRONTS {
        paused(|| async {
            let cache = cache().await;
            cache.shutdown().await.expect("it ends");
            let headers = [(USER, "42"), (TIMEOUT_HEADER, "10")];
            assert_eq!(front.ask(&cache, &headers, hello).await, "hello", "{front:?}");
        });
    }
}

#[test]
fn the_header_says_how_long_a_load_is_waited_for() {
    let no_limit = (Duration::from_secs(30), "LoadTimeout");
    let cases = [
        (Some("0"), (Duration::ZERO, "Timeout")),
        (Some("250"), (Duration::from_millis(250), "Timeout")),
        (Some(" 29999 "), (Duration::from_millis(29_999), "Timeout")),
        (Some("18446744073709551615"), no_limit),
        (Some("soon"), no_limit),
        (Some("-1"), no_limit),
        (None, no_limit),
    ];
    for front in FRONTS {
        for (header, (limit, said)) in cases {
            paused(|| async {
                let cache = cache().await;
                let clock = Env::simulated(7);
                let headers: Vec<_> = header.map(|text| (TIMEOUT_HEADER, text)).into_iter().collect();
                assert_eq!(front.ask(&cache, &headers, stuck).await, said, "{front:?} {header:?}");
                let took = clock.now().since(Moment::START);
                let most = limit + Duration::from_millis(2);
                assert!(took >= limit && took <= most, "{front:?} {header:?}: {took:?}");
            });
        }
    }
}

#[test]
fn a_function_may_set_the_deadline_instead() {
    paused(|| async {
        let cache = cache().await;
        let layer = CacheLayer::new(cache.clone())
            .deadline(|head| (head.uri.path() == "/fast").then_some(Duration::from_millis(5)));
        let request = http::Request::builder().uri("/fast").body(()).expect("a request");
        let clock = Env::simulated(7);
        let said = layer.layer(Site(stuck, cache.clone())).call(request).await;
        assert_eq!(said.as_deref(), Ok("Timeout"));
        assert!(clock.now().since(Moment::START) <= Duration::from_millis(7));
    });
}
