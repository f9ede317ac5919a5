//! A source that is slow, hangs or fails: how many bodies run, and when the callers are back.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use apex_cache::testing::{advance, builder, paused};
use apex_cache::{Cache, ErrorKind, Key, Settings, cached};

const SECOND: Duration = Duration::from_secs(1);
const HALF: Duration = Duration::from_millis(500);
const NEVER: Duration = Duration::from_secs(1 << 30);

/// Not `Clone`.
#[derive(Debug, PartialEq)]
pub(super) struct Refused(u32);

/// What the source does for each body, the first body first; the last stands for all that follow.
type Script = Arc<Vec<(Duration, bool)>>;

#[derive(Debug, Clone)]
struct Source {
    cache: Cache,
    script: Script,
    began: Arc<AtomicU32>,
    running: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
}

/// A body under way, until it ends or is dropped.
struct Running(Arc<AtomicU32>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Source {
    async fn new(script: &[(Duration, bool)]) -> Self {
        let settings = Settings::default().load_timeout(SECOND).load_concurrency(8);
        Self::with(settings, script).await
    }

    async fn with(settings: Settings, script: &[(Duration, bool)]) -> Self {
        let cache = builder().settings(settings).start().await.unwrap();
        let script = Arc::new(script.to_vec());
        Self { cache, script, began: Arc::default(), running: Arc::default(), most: Arc::default() }
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }

    async fn query(&self) -> Result<u32, Refused> {
        let number = self.began.fetch_add(1, Relaxed);
        let now = self.running.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(now, Relaxed);
        let _running = Running(Arc::clone(&self.running));
        let (takes, fails) = self.script[(number as usize).min(self.script.len() - 1)];
        wait(takes).await;
        if fails { Err(Refused(number)) } else { Ok(number) }
    }

    #[cached(key = "query::row::{id}", ttl = "1h")]
    async fn row(&self, id: u32) -> Result<u32, Refused> {
        self.query().await
    }

    #[cached(key = "query::row::{id}", ttl = "1h", run = "caller")]
    async fn row_here(&self, id: u32) -> Result<u32, Refused> {
        self.query().await
    }

    #[cached(key = "query::native::{id}", ttl = "1h", native)]
    async fn row_native(&self, id: u32) -> Result<Arc<u32>, Refused> {
        self.query().await.map(Arc::new)
    }

    #[cached(key = "query::text::{id}", ttl = "1h")]
    async fn row_or_text(&self, id: u32) -> Result<u32, String> {
        self.query().await.map_err(|error| format!("{error:?}"))
    }

    #[cached(key = "query::old::{id}", ttl = "1s", stale = "1h")]
    async fn row_or_old(&self, id: u32) -> Result<u32, Refused> {
        self.query().await
    }

    fn bodies(&self) -> u32 {
        self.began.load(Relaxed)
    }

    fn running(&self) -> u32 {
        self.running.load(Relaxed)
    }
}

async fn wait(span: Duration) {
    let _ = tokio::time::timeout(span, std::future::pending::<()>()).await;
}

#[allow(clippy::disallowed_methods)] // the clock of the test, which stands still while anything runs
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Begins so many calls at once; how each ended, and after which time, in the order in which they ended.
async fn all<T: Debug + 'static, F: Future<Output = T> + 'static>(
    callers: u32,
    call: impl Fn(u32) -> F,
) -> Vec<(Duration, T)> {
    let began = now();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let call = call(caller);
        tasks.spawn_local(async move {
            let said = call.await;
            (now() - began, said)
        });
    }
    let mut ended = Vec::new();
    while let Some(one) = tasks.join_next().await {
        ended.push(one.unwrap());
    }
    ended
}

/// In whole units of 100 ms.
fn tenths<T>(ended: &[(Duration, T)]) -> Vec<u128> {
    ended.iter().map(|(after, _)| after.as_millis() / 100).collect()
}

fn last<T>(ended: &[(Duration, T)]) -> u128 {
    tenths(ended).into_iter().max().unwrap()
}

