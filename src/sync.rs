//! Locks and atomics of the few places where threads meet without a mailbox between them.
//!
//! Owns: which types those places use. Never: does anything itself.
//!
//! With `--cfg shuttle` the unit tests get types whose every use is a place where another thread may come in between, and
//! a scheduler that tries out such orders by the thousand. The other unit tests cannot run in that build:
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" cargo test --lib --target-dir target/shuttle shuttle
//! ```
//!
//! What fails prints the seed and the whole schedule; `SHUTTLE_RANDOM_SEED=seed` in front runs it again. The model knows
//! orders of whole steps, not the weaker orders that memory may show: those rest on the comments beside each `Ordering`.

#[cfg(not(all(test, shuttle)))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::atomic;
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::thread_local;
#[cfg(not(all(test, shuttle)))]
pub(crate) use tokio::sync::Notify;

#[cfg(all(test, shuttle))]
pub(crate) use modelled::{Mutex, Notify, each_schedule};
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{MutexGuard, atomic};
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::thread_local;

#[cfg(all(test, shuttle))]
mod modelled {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::sync::atomic::{AtomicBool, Ordering};
    use shuttle::sync::{self, MutexGuard};
    use shuttle::{Config, Runner};

    /// How many orders each of the two schedulers tries: a few seconds for each test.
    const SCHEDULES: usize = 4_000;

    /// Runs `run` under many schedules: any thread next at every step, then few changes of thread, placed with care.
    pub(crate) fn each_schedule(run: impl Fn() + Send + Sync + Copy + 'static) {
        let mut config = Config::new();
        config.silence_warnings = true; // that it does not model weak memory stands above
        Runner::new(RandomScheduler::new(SCHEDULES), config.clone()).run(run);
        Runner::new(PctScheduler::new(3, SCHEDULES), config).run(run);
    }

    /// A thread that panics ends the whole schedule as a failure, so nobody comes to a lock that it left.
    const POISONED: &str = "no schedule goes on after a panic";

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(inner: T) -> Self {
            Self(sync::Mutex::new(inner))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect(POISONED)
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().expect(POISONED)
        }
    }

    /// tokio's own, which does each thing at once; before it, somebody else may come in.
    #[derive(Debug, Default)]
    pub(crate) struct Notify {
        inner: tokio::sync::Notify,
        step: AtomicBool,
    }

    impl Notify {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn notified(&self) -> tokio::sync::futures::Notified<'_> {
            self.step.load(Ordering::SeqCst);
            self.inner.notified()
        }

        pub(crate) fn notify_one(&self) {
            self.step.load(Ordering::SeqCst);
            self.inner.notify_one();
        }

        pub(crate) fn notify_waiters(&self) {
            self.step.load(Ordering::SeqCst);
            self.inner.notify_waiters();
        }
    }
}
