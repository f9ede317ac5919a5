//! Fences: what is loaded around a transaction of the source, and every way in which a fence ends.

use std::future::IntoFuture;
use std::task::{Context, Waker};
use std::time::Duration;

use apex_cache::{Cache, Prefix, Scope};

use super::tags::{tag, tags};
use crate::common::{advance, busy, cache, paused, settle};
use crate::source::{Source, held, join};

const KEY: &str = "user::42::profile";

fn scope() -> Prefix {
    Prefix::parse("user::42").unwrap()
}

/// What a load of `key` brings now, and whether it was stored.
async fn load(cache: &Cache, source: &Source, key: &str) -> (u64, bool) {
    let hit = source.get(cache, key).await.unwrap();
    (hit.version, hit.is_stored())
}

#[test]
fn what_is_loaded_while_a_fence_is_open_is_served_and_not_stored_until_it_is_committed() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        load(&cache, &source, "user::42").await;
        let before = source.hold(KEY);
        let began_before = source.ask(&cache, KEY);
        before.begun().await;
        source.let_go(KEY);

        let fence = cache.begin(scope()).await.unwrap();
        before.open();
        assert!(!join(began_before).await.unwrap().is_stored());
        assert_eq!(held(&cache, "user::42"), Some(1), "what was there is served meanwhile");
        assert_eq!(load(&cache, &source, KEY).await, (1, false));
        assert_eq!(load(&cache, &source, "user::7").await, (1, true), "the fence takes only its scope");
        let gate = source.hold(KEY);
        let began_inside = source.ask(&cache, KEY);
        gate.begun().await;

        source.write(KEY); // the transaction
        let taken = fence.commit().await.unwrap();
        assert_eq!((taken.matched, taken.revoked_loads, taken.tiers), (1, 1, 1));
        gate.open();
        assert!(!join(began_inside).await.unwrap().is_stored());
        source.let_go(KEY);
        assert_eq!(load(&cache, &source, KEY).await, (2, true));
    });
}

#[test]
fn a_fence_that_is_aborted_takes_nothing_and_stores_nothing_that_was_loaded_meanwhile() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        load(&cache, &source, "user::42").await;
        let fence = cache.begin(scope()).await.unwrap();
        let gate = source.hold(KEY);
        let inside = source.ask(&cache, KEY);
        gate.begun().await;
        fence.abort().await.unwrap();
        gate.open();
        assert!(!join(inside).await.unwrap().is_stored(), "it may have read what was taken back");
        source.let_go(KEY);
        assert_eq!((held(&cache, "user::42"), load(&cache, &source, KEY).await), (Some(1), (1, true)));
    });
}

#[test]
fn a_fence_that_is_dropped_commits_and_a_call_that_follows_finds_it_done() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let fence = cache.begin(scope()).await.unwrap();
        cache.set(KEY, &source.row(KEY)).await.unwrap();
        assert_eq!(held(&cache, KEY), Some(1), "a set is stored");
        source.write(KEY);
        drop(fence);
        // Accepted before the drop returned, so what is sent later takes effect later.
        cache.set("user::42::new", &source.row(KEY)).await.unwrap();
        assert_eq!((held(&cache, KEY), held(&cache, "user::42::new")), (None, Some(2)));
        assert_eq!(load(&cache, &source, KEY).await, (2, true));
    });
}

#[test]
fn a_fence_that_is_open_too_long_commits_and_its_own_commit_takes_away_once_more() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        load(&cache, &source, KEY).await;
        let fence = cache.begin(scope()).within(Duration::from_secs(2)).await.unwrap();
        advance(Duration::from_millis(1_900)).await;
        assert_eq!(held(&cache, KEY), Some(1));
        advance(Duration::from_millis(200)).await;
        assert_eq!(held(&cache, KEY), None, "its time is over");
        assert_eq!(load(&cache, &source, KEY).await, (1, true), "the fence is gone");
        source.write(KEY); // the transaction was only slow
        assert_eq!(fence.commit().await.unwrap().matched, 1);
        assert_eq!(load(&cache, &source, KEY).await, (2, true));
    });
}

#[test]
fn a_fence_that_ended_in_time_is_not_committed_later() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        load(&cache, &source, KEY).await;
        cache.begin(scope()).await.unwrap().abort().await.unwrap();
        advance(Duration::from_secs(31)).await;
        assert_eq!(held(&cache, KEY), Some(1));
    });
}

#[test]
fn a_begin_whose_caller_stops_waiting_leaves_no_fence_behind() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        busy(&cache, "user", true).await;
        let mut begin = cache.begin(Scope::All).into_future();
        assert!(begin.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(begin);
        busy(&cache, "user", false).await;
        settle().await;
        assert_eq!(load(&cache, &source, KEY).await, (1, true), "nobody can close it any more");
    });
}

#[test]
fn a_fence_on_a_tag_keeps_out_what_is_loaded_with_it() {
    paused(async || {
        let cache = cache().await;
        cache.set("query::1", &1).tags(tags(&["x"])).await.unwrap();
        let fence = cache.begin(tag("x")).await.unwrap();
        let read = async |key: &str, name: &'static str| {
            let loaded =
                move |_| async move { Ok::<_, std::io::Error>(apex_cache::Loaded::value(2).tag(tag(name))) };
            cache.get_or_load_with::<i32, _, _, _>(key, loaded).await.unwrap().unwrap().is_stored()
        };
        assert_eq!((read("user::1", "x").await, read("user::2", "y").await), (false, true));
        assert_eq!(fence.commit().await.unwrap().matched, 1);
        assert!(read("user::1", "x").await);
    });
}

#[test]
fn so_many_fences_may_be_open_in_a_tier_and_then_a_begin_is_refused_whole() {
    paused(async || {
        let cache = cache().await;
        let mut open = Vec::new();
        for _ in 0..1_024 {
            open.push(cache.begin(scope()).await.unwrap());
        }
        let refused = cache.begin(Scope::All).await.unwrap_err();
        assert_eq!(refused.kind(), apex_cache::ErrorKind::Overloaded);
        let source = Source::new();
        assert_eq!(load(&cache, &source, "query::1").await, (1, true), "no tier was left with that fence");
        open.pop().unwrap().abort().await.unwrap();
        cache.begin(Scope::All).await.unwrap().abort().await.unwrap();
        drop(open);
        assert_eq!(load(&cache, &source, KEY).await, (1, true));
    });
}

#[test]
fn the_last_handle_may_be_a_fence() {
    paused(async || {
        let cache = cache().await;
        let fence = cache.begin(scope()).await.unwrap();
        drop(cache);
        fence.commit().await.unwrap();
    });
}
