//! The end: what was accepted is applied, what comes later is told, and nothing is left over.
//!
//! Owns: `shutdown`, the end by dropping, and hosts whose runtime goes first. Never: waits by the clock for a thread to
//! end; what the thread holds says when it did.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

use std::cell::Cell;
use std::sync::mpsc;
use std::task::{Context, Wake};
use std::time::Duration;

use apex_cache::message::{Get, Set};
use apex_cache::{Cache, ErrorKind, Key, Pattern, Source as From, Value, WarmEntries, WarmScope, WarmSource};

use common::{cache, inline, paused, settle};
use source::{Source, clock, join, soon, threads};

/// Sends when it is dropped.
struct Marker(mpsc::Sender<()>);

impl Drop for Marker {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// A warm source that holds a [`Marker`], as the wiring of the cache holds the source.
fn marked() -> (WarmSource, mpsc::Receiver<()>) {
    let (sender, receiver) = mpsc::channel();
    let marker = Marker(sender);
    let source = WarmSource::new("marked", "config", move |_run| {
        let _held = &marker;
        async { Ok::<_, apex_cache::Error>(WarmEntries::new()) }
    });
    (source, receiver)
}

/// Runs `future` on this thread, without any runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park_timeout(Duration::from_secs(60));
    }
}

async fn what_was_accepted_is_applied(cache: Cache) {
    let supervisor = cache.supervisor();
    let key = |number: u32| Key::parse(&format!("user::{number}::x")).unwrap();
    let sets: Vec<_> = (0..1_000)
        .map(|number| supervisor.send(Set::new(key(number), Value::encode(&number).unwrap())))
        .collect();
    let gone = cache.invalidate(Pattern::parse("user::1*").unwrap());
    let gone = tokio::join!(async { gone.await }, cache.shutdown());
    assert_eq!(gone.0.unwrap().matched, 111, "it was accepted before the end began");
    gone.1.unwrap();
    for set in sets {
        assert!(set.await.unwrap().kept, "it was accepted before the end began");
    }
}

#[test]
fn what_was_accepted_before_the_end_is_applied() {
    paused(async || what_was_accepted_is_applied(cache().await).await);
    threads(async || what_was_accepted_is_applied(Cache::builder().start().await.unwrap()).await);
}

#[test]
fn after_the_end_every_call_is_told_and_calls_with_a_loader_are_answered_by_it() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        cache.set("user::1::x", &source.row("user::1::x")).await.unwrap();
        cache.shutdown().await.unwrap();
        let closed = ErrorKind::Closed;
        assert_eq!(cache.get::<u64>("user::1::x").await.unwrap_err().kind(), closed);
        assert_eq!(cache.contains("user::1::x").unwrap_err().kind(), closed);
        assert_eq!(cache.set("user::1::x", &1).await.unwrap_err().kind(), closed);
        assert_eq!(cache.remove("user::1::x").await.unwrap_err().kind(), closed);
        assert_eq!(cache.clear().await.unwrap_err().kind(), closed);
        assert_eq!(cache.warm(WarmScope::All).await.unwrap_err().kind(), closed);
        assert_eq!(cache.user_active(1).await.unwrap_err().kind(), closed);
        assert_eq!(cache.stats().await.unwrap_err().kind(), closed);
        assert_eq!(cache.info().await.unwrap_err().kind(), closed);
        assert_eq!(cache.revive("user").await.unwrap_err().kind(), closed);
        assert_eq!(
            cache.supervisor().send(Get::new(Key::parse("user::1").unwrap())).await.unwrap_err().kind(),
            closed
        );
        assert!(cache.supervisor().addr().is_none());
        source.write("user::1::x");
        let hit = source.get(&cache, "user::1::x").await.unwrap();
        assert_eq!((hit.version, hit.source(), hit.is_stored()), (2, From::Bypass, false));
        cache.shutdown().await.unwrap();
    });
}

#[test]
fn the_end_may_be_asked_for_by_many_at_once() {
    threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        let ends: Vec<_> = (0..50)
            .map(|_| {
                let cache = cache.clone();
                source::go(async move { cache.shutdown().await })
            })
            .collect();
        for end in ends {
            join(end).await.unwrap();
        }
    });
}

#[test]
fn who_waits_for_a_load_when_the_end_comes_has_an_answer() {
    paused(async || {
        let (cache, source, began) = (cache().await, Source::new(), clock());
        let gate = source.hold("user::1::x");
        let waits = source.ask(&cache, "user::1::x");
        gate.begun().await;
        cache.shutdown().await.unwrap();
        assert!(began.elapsed() <= Duration::from_secs(5), "{:?}", began.elapsed());
        gate.open();
        let hit = join(waits).await.unwrap();
        assert_eq!((hit.version, hit.is_stored()), (1, false));
    });
}

