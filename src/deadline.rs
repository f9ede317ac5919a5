//! A deadline for everything that a task asks, set once, where the request comes in.
//!
//! Owns: the deadline in force in a task, and which of two counts. Never: waits or ends anything itself; a call with a
//! loader asks what is left.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::env::{Spawner, Stopwatch};

tokio::task_local! {
    /// The deadline in force.
    static CURRENT: Option<Deadline>;
}

/// Runs `future` with no deadline in force, wherever it is polled.
pub(crate) fn without_deadline<F: Future>(future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(None, future)
}

/// A moment by which a task wants its answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    began: Stopwatch,
    /// The same by the machine's clock: the clock of a test's runtime may jump while a cache on another thread works.
    began_machine: Stopwatch,
    limit: Duration,
}

impl Deadline {
    /// The moment `limit` from now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { began: Stopwatch::start(), began_machine: Stopwatch::machine(), limit }
    }

    /// The one in force in this task.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(|deadline| *deadline).ok().flatten()
    }

    /// Time until then; zero when it has passed.
    pub(crate) fn left(self) -> Duration {
        self.limit.saturating_sub(self.began.elapsed())
    }

    /// As [`Deadline::left`], by the clock that `timers` measures limits with.
    pub(crate) fn left_by(self, timers: &Spawner) -> Duration {
        let began = if timers.is_machine() { self.began_machine } else { self.began };
        self.limit.saturating_sub(began.elapsed())
    }

    /// Time there was in all.
    pub(crate) fn limit(self) -> Duration {
        self.limit
    }

    /// Runs `act` under this deadline, or under that in force when it comes sooner.
    fn enter<R>(self, act: impl FnOnce() -> R) -> R {
        match Self::current() {
            Some(outer) if outer.left() <= self.left() => act(),
            _ => CURRENT.sync_scope(Some(self), act),
        }
    }
}

/// Runs `act` under `deadline`, if there is one.
#[cfg(any(feature = "tower", feature = "actix-web"))]
pub(crate) fn enter<R>(deadline: Option<Deadline>, act: impl FnOnce() -> R) -> R {
    match deadline {
        Some(deadline) => deadline.enter(act),
        None => act(),
    }
}

/// Runs `future` with a deadline for every call with a loader inside it: `limit` from now, all of them together.
///
/// Within it [`Cache::get_or_load`](crate::Cache::get_or_load) and [`GetOrLoad`](crate::message::GetOrLoad) wait no longer
/// than what is left, and then return [`Error::Timeout`](crate::Error::Timeout); the load goes on for whoever asks next.
/// When nothing is left, what is in memory is served all the same, and no load is begun. It can only shorten a wait: of
/// this, a deadline around it, that of the call and `load_timeout` the soonest counts.
///
/// A `#[cached]` function is not hurried: its own error type has no word for a deadline, so it ends when its body does. To
/// bound one, put a timeout around it, or around the whole handler: `tokio::time::timeout`, or that of the web framework,
/// which drops the call and answers in its place. Its load goes on too.
///
/// `future` itself is not ended, and what changes something (`set`, `remove`, `invalidate`) is waited for as ever. The
/// deadline belongs to the task: a task that is spawned inside has none, and neither has a load, for others wait for it
/// too. Works in any runtime. Cost: a clock is read when a call did not find its value in memory.
///
/// ```no_run
/// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
/// # use std::time::Duration;
/// # async fn query() -> std::io::Result<String> { Ok("Ann".to_owned()) }
/// let page = apex_cache::with_deadline(Duration::from_millis(200), async {
///     let name = cache.get_or_load("user::42::name", query).await?;
///     let city = cache.get_or_load("user::42::city", query).await?; // what the first left of the 200 ms
///     Ok::<_, apex_cache::Error>(format!("{}, {}", *name, *city))
/// });
/// println!("{}", page.await?);
/// # Ok(())
/// # }
/// ```
pub fn with_deadline<F: Future>(limit: Duration, future: F) -> WithDeadline<F> {
    WithDeadline::new(Some(Deadline::after(limit)), future)
}

pin_project! {
    /// A future that runs under a deadline: see [`with_deadline`].
    #[derive(Debug)]
    #[must_use = "nothing happens until this is awaited"]
    pub struct WithDeadline<F> {
        #[pin]
        inner: F,
        deadline: Option<Deadline>,
    }
}

impl<F> WithDeadline<F> {
    pub(crate) fn new(deadline: Option<Deadline>, inner: F) -> Self {
        Self { inner, deadline }
    }
}

impl<F: Future> Future for WithDeadline<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match *this.deadline {
            Some(deadline) => deadline.enter(|| this.inner.poll(cx)),
            None => this.inner.poll(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_force() -> impl Future<Output = Option<Duration>> {
        std::future::poll_fn(|_| Poll::Ready(Deadline::current().map(Deadline::limit)))
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_deadlines_the_sooner_counts() {
        let second = Duration::from_secs(1);
        assert_eq!(with_deadline(second, with_deadline(2 * second, in_force())).await, Some(second));
        assert_eq!(with_deadline(2 * second, with_deadline(second, in_force())).await, Some(second));
        assert_eq!(in_force().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_runs_from_the_call_and_never_below_zero() {
        let late = with_deadline(Duration::from_secs(3), async { Deadline::current().map(Deadline::left) });
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(late.await, Some(Duration::from_secs(1)));
        let passed = with_deadline(Duration::from_secs(3), async { Deadline::current().map(Deadline::left) });
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(passed.await, Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_is_spawned_inside_has_no_deadline() {
        let spawned = with_deadline(Duration::from_secs(1), async {
            let handle = tokio::runtime::Handle::current();
            handle.spawn(in_force()).await
        });
        assert_eq!(spawned.await.expect("it does not panic"), None);
    }
}