/// Runs the same with each kind of cached function that has an error which cannot be shared.
#[allow(clippy::needless_pass_by_value)] // a closure, written where it is used
fn each_kind(
    test: impl AsyncFn(Source, &str) -> Vec<(Duration, bool)>,
    script: &[(Duration, bool)],
    check: impl Fn(&str, &Source, &[(Duration, bool)]),
) {
    for kind in ["cache", "caller", "native"] {
        paused(|| async {
            let source = Source::new(script).await;
            let ended = test(source.clone(), kind).await;
            check(kind, &source, &ended);
            advance(Duration::ZERO).await;
            assert_eq!(source.running(), 0, "{kind}: a body is left");
            assert!(source.most.load(Relaxed) <= 8, "{kind}: more bodies than places");
        });
    }
}

async fn ask(source: Source, kind: &str, id: u32) -> bool {
    match kind {
        "cache" => source.row(id).await.is_ok(),
        "caller" => source.row_here(id).await.is_ok(),
        _ => source.row_native(id).await.is_ok(),
    }
}

/// As [`ask`], also by calls that have an error of the cache's.
async fn ask_any(source: Source, kind: &'static str, id: u32) -> bool {
    let (cache, own) = (source.cache.clone(), source.clone());
    let query = async move { own.query().await.map_err(|error| format!("{error:?}")) };
    match kind {
        "get_or_load" => cache.get_or_load(format!("query::row::{id}"), || query).await.is_ok(),
        "get_or_load_many" => {
            let load = move |keys: Vec<Key>| {
                let own = source.clone();
                async move {
                    let row = own.query().await.map_err(|error| format!("{error:?}"))?;
                    Ok::<_, String>(keys.into_iter().map(move |key| (key, row)))
                }
            };
            cache.get_or_load_many([format!("query::row::{id}")], load).await[0].is_ok()
        }
        _ => ask(source, kind, id).await,
    }
}

async fn crowd(source: Source, kind: &str, callers: u32) -> Vec<(Duration, bool)> {
    let kind: Arc<str> = kind.into();
    all(callers, |_| {
        let (source, kind) = (source.clone(), Arc::clone(&kind));
        async move { ask(source, &kind, 1).await }
    })
    .await
}

#[test]
fn a_slow_body_gets_one_more_for_each_time_limit_and_the_first_answers_all() {
    for (takes, bodies) in [(SECOND / 2, 1), (2 * SECOND + HALF, 3), (Duration::from_millis(2_900), 3)] {
        each_kind(
            async |source, kind| crowd(source, kind, 200).await,
            &[(takes, false)],
            |kind, source, ended| {
                assert_eq!(source.bodies(), bodies, "{kind} {takes:?}");
                assert!(ended.iter().all(|(after, ok)| *ok && *after == takes), "{kind} {takes:?}");
            },
        );
    }
}

#[test]
fn a_body_that_hangs_costs_the_others_one_time_limit_and_one_body() {
    each_kind(
        async |source, kind| crowd(source, kind, 40).await,
        &[(NEVER, false), (HALF, false)],
        |kind, source, ended| {
            assert_eq!(source.bodies(), 2, "{kind}");
            assert!(tenths(ended).iter().all(|&after| after == 15), "{kind}");
        },
    );
}

#[test]
fn errors_that_cannot_be_shared_cost_no_more_than_a_pool_of_as_many_connections() {
    each_kind(
        async |source, kind| crowd(source, kind, 40).await,
        &[(SECOND / 2, true)],
        |kind, source, ended| {
            assert_eq!(source.bodies(), 40, "{kind}");
            // One, then 39 in groups of eight.
            let mut expected = vec![5];
            (0..39).for_each(|caller| expected.push(10 + caller / 8 * 5));
            assert_eq!(tenths(ended), expected, "{kind}");
        },
    );
}

