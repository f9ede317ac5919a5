//! The audit: every change by hand is told once, with who, what, how much and how long, however it ends.
//!
//! Owns: commands as people type them; those over HTTP are in `tests/admin_http`. Never: looks at the log, which the unit
//! tests of `src/admin/audit.rs` do.

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use apex_cache::admin::AuditEvent;
use apex_cache::{BoxError, Cache, WarmEntries, WarmSource};

use common::{advance, busy, inline, paused, settle};

/// How long the source takes.
const READING: Duration = Duration::from_secs(3);

type Told = Arc<Mutex<Vec<AuditEvent>>>;

/// A cache with three entries of a user, a source that takes its time, and an ear.
async fn audited() -> (Cache, Told) {
    let told = Told::default();
    let ear = Arc::clone(&told);
    let menu = WarmSource::new("menu", "reference", async move |_run| {
        let _ = tokio::time::timeout(READING, std::future::pending::<()>()).await;
        let mut entries = WarmEntries::new();
        entries.push("products::1", "tea")?;
        entries.push("products::2", "coffee")?;
        Ok::<_, BoxError>(entries)
    });
    let hear = move |event: &AuditEvent| ear.lock().expect("nobody panics with it").push(event.clone());
    let cache = inline().warm(menu).audit(hear).start().await.expect("it starts");
    for part in ["name", "address", "cart"] {
        cache.set(format!("user::42::{part}"), part).await.expect("it is stored");
    }
    (cache, told)
}

fn take(told: &Told) -> Vec<AuditEvent> {
    std::mem::take(&mut *told.lock().expect("nobody panics with it"))
}

#[test]
fn every_command_that_changes_something_is_told_once() {
    paused(async || {
        let (cache, told) = audited().await;
        for (line, what, scope, count, ok) in [
            ("/cache-set ttl user 60", "set", "ttl tier:user = 1m", 0, true),
            ("/cache-set ttl prefix:user_orders 60", "set", "ttl prefix:user_orders = 1m", 0, true),
            ("/cache-set ttl nobody 60", "set", "ttl tier:nobody = 1m", 0, false),
            ("/cache-set max_size_mb 50", "set", "max_size_mb = 50 MB", 0, true),
            ("/cache-clear key:user::42::cart", "clear", "key:user::42::cart", 1, true),
            ("/cache-clear user::42::n*", "clear", "user::42::n*", 1, true),
            ("/cache-forget 42", "forget", "user::42", 1, true),
            ("/cache-warm reference", "warm", "tier:reference", 2, true),
            ("/cache-warm nobody", "warm", "tier:nobody", 0, false),
            ("/cache-clear tier:reference", "clear", "tier:reference", 2, true),
            ("/cache-clear tag:author:7", "clear", "tag:author:7", 0, true),
            ("/cache-revive user", "revive", "tier:user", 0, true),
            ("/cache-revive nobody", "revive", "tier:nobody", 0, false),
            ("/cache-set enabled off", "set", "enabled = off", 0, true),
            ("/cache-set enabled on", "set", "enabled = on", 0, true),
            ("/cache-clear all", "clear", "all", 0, true),
        ] {
            let panel = cache.command(line, "ann").await;
            let events = take(&told);
            let [event] = events.as_slice() else { panic!("{line}: {events:?}") };
            let all = (&*event.who, event.what.as_str(), event.scope.as_str(), event.count, event.ok);
            assert_eq!(all, ("ann", what, scope, count, ok), "{line}: {panel}");
            let reads = line == "/cache-warm reference";
            assert_eq!(event.took >= READING, reads, "{line} took {:?}", event.took);
        }
        cache.shutdown().await.expect("it ends");
    });
}

#[test]
fn what_changes_nothing_is_told_to_nobody() {
    paused(async || {
        let (cache, told) = audited().await;
        for line in [
            "/cache-stats",
            "/cache-info",
            "/cache-explain user::42::name",
            "/cache-clear",
            "/cache-clear all --dry-run",
            "/cache-clear a:::*",
            "/cache-set ttl user never",
            "/cache-help",
            "nonsense",
        ] {
            cache.command(line, "ann").await;
            assert_eq!(take(&told), [], "{line}");
        }
        assert!(cache.contains("user::42::name").expect("a key"));
        // Calls of the program are no changes by hand.
        cache.clear().await.expect("it clears");
        assert_eq!(take(&told), []);
    });
}

#[test]
fn a_change_that_nobody_waits_for_any_more_is_told_as_one_that_did_not_end_well() {
    paused(async || {
        let (cache, told) = audited().await;
        {
            let mut warm = pin!(cache.command("/cache-warm reference", "ann"));
            assert!(tokio::time::timeout(Duration::from_secs(1), &mut warm).await.is_err());
            assert_eq!(take(&told), [], "it is under way");
        }
        let events = take(&told);
        let [event] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((&*event.who, event.what.as_str(), event.count, event.ok), ("ann", "warm", 0, false));
        assert!(event.took >= Duration::from_secs(1) && event.took < READING);
        {
            busy(&cache, "user", true).await;
            let mut clear = pin!(cache.command("/cache-clear user::42::*", "ann"));
            assert!(poll_fn(|cx| Poll::Ready(clear.as_mut().poll(cx).is_pending())).await);
        }
        busy(&cache, "user", false).await;
        settle().await;
        assert!(!cache.contains("user::42::name").expect("a key"), "what was accepted is done");
        let events = take(&told);
        assert!(matches!(events.as_slice(), [one] if !one.ok && one.scope == "user::42::*"), "{events:?}");
        // A command that is never polled changes nothing.
        drop(cache.command("/cache-clear all", "ann"));
        advance(READING).await;
        assert_eq!(take(&told), []);
    });
}