#[test]
fn a_cache_that_is_asked_to_be_ready_and_ends_says_so() {
    paused(async || {
        let never = WarmSource::new("never", "config", |_run| {
            std::future::pending::<Result<WarmEntries, apex_cache::Error>>()
        });
        let cache = inline().warm(never.required()).start().await.unwrap();
        let waits = cache.clone();
        let waits = source::go(async move { waits.ready().await });
        settle().await;
        cache.shutdown().await.unwrap();
        assert_eq!(join(waits).await.unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn dropping_the_last_handle_ends_the_thread_and_frees_what_it_held() {
    let (warm, freed) = marked();
    threads(async || {
        let cache = Cache::builder().warm(warm).start().await.unwrap();
        let (other, supervisor) = (cache.clone(), cache.supervisor());
        drop(cache);
        drop(other);
        assert!(freed.try_recv().is_err(), "a supervisor handle keeps it alive");
        supervisor.send(apex_cache::message::Info).await.unwrap();
        drop(supervisor);
    });
    freed.recv_timeout(Duration::from_secs(60)).expect("the thread ends by itself");
}

#[test]
fn a_shutdown_frees_what_the_thread_held_once_the_handle_is_gone_too() {
    let (warm, freed) = marked();
    threads(async || {
        let cache = Cache::builder().warm(warm).start().await.unwrap();
        cache.set("user::1::x", &1).await.unwrap();
        cache.shutdown().await.unwrap();
    });
    freed.recv_timeout(Duration::from_secs(60)).expect("nothing is kept");
}

#[test]
fn an_inline_cache_that_is_dropped_is_freed_with_its_runtime_still_there() {
    let (warm, freed) = marked();
    paused(async || {
        let (cache, source) = (inline().warm(warm).start().await.unwrap(), Source::new());
        source.get(&cache, "user::1::x").await.unwrap();
        drop(cache);
        settle().await;
        freed.try_recv().expect("nothing is kept");
    });
}

#[test]
fn a_plain_thread_without_a_runtime_can_use_the_cache() {
    let cache = block_on(Cache::builder().start()).unwrap();
    block_on(cache.ready()).unwrap();
    block_on(async { cache.set("user::1::x", "Ann").deadline(Duration::from_secs(60)).await }).unwrap();
    assert_eq!(cache.get_with("user::1::x", String::clone).unwrap().as_deref(), Some("Ann"));
    let source = Source::new();
    assert_eq!(block_on(source.get(&cache, "user::2::x")).unwrap().version, 1);
    assert_eq!(
        block_on(async { cache.invalidate(Pattern::parse("user::*").unwrap()).await }).unwrap().matched,
        2
    );
    assert!(block_on(cache.stats()).is_ok() && block_on(cache.info()).is_ok());
    block_on(cache.shutdown()).unwrap();
    assert_eq!(block_on(source.get(&cache, "user::2::x")).unwrap().source(), From::Bypass);
}

#[test]
fn a_handle_outlives_the_runtime_on_which_its_cache_was_started() {
    let cache = threads(async || Cache::builder().start().await.unwrap());
    block_on(async { cache.set("user::1::x", &1).await }).unwrap();
    threads(async || {
        let source = Source::new();
        let hit = soon("an answer", source.get(&cache, "user::2::x")).await.unwrap();
        assert_eq!((hit.version, hit.is_stored()), (1, true));
    });
}

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Panics of `run` on this thread, those included that a runtime caught.
fn panics(run: impl FnOnce()) -> u32 {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    PANICS.set(0);
    run();
    PANICS.get()
}

#[test]
fn a_runtime_that_goes_first_takes_an_inline_cache_along_without_a_panic() {
    let never_polled = panics(|| paused(async || drop(inline().start().await.unwrap())));
    let kept = panics(|| {
        let cache = paused(async || cache().await);
        assert_eq!(
            block_on(async { cache.set("user::1::x", &1).await }).unwrap_err().kind(),
            ErrorKind::Closed
        );
        drop(cache);
    });
    let busy = panics(|| {
        paused(async || {
            let (cache, source) = (cache().await, Source::new());
            for number in 0..10_000 {
                cache.set(format!("query::{number}::x"), &number).await.unwrap();
            }
            let gate = source.hold("user::1::x");
            let waits = source.ask(&cache, "user::1::x");
            gate.begun().await;
            drop(
                cache
                    .supervisor()
                    .send(apex_cache::message::Invalidate::new(Pattern::parse("*::x").unwrap())),
            );
            drop(cache.supervisor().send(apex_cache::message::Stats));
            tokio::task::yield_now().await;
            drop(cache.supervisor().send(apex_cache::message::Stats));
            drop(waits);
        });
    });
    assert_eq!((never_polled, kept, busy), (0, 0, 0));
}