#[test]
fn errors_of_slow_bodies_come_back_within_the_bound_too() {
    each_kind(
        async |source, kind| crowd(source, kind, 40).await,
        &[(5 * SECOND, true)],
        |kind, source, ended| {
            assert!(source.bodies() <= 40, "{kind}");
            assert!(last(ended) <= 300, "{kind}: {:?}", tenths(ended));
            assert_eq!(tenths(ended)[..3], [50, 60, 70], "{kind}: one more began after each second");
        },
    );
}

#[test]
fn a_success_among_errors_is_for_all_who_still_wait() {
    each_kind(
        async |source, kind| crowd(source, kind, 40).await,
        &[(HALF, true), (HALF, true), (HALF / 5, false), (NEVER, true)],
        |kind, source, ended| {
            assert_eq!(ended.iter().filter(|(_, ok)| !ok).count(), 1, "{kind}");
            assert_eq!((last(ended), source.bodies()), (6, 9), "{kind}");
        },
    );
}

#[test]
fn an_error_that_is_clone_is_for_all_at_once() {
    paused(|| async {
        let source = Source::new(&[(HALF, true)]).await;
        let own = source.clone();
        let ended = all(40, |_| {
            let source = own.clone();
            async move { source.row_or_text(1).await }
        })
        .await;
        assert_eq!((source.bodies(), last(&ended)), (1, 5));
    });
}

#[test]
fn a_late_body_is_dropped_with_its_last_caller_and_gives_its_place_back() {
    for kind in ["cache", "caller", "native"] {
        paused(|| async {
            let settings = Settings::default().load_timeout(SECOND).load_concurrency(1);
            let source = Source::with(settings, &[(NEVER, false), (HALF, false)]).await;
            let (own, waits) = (source.clone(), Arc::new(tokio::sync::Notify::new()));
            let end = Arc::clone(&waits);
            let first = actix::spawn(async move {
                tokio::select! {
                    () = end.notified() => {}
                    _ = ask(own, kind, 1) => {}
                }
            });
            advance(SECOND + HALF).await;
            assert_eq!(source.running(), 1, "{kind}: its caller waits");
            waits.notify_one();
            first.await.unwrap();
            advance(Duration::ZERO).await;
            assert_eq!(source.running(), 0, "{kind}");
            let ended = all(1, |_| ask(source.clone(), kind, 2)).await;
            assert_eq!((tenths(&ended)[0], source.bodies()), (5, 2), "{kind}: the place is free");
        });
    }
}

#[test]
fn a_body_that_nobody_waits_for_runs_on_until_its_time_limit() {
    paused(|| async {
        let source = Source::new(&[(Duration::from_millis(900), false)]).await;
        assert!(tokio::time::timeout(HALF, source.row(1)).await.is_err());
        advance(HALF).await;
        assert_eq!((source.row(1).await, source.bodies()), (Ok(0), 1));
        let source = Source::new(&[(NEVER, false)]).await;
        assert!(tokio::time::timeout(HALF, source.row(1)).await.is_err());
        assert_eq!(source.running(), 1);
        advance(HALF).await;
        assert_eq!(source.running(), 0);
    });
}

#[test]
fn callers_that_give_up_run_no_body() {
    each_kind(
        async |source, kind| {
            let kind: Arc<str> = kind.into();
            all(40, |caller| {
                let (source, kind) = (source.clone(), Arc::clone(&kind));
                let limit = if caller % 2 == 1 { HALF / 2 } else { NEVER };
                async move { tokio::time::timeout(limit, ask(source, &kind, 1)).await.is_ok() }
            })
            .await
        },
        &[(HALF, true)],
        |kind, source, ended| {
            // One, then 19 in groups of eight.
            assert_eq!((source.bodies(), last(ended)), (20, 20), "{kind}");
        },
    );
}

