//! What an attribute says about waiting: for a fresh value before a stale one, and never for zero.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use apex_cache::testing::{advance, builder, paused};
use apex_cache::{Cache, Hit, LoadPolicy, Settings, cached};

#[derive(Clone)]
struct Rates {
    cache: Cache,
    runs: Arc<AtomicU32>,
    takes: Duration,
    fails: bool,
}

impl Rates {
    async fn new(settings: Settings) -> Self {
        let cache = builder().settings(settings).start().await.expect("they are right");
        Self { cache, runs: Arc::default(), takes: Duration::ZERO, fails: false }
    }

    async fn read(&self) -> Result<u32, String> {
        let run = self.runs.fetch_add(1, SeqCst);
        let _ = tokio::time::timeout(self.takes, std::future::pending::<()>()).await;
        if self.fails { Err("away".into()) } else { Ok(run) }
    }

    #[cached(
        "query::rate::{of}",
        cache = self.cache,
        ttl = "1m",
        stale = "10m",
        soft_timeout = "200ms"
    )]
    async fn rate(&self, of: &str) -> Result<Hit<u32>, String> {
        let _ = of;
        self.read().await
    }

    #[cached("query::panics::{of}", cache = self.cache, ttl = "1m", stale = "10m", soft_timeout = "200ms")]
    async fn panics(&self, of: &str) -> Result<Hit<u32>, String> {
        assert!(!self.fails, "{of}");
        self.read().await
    }

    #[cached("query::plain::{of}", cache = self.cache)]
    async fn plain(&self, of: &str) -> Result<Hit<u32>, String> {
        let _ = of;
        self.read().await
    }

    #[cached("query::token::{of}", cache = self.cache, stale = "0s", soft_timeout = 0)]
    async fn token(&self, of: &str) -> Result<Hit<u32>, String> {
        let _ = of;
        self.read().await
    }

    #[cached("query::never::{of}", cache = self.cache, none = "0s", stale = 0, run = "caller")]
    async fn never(&self, of: &str) -> Result<Option<u32>, String> {
        let _ = of;
        self.read().await.map(|_| None)
    }

    #[cached("query::at_once::{of}", cache = self.cache, soft_timeout = "0s")]
    async fn at_once(&self, of: &str) -> Result<Hit<u32>, String> {
        let _ = of;
        self.read().await
    }
}

#[allow(clippy::disallowed_methods)] // a test measures; the cache asks its Env
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_call_waits_for_the_source_and_then_falls_back_to_the_old_value() {
    paused(|| async {
        let mut rates = Rates::new(Settings::default()).await;
        assert_eq!(*rates.rate("a").await.unwrap(), 0);
        advance(Duration::from_secs(61)).await;
        // The source answers in time.
        rates.takes = Duration::from_millis(100);
        let hit = rates.rate("a").await.unwrap();
        assert_eq!((*hit, hit.is_stale()), (1, false));
        advance(Duration::from_secs(61)).await;
        // It does not, and goes on behind.
        rates.takes = Duration::from_secs(5);
        let began = now();
        let hit = rates.rate("a").await.unwrap();
        assert_eq!((*hit, hit.is_stale()), (1, true));
        assert_eq!(began.elapsed().as_millis(), 200);
        advance(Duration::from_secs(5)).await;
        settle().await;
        let hit = rates.rate("a").await.unwrap();
        assert_eq!((*hit, hit.is_stale()), (2, false));
    });
}

#[test]
fn a_source_that_fails_within_the_soft_timeout_leaves_the_old_value() {
    paused(|| async {
        for panics in [false, true] {
            let mut rates = Rates::new(Settings::default()).await;
            let call = |rates: Rates| async move {
                if panics { rates.panics("a").await } else { rates.rate("a").await }
            };
            assert_eq!(*call(rates.clone()).await.unwrap(), 0);
            advance(Duration::from_secs(61)).await;
            rates.fails = true;
            for _ in 0..2 {
                let hit = call(rates.clone()).await.unwrap();
                assert_eq!((*hit, hit.is_stale()), (0, true), "panics: {panics}");
            }
            advance(Duration::from_secs(600)).await;
            if !panics {
                assert_eq!(call(rates).await.unwrap_err(), "away", "it is too old to be served");
            }
        }
    });
}

#[test]
fn zero_says_never_whatever_route_and_tier_say() {
    paused(|| async {
        let policy =
            LoadPolicy::new().stale(Duration::from_secs(600)).soft_timeout(Duration::from_millis(200));
        let settings =
            Settings::default().tier("query", |tier| tier.ttl(Duration::from_secs(60)).policy(policy));
        let mut rates = Rates::new(settings).await;
        for of in ["plain", "token", "at_once"] {
            let call = |rates: Rates| async move {
                match of {
                    "plain" => rates.plain("a").await,
                    "token" => rates.token("a").await,
                    _ => rates.at_once("a").await,
                }
            };
            rates.fails = false;
            rates.takes = Duration::ZERO;
            call(rates.clone()).await.unwrap();
            advance(Duration::from_secs(61)).await;
            rates.takes = Duration::from_millis(100);
            let began = now();
            let stale = call(rates.clone()).await.unwrap().is_stale();
            let waited = began.elapsed().as_millis();
            let expected = match of {
                "at_once" => (true, 0),
                _ => (false, 100),
            };
            assert_eq!((stale, waited), expected, "{of}");
            advance(Duration::from_secs(1)).await;
            settle().await;
            advance(Duration::from_secs(61)).await;
            rates.fails = true;
            let answer = call(rates.clone()).await;
            assert_eq!(answer.is_err(), of == "token", "{of}");
        }
        rates.fails = false;
        settle().await;
        advance(Duration::from_secs(1)).await; // what runs behind has ended
        let before = rates.runs.load(SeqCst);
        for _ in 0..2 {
            assert_eq!(rates.never("a").await, Ok(None));
        }
        assert_eq!(rates.runs.load(SeqCst), before + 2);
    });
}
