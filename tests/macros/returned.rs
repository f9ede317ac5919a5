//! Invalidations over what a function returned.

use std::sync::Arc;
use std::time::Duration;

use apex_cache::error::Error;
use apex_cache::message::Invalidated;
use apex_cache::testing::{advance, paused};
use apex_cache::{Cache, Settings, cache_invalidate, cached};
use tokio::sync::Semaphore;

#[derive(Debug, Clone, PartialEq)]
struct Issue {
    id: u32,
    project: Project,
}

#[derive(Debug, Clone, PartialEq)]
struct Project {
    name: String,
}

/// How a body ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Ok,
    Err,
    Panic,
    Never,
}

/// Hides that it is a `Result`.
type Answer<T> = Result<T, String>;

async fn issue(end: End) -> Answer<Issue> {
    match end {
        End::Ok => Ok(Issue { id: 7, project: Project { name: "a b".into() } }),
        End::Err => Err("away".into()),
        End::Panic => panic!("after the write"),
        End::Never => std::future::pending().await,
    }
}

#[cache_invalidate(after = ["issue::{ret.id}::*", "project::{ret.project.name}"], on = ok)]
async fn close(cache: &Cache, end: End) -> Answer<Issue> {
    issue(end).await
}

#[cache_invalidate("user::{user}", after = ["issue::{ret.id}::*", "project::{ret.project.name}"])]
async fn reopen(cache: &Cache, end: End, user: u32) -> Result<Issue, String> {
    issue(end).await
}

/// What the body takes is written before it.
#[cache_invalidate(after = ["issue::{number:02}::{name}::{ret}"], report = note)]
async fn moved(cache: Cache, number: u32, name: String) -> String {
    drop(cache);
    name + "!"
}

fn note(taken: &Result<Invalidated, Error>) {
    assert_eq!(taken.as_ref().map(|taken| taken.matched).ok(), Some(1));
}

#[derive(Clone)]
struct Issues {
    cache: Cache,
    user: u32,
}

/// Cannot be shown, as some values cannot at times.
struct Unshown;

impl std::fmt::Display for Unshown {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Err(std::fmt::Error)
    }
}

impl Issues {
    fn cache(&self) -> &Cache {
        &self.cache
    }

    #[cached("issue::{id}::row", skip(version))]
    async fn row(&self, id: u32, version: u32) -> u32 {
        version
    }

    #[cache_invalidate(after = ["issue::{ret.0}::*"], fence)]
    async fn change(&self, meanwhile: impl Future<Output = ()>) -> (u32, &'static str) {
        meanwhile.await;
        (7, "changed")
    }

    /// An argument that cannot be shown takes the whole first segment, and so does a value.
    #[cache_invalidate("user::1", after = ["issue::{part}::{ret}", "project::{ret}", "user::{self.user}::{ret}"])]
    async fn unshown(&self, part: Unshown) -> Unshown {
        part
    }

    /// Two templates of one first segment, and `impl Trait`, whose name nobody knows.
    #[cache_invalidate(after = ["issue::{ret}::*", "issue::{ret}0"])]
    async fn opaque(&self) -> impl std::fmt::Display + 'static {
        7
    }
}

const KEYS: [&str; 6] =
    ["issue::7", "issue::7::row", "issue::8::row", "project::a b", "project::c", "user::1"];

async fn filled() -> Cache {
    let cache = Cache::for_tests().await;
    for key in KEYS {
        cache.set(key, &1).await.expect("a tier takes it");
    }
    cache
}

fn held(cache: &Cache) -> Vec<&'static str> {
    KEYS.into_iter().filter(|key| cache.contains(*key).expect("keys are right")).collect()
}

async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_a_function_returned_says_which_part_of_a_segment_is_invalidated() {
    paused(|| async {
        let cache = filled().await;
        assert_eq!(close(&cache, End::Ok).await.unwrap().id, 7);
        assert_eq!(held(&cache), ["issue::8::row", "project::c", "user::1"]);

        let cache = filled().await;
        reopen(&cache, End::Ok, 1).await.unwrap();
        assert_eq!(held(&cache), ["issue::8::row", "project::c"]);

        cache.set("issue::07::ann::ann!", &1).await.unwrap();
        assert_eq!(moved(cache.clone(), 7, "ann".into()).await, "ann!");
        assert!(!cache.contains("issue::07::ann::ann!").unwrap());
        assert_eq!(held(&cache), ["issue::8::row", "project::c"]);

        let issues = Issues { cache: filled().await, user: 1 };
        issues.cache.set("issue::70", &1).await.unwrap();
        assert_eq!(issues.opaque().await.to_string(), "7");
        assert!(!issues.cache.contains("issue::70").unwrap());
        assert_eq!(held(&issues.cache), &KEYS[2..]);
        let issues = Issues { cache: filled().await, user: 2 };
        issues.unshown(Unshown).await;
        assert_eq!(held(&issues.cache), [""; 0]);
    });
}

