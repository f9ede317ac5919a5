//! What belongs to a host and runs where the cache stands: `Drop`s that block, wakers and hooks that panic or
//! call the cache.

use std::future::{Future, IntoFuture};
use std::panic;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use apex_cache::message::{Break, Breaks};
use apex_cache::{Cache, Scope};

use crate::common::busy;
use crate::source::{go, threads};

/// Long enough for everything that is not stuck.
const SOON: Duration = Duration::from_secs(20);

/// A gate at which threads wait.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let is_open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(is_open, |is_open| !*is_open).unwrap());
    }
}

/// Its `Drop` blocks the thread until the gate is open.
struct Blocks(Gate, Arc<AtomicU64>);

impl Drop for Blocks {
    fn drop(&mut self) {
        self.1.fetch_add(1, SeqCst);
        self.0.pass();
    }
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blocks")
    }
}

impl std::fmt::Display for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it blocks")
    }
}

impl std::error::Error for Blocks {}

async fn soon<F: IntoFuture>(call: F) -> F::Output {
    tokio::time::timeout(SOON, call.into_future()).await.expect("nothing is stuck")
}

/// Every tier takes a write and gives it back.
async fn all_tiers_work(cache: &Cache) {
    for key in ["user::works", "query::works", "config::works"] {
        soon(cache.set(key, &1_u64)).await.unwrap();
        assert!(cache.contains(key).unwrap(), "{key}");
    }
}

#[test]
fn an_error_that_nobody_is_given_and_whose_drop_blocks_holds_up_no_tier() {
    threads(async || {
        let (cache, gate, drops) =
            (Cache::builder().start().await.unwrap(), Gate::default(), Arc::<AtomicU64>::default());
        let (begun, let_go) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
        let error = Blocks(gate.clone(), Arc::clone(&drops));
        let call = {
            let (cache, begun, let_go) = (cache.clone(), Arc::clone(&begun), Arc::clone(&let_go));
            go(async move {
                let load = || async move {
                    begun.notify_one();
                    let_go.notified().await;
                    Err::<u64, _>(error)
                };
                drop(cache.get_or_load("user::1", load).await);
            })
        };
        begun.notified().await;
        call.abort();
        let _ = call.await;
        let_go.notify_one();
        while drops.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        all_tiers_work(&cache).await;
        gate.open();
    });
}

#[test]
fn values_whose_drops_block_hold_up_no_tier_when_they_are_cleared() {
    threads(async || {
        let (cache, gate, drops) =
            (Cache::builder().start().await.unwrap(), Gate::default(), Arc::<AtomicU64>::default());
        for number in 0..200 {
            let value = Arc::new(Blocks(gate.clone(), Arc::clone(&drops)));
            cache.set_native(format!("user::{number}"), value).await.unwrap();
        }
        assert_eq!(soon(cache.invalidate(Scope::All)).await.unwrap().matched, 200);
        while drops.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        all_tiers_work(&cache).await;
        gate.open();
    });
}

/// Its `Drop` waits for a write to the tier that it was in.
struct Writes(Cache, Arc<AtomicU64>);

impl Drop for Writes {
    fn drop(&mut self) {
        let cache = self.0.clone();
        // A runtime of its own: this may be a thread of the host's.
        let write = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(async { cache.set("user::from_drop", &1_u64).await.map(drop) })
        };
        let written = std::thread::scope(|scope| scope.spawn(write).join().expect("no panic"));
        self.1.fetch_add(u64::from(written.is_ok()), SeqCst);
    }
}

#[test]
fn a_value_whose_drop_waits_for_the_cache_is_dropped_and_nothing_stands_still() {
    threads(async || {
        let (cache, written) = (Cache::builder().start().await.unwrap(), Arc::<AtomicU64>::default());
        for how in 0..3 {
            let value = Arc::new(Writes(cache.clone(), Arc::clone(&written)));
            cache.set_native("user::x", value).await.unwrap();
            match how {
                0 => drop(soon(cache.remove("user::x")).await.unwrap()),
                1 => drop(soon(cache.set("user::x", &1_u64)).await.unwrap()),
                _ => drop(soon(cache.invalidate(Scope::All)).await.unwrap()),
            }
            while written.load(SeqCst) <= how {
                tokio::task::yield_now().await;
            }
            all_tiers_work(&cache).await;
        }
    });
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker of the host panics");
    }
}

#[test]
fn a_waker_that_panics_takes_nothing_with_it() {
    threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        cache.set("user::kept", &1_u64).await.unwrap();
        busy(&cache, "user", true).await;
        let waker = Waker::from(Arc::new(Panics));
        let mut call = pin!(cache.set("user::1", &1_u64).into_future());
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let behind = {
            let cache = cache.clone();
            go(async move { cache.set("user::2", &1_u64).await.unwrap() })
        };
        tokio::task::yield_now().await;
        busy(&cache, "user", false).await;
        assert!(soon(behind).await.unwrap().kept);
        soon(cache.written()).await.unwrap();
        for key in ["user::kept", "user::1", "user::2"] {
            assert!(cache.contains(key).unwrap(), "{key}");
        }
    });
}

#[test]
fn a_panic_hook_that_reads_and_writes_the_cache_hangs_nothing() {
    threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        cache.set("user::1", &1_u64).await.unwrap();
        let (own, calls) = (cache.clone(), Arc::<AtomicU64>::default());
        let counted = Arc::clone(&calls);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |_| {
            counted.fetch_add(1, SeqCst);
            let _ = own.contains("user::1");
            own.set("user::from_hook", &1_u64).send().expect("it is accepted");
            own.remove("user::nothing").send().expect("it is accepted");
        }));
        let broken = soon(cache.supervisor().send(Break::new(Breaks::Turn("user".into())))).await;
        soon(cache.written()).await.unwrap();
        panic::set_hook(before);
        broken.unwrap();
        assert_eq!(calls.load(SeqCst), 1);
        assert!(!cache.contains("user::1").unwrap() && cache.contains("user::from_hook").unwrap());
        all_tiers_work(&cache).await;
    });
}