#[test]
fn loads_that_wait_for_a_place_when_their_callers_give_up_do_not_begin() {
    let kinds = ["cache", "caller", "native", "get_or_load", "get_or_load_many"];
    // Without a queue they wait for a place past the cache.
    for (kind, queue) in kinds.into_iter().flat_map(|kind| [(kind, 1_024), (kind, 0)]) {
        paused(|| async {
            let settings = Settings::default().load_timeout(SECOND).load_concurrency(8).load_queue(queue);
            let source = Source::with(settings, &[(NEVER, false)]).await;
            let own = source.clone();
            let ended = all(200, |id| {
                let source = own.clone();
                async move { tokio::time::timeout(SECOND, ask_any(source, kind, id)).await.is_ok_and(|ok| ok) }
            })
            .await;
            assert!(ended.iter().all(|(after, ok)| !ok && *after == SECOND), "{kind}");
            advance(Duration::ZERO).await;
            assert_eq!((source.bodies(), source.running()), (8, 0), "{kind} {queue}: as with a pool");
            let healthy = Source { script: Arc::new(vec![(HALF, false)]), ..source.clone() };
            let ended = all(1, |_| ask_any(healthy.clone(), kind, 1_000)).await;
            assert_eq!(tenths(&ended), [5], "{kind}: the next caller waits for none of them");
        });
    }
}

#[test]
fn a_call_that_has_an_error_for_a_time_limit_is_given_it_and_the_others_wait_on() {
    paused(|| async {
        let source = Source::new(&[(3 * SECOND, false)]).await;
        let (own, cache) = (source.clone(), source.cache.clone());
        let loader = move || async move { own.query().await.map_err(|error| format!("{error:?}")) };
        let first = actix::spawn(async move {
            let said = cache.get_or_load("query::row::1", loader).await;
            (now(), said.map(|hit| *hit))
        });
        let began = now();
        advance(Duration::ZERO).await;
        let ended = crowd(source.clone(), "cache", 200).await;
        let (at, said) = first.await.unwrap();
        assert_eq!((at - began, said.unwrap_err().kind()), (SECOND, ErrorKind::LoadTimeout));
        // One of the others led after a second, the next after two and the last after three.
        assert_eq!((source.bodies(), last(&ended)), (4, 40));
        assert!(ended.iter().all(|(_, ok)| *ok));
    });
}

#[test]
fn a_deadline_in_a_late_flight_ends_only_its_own_call() {
    paused(|| async {
        let source = Source::new(&[(2 * SECOND + HALF, false)]).await;
        let (own, cache) = (source.clone(), source.cache.clone());
        let others = actix::spawn(async move { crowd(own, "cache", 20).await });
        advance(HALF).await;
        let began = now();
        let call = cache.get_or_load("query::row::1", || async { Ok::<u32, String>(99) }).deadline(HALF);
        assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(now() - began, HALF);
        let ended = others.await.unwrap();
        assert!(last(&ended) <= 25 && ended.iter().all(|(_, ok)| *ok));
    });
}

#[test]
fn where_an_old_value_may_be_served_it_is_and_no_herd_begins() {
    paused(|| async {
        let source = Source::new(&[(HALF, false), (NEVER, false)]).await;
        assert_eq!(source.row_or_old(1).await, Ok(0));
        advance(2 * SECOND).await;
        let own = source.clone();
        let ended = all(40, |_| {
            let source = own.clone();
            async move { source.row_or_old(1).await }
        })
        .await;
        assert!(ended.iter().all(|(_, said)| *said == Ok(0)));
        assert!(last(&ended) <= 10 && source.bodies() == 2);
        advance(2 * SECOND).await;
        assert_eq!(source.running(), 0, "nobody waits for it");
    });
}

#[test]
fn many_slow_keys_take_no_more_than_the_places() {
    for kind in ["cache", "caller", "native"] {
        paused(|| async {
            let source = Source::new(&[(3 * SECOND, false)]).await;
            let kind: Arc<str> = kind.into();
            let ended = all(80, |caller| {
                let (source, kind) = (source.clone(), Arc::clone(&kind));
                async move { ask(source, &kind, caller / 2).await }
            })
            .await;
            // Those of the last eight keys that wait begin when the first place is free, and are dropped at once.
            assert!((40..48).contains(&source.bodies()) && last(&ended) == 150, "{kind}");
            assert_eq!(source.most.load(Relaxed), 8, "{kind}");
        });
    }
}