#[test]
fn without_a_value_all_of_the_first_segment_goes_unless_an_error_says_that_nothing_changed() {
    paused(|| async {
        for end in [End::Err, End::Panic, End::Never] {
            for always in [false, true] {
                let cache = filled().await;
                let own = cache.clone();
                let call = actix::spawn(async move {
                    let call =
                        async { if always { reopen(&own, end, 1).await } else { close(&own, end).await } };
                    tokio::time::timeout(Duration::from_secs(1), call).await
                });
                let answer = call.await;
                match end {
                    End::Err => assert_eq!(answer.unwrap().unwrap(), Err("away".into())),
                    End::Panic => assert!(answer.is_err()),
                    _ => assert!(answer.unwrap().is_err(), "its caller gave up"),
                }
                advance(Duration::ZERO).await;
                settle().await;
                let left: &[_] = match (end, always) {
                    (End::Err, false) => &KEYS,
                    (_, false) => &["user::1"],
                    (_, true) => &[],
                };
                assert_eq!(held(&cache), left, "always: {always}");
            }
        }
    });
}

#[test]
fn what_is_loaded_while_the_body_runs_is_served_and_not_stored() {
    paused(|| async {
        let issues = Issues { cache: filled().await, user: 1 };
        issues.cache.invalidate(apex_cache::Prefix::parse("issue").unwrap()).await.unwrap();
        let (other, gate) = (issues.clone(), Arc::new(Semaphore::new(0)));
        let changed = issues.change(async {
            // Before the change: what it reads is old as soon as the body has returned.
            assert_eq!((other.row(7, 1).await, other.row(9, 1).await), (1, 1));
            assert!(!other.cache.contains("issue::7::row").unwrap());
            assert!(!other.cache.contains("issue::9::row").unwrap(), "nobody knows yet which it is");
            gate.add_permits(1);
        });
        assert_eq!(changed.await.0, 7);
        assert_eq!(issues.row(7, 2).await, 2);
        assert!(issues.cache.contains("issue::7::row").unwrap(), "the fence is gone");
        assert_eq!(issues.row(9, 2).await, 2);
        assert!(issues.cache.contains("issue::9::row").unwrap());
    });
}

#[test]
fn a_load_that_began_before_the_body_does_not_bring_the_old_value_back() {
    #[cached("issue::{id}::slow", skip(gate))]
    async fn slow(cache: &Cache, id: u32, gate: Arc<Semaphore>) -> u32 {
        gate.acquire().await.expect("it is not closed").forget();
        1
    }
    paused(|| async {
        let issues = Issues { cache: filled().await, user: 1 };
        let gate = Arc::new(Semaphore::new(0));
        let (cache, own) = (issues.cache.clone(), Arc::clone(&gate));
        let load = actix::spawn(async move { slow(&cache, 7, own).await });
        settle().await;
        issues.change(std::future::ready(())).await;
        gate.add_permits(1);
        assert_eq!(load.await.unwrap(), 1);
        assert!(!issues.cache.contains("issue::7::slow").unwrap());
    });
}

#[test]
fn without_a_cache_or_in_one_that_is_off_or_shut_down_the_function_returns_what_it_returns() {
    #[cache_invalidate(after = ["issue::{ret.id}::*"], cache = cache)]
    async fn maybe(cache: Option<&Cache>) -> Answer<Issue> {
        issue(End::Ok).await
    }
    paused(|| async {
        assert!(maybe(None).await.is_ok());
        let cache = filled().await;
        cache.shutdown().await.unwrap();
        assert!(maybe(Some(&cache)).await.is_ok());
        let settings = Settings::default().enabled(false);
        let off = apex_cache::testing::builder().settings(settings).start().await.unwrap();
        assert!(maybe(Some(&off)).await.is_ok());
    });
}
