//! A run and what happens meanwhile, in a whole cache: old rows stay out.

use std::sync::Arc;

use apex_cache::settings::Eviction;
use apex_cache::{Cache, Pattern, Prefix, Scope, Settings, WarmEntries, WarmScope, WarmSource};
use tokio::sync::Notify;

use super::Io;
use super::common::{inline, paused, settle};

/// A source that has read its old rows when `read` tells, and brings them when `go` is told.
struct Slow {
    read: Arc<Notify>,
    go: Arc<Notify>,
}

impl Slow {
    fn new() -> Self {
        Self { read: Arc::default(), go: Arc::default() }
    }

    fn source(&self) -> WarmSource {
        let (read, go) = (Arc::clone(&self.read), Arc::clone(&self.go));
        WarmSource::new("users", "user", move |_run| {
            let (read, go) = (Arc::clone(&read), Arc::clone(&go));
            async move {
                let mut rows = WarmEntries::new();
                for user in 1..=3 {
                    rows.push(format!("user::{user}::name"), "old").map_err(Io::other)?;
                }
                read.notify_one();
                go.notified().await;
                Ok::<_, Io>(rows)
            }
        })
    }
}

/// Begins a run, lets `meanwhile` happen after the source was read, ends the run. What each user's name is then.
async fn names<F: Future<Output = ()>>(
    cache: &Cache,
    slow: &Slow,
    meanwhile: impl FnOnce(Cache) -> F,
) -> Vec<Option<String>> {
    let report = cache.supervisor().send(apex_cache::message::Warm::new(WarmScope::All));
    slow.read.notified().await;
    meanwhile(cache.clone()).await;
    slow.go.notify_one();
    report.await.expect("it ran");
    let mut names = Vec::new();
    for user in 1..=3 {
        let hit = cache.get::<String>(format!("user::{user}::name")).await.expect("one type");
        names.push(hit.map(apex_cache::Hit::into_value));
    }
    names
}

fn old() -> String {
    "old".to_owned()
}

#[test]
fn a_run_without_anything_between_brings_all_rows() {
    paused(|| async {
        let slow = Slow::new();
        let cache = inline().warm(slow.source()).start().await.expect("it starts");
        assert_eq!(names(&cache, &slow, |_cache| async {}).await, [Some(old()), Some(old()), Some(old())]);
    });
}

#[test]
fn an_invalidation_during_a_run_keeps_its_old_rows_out_in_every_scope() {
    type Stays = [bool; 3];
    let scopes: [(Scope, Stays); 5] = [
        (Scope::Key(super::recorders::key("user::2::name")), [true, false, true]),
        (Scope::Prefix(Prefix::parse("user::2").expect("a prefix")), [true, false, true]),
        (Scope::Pattern(Pattern::parse("user::2::*").expect("a pattern")), [true, false, true]),
        (Scope::Tier("user".into()), [false; 3]),
        (Scope::All, [false; 3]),
    ];
    for (scope, stays) in scopes {
        paused(|| async {
            let slow = Slow::new();
            let cache = inline().warm(slow.source()).start().await.expect("it starts");
            let taken = scope.clone();
            let names = names(&cache, &slow, |cache| async move {
                cache.invalidate(taken).await.expect("carried out");
            });
            assert_eq!(names.await, stays.map(|stays| stays.then(old)), "{scope}");
        });
    }
}

#[test]
fn a_remove_of_an_absent_key_during_a_run_keeps_its_row_out() {
    paused(|| async {
        let slow = Slow::new();
        let cache = inline().warm(slow.source()).start().await.expect("it starts");
        let names = names(&cache, &slow, |cache| async move {
            assert!(!cache.remove("user::1::name").await.expect("carried out").was_present);
        });
        assert_eq!(names.await, [None, Some(old()), Some(old())]);
    });
}

#[test]
fn a_set_during_a_run_is_not_overwritten() {
    paused(|| async {
        let slow = Slow::new();
        let cache = inline().warm(slow.source()).start().await.expect("it starts");
        let names = names(&cache, &slow, |cache| async move {
            cache.set("user::3::name", "new").await.expect("it fits");
        });
        assert_eq!(names.await, [Some(old()), Some(old()), Some("new".to_owned())]);
    });
}

#[test]
fn a_set_that_was_evicted_before_the_run_ended_keeps_its_old_row_out_and_no_other() {
    paused(|| async {
        let slow = Slow::new();
        let settings = Settings::default().max_size_mb(10).max_entry_size(1 << 20);
        let settings = settings.tier("user", |tier| tier.eviction(Eviction::Lru));
        let cache = inline().settings(settings).warm(slow.source()).start().await.expect("it starts");
        let names = names(&cache, &slow, |cache| async move {
            cache.set("user::1::name", "new").await.expect("it fits");
            for number in 0..40 {
                cache
                    .set(format!("user::big{number}"), &crate::common::noise(500_000))
                    .await
                    .expect("it fits");
            }
            assert!(!cache.contains("user::1::name").expect("a key"), "the test needs it to be evicted");
            // Room for the rows, without touching them.
            cache.invalidate(Pattern::parse("user::big3*").expect("a pattern")).await.expect("carried out");
        });
        assert_eq!(names.await, [None, Some(old()), Some(old())]);
    });
}

#[test]
fn a_tier_that_breaks_during_a_run_takes_nothing_from_it() {
    paused(|| async {
        use apex_cache::actor::request::{TierRequest, ToWarmer};
        use apex_cache::actor::{Reply, StatsActor, Supervisor, TierActor, Warmer};
        let slow = Slow::new();
        let neighbours = super::Neighbours::with(&Settings::default(), vec![slow.source()]);
        let id = neighbours.id("user");
        neighbours.wiring.stand_in(id, false);
        let tier = actix::Actor::start(TierActor::new(&neighbours.wiring, id));
        let supervisor = actix::Actor::start(Supervisor::new(&neighbours.wiring));
        let stats = actix::Actor::start(StatsActor::new(&neighbours.wiring));
        let warmer = actix::Actor::start(Warmer::new(&neighbours.wiring));
        let (reply, report) = Reply::new("control".into());
        warmer.do_send(ToWarmer::Warm(apex_cache::message::Warm::new(WarmScope::All), reply));
        slow.read.notified().await;
        neighbours.wiring.deliver(id, TierRequest::Break);
        slow.go.notify_one();
        let report = report.await.expect("answered").expect("it ran");
        assert_eq!((report.sources[0].stored, report.sources[0].revoked), (0, 3));
        settle().await;
        assert!(neighbours.wiring.tier(id).view.is_empty());
        drop((tier, supervisor, stats));
    });
}