/// An error of a driver, which is not `Clone`.
#[derive(Debug)]
enum DbError {
    Own(Refused),
    Shared(Arc<DbError>),
}

impl From<Arc<Self>> for DbError {
    fn from(error: Arc<Self>) -> Self {
        Self::Shared(error)
    }
}

impl DbError {
    fn body(&self) -> u32 {
        match self {
            Self::Own(Refused(body)) => *body,
            Self::Shared(error) => error.body(),
        }
    }
}

fn told_again(refused: &Refused) -> Refused {
    Refused(refused.0)
}

impl Source {
    #[cached(key = "query::db::{id}", ttl = "1h", error = "shared")]
    async fn db(&self, id: u32) -> Result<u32, DbError> {
        self.query().await.map_err(DbError::Own)
    }

    #[cached(key = "query::db_here::{id}", ttl = "1h", error = "shared", run = "caller")]
    async fn db_here(&self, id: u32) -> Result<u32, DbError> {
        self.query().await.map_err(DbError::Own)
    }

    #[cached(key = "query::db_native::{id}", ttl = "1h", error = "shared", native)]
    async fn db_native(&self, id: u32) -> Result<Arc<u32>, DbError> {
        self.query().await.map(Arc::new).map_err(DbError::Own)
    }

    #[cached(key = "query::again::{id}", ttl = "1h", share = told_again)]
    async fn row_told_again(&self, id: u32) -> Result<u32, Refused> {
        self.query().await
    }
}

/// Which body each caller was given the error of, as errors that can be shared reach it.
async fn shared_by(source: Source, kind: &'static str) -> u32 {
    match kind {
        "cache" => source.db(1).await.unwrap_err().body(),
        "caller" => source.db_here(1).await.unwrap_err().body(),
        "native" => source.db_native(1).await.unwrap_err().body(),
        _ => source.row_told_again(1).await.unwrap_err().0,
    }
}

#[test]
fn errors_that_are_shared_are_for_all_at_once_also_of_late_bodies() {
    for (kind, takes, bodies) in ["cache", "caller", "native", "path"]
        .into_iter()
        .flat_map(|kind| [(kind, HALF, 1), (kind, SECOND + HALF, 2), (kind, 5 * SECOND, 5)])
    {
        paused(|| async {
            let source = Source::new(&[(takes, true)]).await;
            let own = source.clone();
            let ended = all(40, |_| shared_by(own.clone(), kind)).await;
            assert!(ended.iter().all(|said| *said == (takes, 0)), "{kind} {takes:?}: {ended:?}");
            advance(Duration::ZERO).await;
            assert_eq!((source.bodies(), source.running()), (bodies, 0), "{kind} {takes:?}");
        });
    }
}

#[test]
fn a_body_that_hangs_ends_with_the_shared_error_of_another() {
    for kind in ["cache", "caller", "native", "path"] {
        paused(|| async {
            let source = Source::new(&[(NEVER, false), (HALF, true)]).await;
            let own = source.clone();
            let ended = all(40, |_| shared_by(own.clone(), kind)).await;
            assert!(ended.iter().all(|said| *said == (SECOND + HALF, 1)), "{kind}: {ended:?}");
            assert_eq!(source.bodies(), 2, "{kind}");
        });
    }
}

#[test]
fn an_error_that_is_none_of_the_function_ends_no_body_of_it_that_runs() {
    paused(|| async {
        let source = Source::new(&[(2 * SECOND, false)]).await;
        let own = source.clone();
        let first = actix::spawn(async move { own.db(1).await.ok() });
        advance(HALF).await;
        let fails = || async {
            wait(HALF / 5).await;
            Err::<u32, _>("down")
        };
        let call = source.cache.get_or_load("query::db::1", fails);
        assert_eq!(call.await.unwrap_err().kind(), ErrorKind::LoadFailed, "its loader is the second");
        assert_eq!((first.await.unwrap(), source.bodies()), (Some(0), 1));
    });
}
