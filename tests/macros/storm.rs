//! Many callers of one cached function, who come, go and fail.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use apex_cache::testing::paused;
use apex_cache::{Cache, Pattern, cached};
use tokio::sync::Semaphore;

/// A source that answers when it is let.
#[derive(Debug, Clone)]
pub(super) struct Slow {
    pub(super) cache: Cache,
    pub(super) gate: Arc<Semaphore>,
    pub(super) value: Arc<AtomicU32>,
    runs: Arc<AtomicU32>,
}

/// Not `Clone`, and no error to Rust.
#[derive(Debug, PartialEq)]
pub(super) struct Refused(pub(super) u32);

impl Slow {
    pub(super) async fn new() -> Self {
        let gate = Arc::new(Semaphore::new(0));
        Self { cache: Cache::for_tests().await, gate, value: Arc::default(), runs: Arc::default() }
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Reads, then waits to be let.
    async fn read(&self) -> u32 {
        let (run, value) = (self.runs.fetch_add(1, Relaxed) + 1, self.value.load(Relaxed));
        self.gate.acquire().await.expect("it is never closed").forget();
        assert!(value != 13, "run {run} panics");
        value
    }

    #[cached(key = "query::slow::{id}", ttl = "1h")]
    pub(super) async fn load(&self, id: u32) -> Result<u32, Refused> {
        let value = self.read().await;
        if value == 7 { Err(Refused(id)) } else { Ok(value) }
    }

    #[cached(key = "query::cloned::{id}", ttl = "1h")]
    async fn load_or_say(&self, id: u32) -> Result<u32, String> {
        let value = self.read().await;
        if value == 7 { Err(format!("no {id}")) } else { Ok(value) }
    }

    #[cached(key = "query::lent::{id}", skip(seen), ttl = "1h", run = "caller")]
    pub(super) async fn load_here(&self, id: u32, seen: &mut u32) -> Result<u32, Refused> {
        let value = self.read().await;
        *seen += 1;
        if value == 7 { Err(Refused(id)) } else { Ok(value) }
    }

    pub(super) fn runs(&self) -> u32 {
        self.runs.load(Relaxed)
    }
}

/// Makes the tier of this name seem to be in the middle of a turn, or not any more.
pub(super) async fn busy(cache: &Cache, tier: &str, is_busy: bool) {
    use apex_cache::message::{Break, Breaks};
    cache.supervisor().send(Break::new(Breaks::Busy(tier.into(), is_busy))).await.expect("it is a tier");
}

pub(super) async fn settle() {
    apex_cache::testing::advance(Duration::ZERO).await;
}

pub(super) type Call<'a, E = Refused> = Pin<Box<dyn Future<Output = Result<u32, E>> + 'a>>;

/// Polls every call once; returns those that are not ready, with what the others said.
pub(super) async fn poll_all<E>(calls: Vec<Call<'_, E>>) -> (Vec<Call<'_, E>>, Vec<Result<u32, E>>) {
    let (mut waiting, mut said) = (Vec::new(), Vec::new());
    for mut call in calls {
        match poll(&mut call).await {
            Some(output) => said.push(output),
            None => waiting.push(call),
        }
    }
    (waiting, said)
}

async fn poll<E>(call: &mut Call<'_, E>) -> Option<Result<u32, E>> {
    std::future::poll_fn(|cx| match call.as_mut().poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[test]
fn ten_thousand_callers_run_the_body_once_whichever_of_them_give_up() {
    // One is left of each kind: who came first, who came last, one between, nobody.
    for kept in [Some(0), Some(9_999), Some(5_000), None] {
        paused(|| async move {
            let slow = Slow::new().await;
            slow.value.store(1, Relaxed);
            let calls = (0..10_000).map(|_| Box::pin(slow.load(1)) as Call<'_>).collect();
            let (calls, said) = poll_all(calls).await;
            assert!(said.is_empty());
            settle().await;
            let (mut calls, _) = poll_all(calls).await;
            if let Some(kept) = kept {
                calls.swap(0, kept);
            }
            calls.truncate(usize::from(kept.is_some()));
            settle().await;
            slow.gate.add_permits(100);
            for call in calls {
                assert_eq!(call.await, Ok(1));
            }
            settle().await;
            assert_eq!(slow.load(1).await, Ok(1), "kept {kept:?}");
            assert_eq!((slow.runs(), slow.cache.loads("query::slow::1")), (1, 1), "kept {kept:?}");
        });
    }
}

#[test]
fn ten_thousand_tasks_on_several_threads_run_the_body_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let gate = Arc::new(Semaphore::new(0));
        let cache = Cache::builder().start().await.unwrap();
        let slow = Slow { cache, gate, value: Arc::new(AtomicU32::new(1)), runs: Arc::default() };
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..10_000 {
            let slow = slow.clone();
            tasks.spawn(async move { slow.load(1).await });
        }
        slow.gate.add_permits(1);
        while let Some(said) = tasks.join_next().await {
            assert_eq!(said.unwrap(), Ok(1));
        }
        assert_eq!(slow.runs(), 1);
    });
}

#[test]
fn an_error_that_is_clone_is_shared_and_the_next_call_loads_again() {
    paused(|| async {
        let slow = Slow::new().await;
        slow.value.store(7, Relaxed);
        let calls = (0..50).map(|_| Box::pin(slow.load_or_say(1)) as Call<'_, String>).collect();
        let (calls, _) = poll_all(calls).await;
        slow.gate.add_permits(100);
        for call in calls {
            assert_eq!(call.await, Err("no 1".to_owned()));
        }
        assert_eq!(slow.runs(), 1);
        slow.value.store(8, Relaxed);
        assert_eq!(slow.load_or_say(1).await, Ok(8));
    });
}

#[test]
fn an_error_that_is_not_clone_goes_to_its_caller_and_a_later_success_to_all_who_wait() {
    paused(|| async {
        let slow = Slow::new().await;
        slow.value.store(7, Relaxed);
        let calls = (0..60).map(|_| Box::pin(slow.load(1)) as Call<'_>).collect();
        let (mut calls, _) = poll_all(calls).await;
        for (left, runs) in [(59, 33), (58, 34), (57, 35)] {
            settle().await;
            slow.gate.add_permits(1);
            settle().await;
            let (waiting, said) = poll_all(calls).await;
            assert_eq!((waiting.len(), said), (left, vec![Err(Refused(1))]));
            assert_eq!(slow.runs(), runs, "one, then as many as there are places");
            calls = waiting;
        }
        // The 32 that run have read the bad value; the first that reads the good one has it for all who wait then.
        slow.value.store(8, Relaxed);
        slow.gate.add_permits(100);
        let mut said = Vec::new();
        for call in calls {
            said.push(call.await);
        }
        assert_eq!(said.iter().filter(|said| **said == Ok(8)).count(), 25, "{said:?}");
        assert!(slow.runs() <= 60);
    });
}

#[test]
fn a_body_that_panics_panics_in_its_caller_and_the_key_stays_loadable() {
    paused(|| async {
        let slow = Slow::new().await;
        slow.value.store(13, Relaxed);
        slow.gate.add_permits(1);
        let call = slow.clone();
        let panic = actix::spawn(async move { call.load(1).await }).await.unwrap_err().into_panic();
        assert!(panic.downcast_ref::<String>().is_some_and(|said| said.contains("run 1 panics")));
        slow.value.store(1, Relaxed);
        slow.gate.add_permits(1);
        assert_eq!(slow.load(1).await, Ok(1));
        assert_eq!(slow.cache.loads("query::slow::1"), 2);
    });
}

#[test]
fn an_invalidation_during_a_load_keeps_the_old_value_out() {
    paused(|| async {
        let slow = Slow::new().await;
        slow.value.store(1, Relaxed);
        let mut before = Box::pin(slow.load(1)) as Call<'_>;
        assert!(poll(&mut before).await.is_none());
        settle().await;
        assert_eq!(slow.runs(), 1, "it has read the old value");
        slow.value.store(2, Relaxed);
        let gone = slow.cache.invalidate(Pattern::parse("query::slow::*").unwrap()).await.unwrap();
        assert_eq!((gone.matched, gone.revoked_loads), (0, 1));
        let mut after = Box::pin(slow.load(1)) as Call<'_>;
        assert!(poll(&mut after).await.is_none());
        slow.gate.add_permits(2);
        assert_eq!(before.await, Ok(1), "who asked before may be told the old value");
        assert_eq!(after.await, Ok(2));
        assert_eq!(slow.load(1).await, Ok(2));
        assert_eq!(slow.runs(), 2);
    });
}

#[test]
fn a_load_in_its_caller_dies_with_it_and_who_waits_takes_over() {
    paused(|| async {
        let slow = Slow::new().await;
        slow.value.store(1, Relaxed);
        let (mut first_seen, mut second_seen) = (0, 0);
        let mut first = Box::pin(slow.load_here(1, &mut first_seen)) as Call<'_>;
        assert!(poll(&mut first).await.is_none());
        settle().await;
        assert!(poll(&mut first).await.is_none());
        let mut second = Box::pin(slow.load_here(1, &mut second_seen)) as Call<'_>;
        assert!(poll(&mut second).await.is_none());
        settle().await;
        assert_eq!(slow.runs(), 1, "one runs for all who wait");
        drop(first);
        slow.gate.add_permits(1);
        assert_eq!(second.await, Ok(1));
        assert_eq!((slow.runs(), first_seen, second_seen), (2, 0, 1));
        assert_eq!(slow.load_here(1, &mut first_seen).await, Ok(1));
        assert_eq!(slow.runs(), 2, "it was stored");
    });
}

#[test]
fn a_load_in_its_caller_hands_out_its_own_error_and_panic() {
    paused(|| async {
        let slow = Slow::new().await;
        slow.gate.add_permits(3);
        slow.value.store(7, Relaxed);
        assert_eq!(slow.load_here(1, &mut 0).await, Err(Refused(1)));
        slow.value.store(13, Relaxed);
        let call = slow.clone();
        assert!(actix::spawn(async move { call.load_here(1, &mut 0).await }).await.unwrap_err().is_panic());
        slow.value.store(2, Relaxed);
        assert_eq!(slow.load_here(1, &mut 0).await, Ok(2));
    });
}
