//! The one seam to the outside: time, randomness, threads and tasks.
//!
//! Owns: every call to a clock, every spawn, every sleep of this crate. Never: decides anything.
//!
//! A cache that is built with [`Env::simulated`] and placed inline runs on one thread, under tokio's paused clock, from
//! one seed: hours pass in microseconds, and a run can be repeated.
#![allow(clippy::disallowed_methods)] // this is the place where they are allowed

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::engine::key::Key;
use crate::engine::moment::Moment;

/// Time and randomness of one cache.
#[derive(Debug, Clone)]
pub struct Env {
    clock: Arc<Clock>,
    seed: u64,
    /// How often each key was loaded; kept in simulations only.
    loads: Option<Arc<Mutex<HashMap<Key, u64>>>>,
}

#[derive(Debug)]
enum Clock {
    /// The machine's monotonic clock, plus the time that the machine was suspended.
    Machine { began: u64, suspended_ms: AtomicU64, meter: SuspendMeter },
    /// tokio's clock, which tests pause and advance.
    Tokio { began: tokio::time::Instant },
}

impl Default for Env {
    fn default() -> Self {
        Self::machine()
    }
}

impl Env {
    /// The machine's clock and a random seed.
    ///
    /// On Linux time is the kernel's coarse monotonic clock: reading it costs some nanoseconds, and it lags up to 4 ms,
    /// so that an entry may be served at most 5 ms past its deadline. Setting the wall clock changes nothing. Time that
    /// the machine was suspended is added at each sweep; elsewhere than on Linux it is not.
    #[must_use]
    pub fn machine() -> Self {
        let clock = Clock::Machine {
            began: machine_now_ms(),
            suspended_ms: AtomicU64::new(0),
            meter: SuspendMeter::new(suspended_since_boot()),
        };
        Self { clock: Arc::new(clock), seed: RandomState::new().hash_one(0), loads: None }
    }

    /// tokio's clock, which a test pauses and advances, and a seed of your choice.
    #[must_use]
    pub fn simulated(seed: u64) -> Self {
        let clock = Clock::Tokio { began: tokio::time::Instant::now() };
        Self { clock: Arc::new(clock), seed, loads: Some(Arc::default()) }
    }

    /// Whether it stands for a simulation, in which all happens on one thread.
    pub(crate) fn is_simulated(&self) -> bool {
        self.loads.is_some()
    }

    /// A loader of `key` is about to run. A simulation counts it.
    pub(crate) fn observe_load(&self, key: &Key) {
        if let Some(loads) = &self.loads {
            *loads.lock().entry(key.clone()).or_default() += 1;
        }
    }

    /// How often a loader of `key` ran, in a simulation; else `None`.
    pub fn loads(&self, key: &str) -> Option<u64> {
        self.loads.as_ref().map(|loads| loads.lock().get(key).copied().unwrap_or_default())
    }

    /// The seed of everything random.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The moment now.
    #[inline]
    pub fn now(&self) -> Moment {
        match &*self.clock {
            Clock::Machine { began, suspended_ms, .. } => {
                // Every read asks: the clock, and then nothing but additions.
                let awake = machine_now_ms().saturating_sub(*began);
                Moment::from_millis(awake + suspended_ms.load(Relaxed))
            }
            Clock::Tokio { began } => Moment::START.after(began.elapsed()),
        }
    }

    /// Moves the machine's clock as this cache sees it forward; tokio's clock is moved by who paused it.
    #[cfg(feature = "testing")]
    pub(crate) fn advance(&self, span: Duration) {
        if let Clock::Machine { suspended_ms, .. } = &*self.clock {
            suspended_ms.fetch_add(millis(span), Relaxed);
        }
    }

    /// Adds the time that the machine was suspended since the last call. Called at each sweep.
    pub fn observe_suspend(&self) {
        if let Clock::Machine { suspended_ms, meter, .. } = &*self.clock {
            suspended_ms.fetch_add(meter.gained(suspended_since_boot()), Relaxed);
        }
    }
}

/// How long the machine was suspended, as differences of a reading that only grows.
#[derive(Debug)]
struct SuspendMeter {
    last_ms: AtomicU64,
}

impl SuspendMeter {
    fn new(reading: Option<Duration>) -> Self {
        Self { last_ms: AtomicU64::new(millis(reading.unwrap_or_default())) }
    }

    /// Milliseconds gained since the last reading. The two clocks behind it are not read at the same instant, so some
    /// milliseconds of difference mean nothing; they are kept until they add up.
    fn gained(&self, reading: Option<Duration>) -> u64 {
        const NOISE_MS: u64 = 100;
        let Some(now) = reading.map(millis) else { return 0 };
        let last = self.last_ms.load(Relaxed);
        if now < last + NOISE_MS {
            return 0;
        }
        self.last_ms.store(now, Relaxed);
        now - last
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(target_os = "linux")]
#[inline]
fn machine_now_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_wraps)] // other systems cannot tell
fn suspended_since_boot() -> Option<Duration> {
    use rustix::time::ClockId::{Boottime, Monotonic};
    Some(clock(Boottime).saturating_sub(clock(Monotonic)))
}

#[cfg(target_os = "linux")]
fn clock(id: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(id);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn machine_now_ms() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    millis(BEGAN.get_or_init(Instant::now).elapsed())
}

#[cfg(not(target_os = "linux"))]
fn suspended_since_boot() -> Option<Duration> {
    None
}

/// A time in full resolution, to measure how long something took.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stopwatch {
    /// tokio's clock, which stands still when tests pause it.
    Tokio(tokio::time::Instant),
    /// The machine's clock: what one runtime starts, another may read.
    Machine(std::time::Instant),
}

impl Stopwatch {
    /// Of the calling task's runtime, for what that task alone reads. Across threads see [`Spawner::stopwatch`].
    pub(crate) fn start() -> Self {
        Self::Tokio(tokio::time::Instant::now())
    }

    /// By the machine's clock.
    pub(crate) fn machine() -> Self {
        Self::Machine(std::time::Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        match self {
            Self::Tokio(began) => began.elapsed(),
            Self::Machine(began) => began.elapsed(),
        }
    }
}

/// A runtime that tasks can be started on, from any thread.
#[derive(Debug, Clone)]
pub struct Spawner {
    handle: Handle,
    /// Of the runtime of a cache with a thread of its own: whether that runtime has ended. `None` for any other.
    ended: Option<Arc<AtomicBool>>,
}

impl Spawner {
    /// The runtime of the calling task, if there is one.
    #[must_use]
    pub fn current() -> Option<Self> {
        Handle::try_current().ok().map(|handle| Self { handle, ended: None })
    }

    /// Whether the calling thread is inside of this runtime.
    pub(crate) fn is_current(&self) -> bool {
        Handle::try_current().is_ok_and(|current| current.id() == self.handle.id())
    }

    /// Starts `task`. It is dropped with its runtime.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// Runs `work` where it may take long without holding up a task; lost when the runtime ends first.
    pub(crate) fn run_aside(&self, work: impl FnOnce() + Send + 'static) {
        drop(self.handle.spawn_blocking(work));
    }

    /// A stopwatch by the clock that [`Spawner::within`] measures with.
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        if self.is_machine() { Stopwatch::machine() } else { Stopwatch::start() }
    }

    /// Whether its timers follow the machine's clock whatever a test does to that of its own runtime.
    pub(crate) fn is_machine(&self) -> bool {
        self.ended.is_some()
    }

    /// Waits for `future`, at most `limit`; `None` when that has passed.
    ///
    /// The timer of a cache with a thread of its own is one of that thread, whichever runtime the caller is on: the clock of a
    /// host's runtime may be paused, and then jumps to the next timer while the caller waits for another thread. Otherwise, and
    /// once that thread has ended, it is one of the calling task's runtime, or of this one for callers outside any runtime, or
    /// on one without timers.
    pub(crate) async fn within<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let mut is_own = self.is_machine() && !self.has_ended();
        let here = if !is_own && has_runtime() { timer(limit) } else { None };
        let sleep = here.or_else(|| {
            let _inside = self.handle.enter();
            timer(limit)
        });
        let Some(sleep) = sleep else { return Some(future.await) };
        let stopwatch = self.stopwatch();
        tokio::pin!(sleep);
        let over = std::future::poll_fn(|cx| {
            if is_own && self.has_ended() {
                let left = limit.saturating_sub(stopwatch.elapsed());
                let Some(other) = has_runtime().then(|| timer(left)).flatten() else { return Poll::Pending };
                sleep.set(other);
                is_own = false;
            }
            // A runtime that ends takes its timers along: tokio panics then, and there is no limit any more.
            let poll = || sleep.as_mut().poll(cx);
            catch_unwind(AssertUnwindSafe(poll)).unwrap_or(Poll::Pending)
        });
        tokio::select! {
            biased;
            output = future => Some(output),
            () = over => None,
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.load(Relaxed))
    }
}

/// Whether the clock of the calling task's runtime is paused; tokio does not say. A clock that runs shows another time as
/// soon as the machine's does.
#[cfg(feature = "testing")]
pub(crate) fn is_clock_paused() -> bool {
    let (tokio, machine) = (tokio::time::Instant::now(), std::time::Instant::now());
    while machine.elapsed() < Duration::from_micros(10) {
        std::hint::spin_loop();
    }
    tokio.elapsed().is_zero()
}

/// A timer of the current runtime; `None` if that has none, which cannot be asked: tokio panics then.
fn timer(limit: Duration) -> Option<tokio::time::Sleep> {
    catch_unwind(|| tokio::time::sleep(limit)).ok()
}

/// Whether the calling thread is inside a runtime.
///
/// actix polls an actor once more when its runtime drops it, outside of any: what a runtime is needed for is left out then.
pub(crate) fn has_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// Starts `task` on the thread of the calling actor; drops it when the runtime is gone.
pub(crate) fn spawn_local(task: impl Future<Output = ()> + 'static) {
    if has_runtime() {
        actix_rt::spawn(task);
    }
}

/// Lets everything else on this thread have its turn.
pub(crate) async fn yield_now() {
    tokio::task::yield_now().await;
}

/// Runs `root` to its end in an actix system on a thread of its own. It is given the runtime of that system.
pub(crate) fn thread_with_system<F>(
    name: &str,
    root: impl FnOnce(Spawner) -> F + Send + 'static,
) -> std::io::Result<()>
where
    F: Future<Output = ()> + 'static,
{
    let run = move || {
        actix::System::new().block_on(async move {
            let ended = Arc::new(AtomicBool::new(false));
            let _end = EndsOnDrop(Arc::clone(&ended));
            root(Spawner { handle: Handle::current(), ended: Some(ended) }).await;
        });
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// Says that a runtime ends, before it does and on every way out: a timer of one that has ended panics when it is asked.
struct EndsOnDrop(Arc<AtomicBool>);

impl Drop for EndsOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs a server to its end in an actix system on a thread of its own.
#[cfg(feature = "admin-http")]
pub(crate) fn server_thread(
    name: &str,
    server: impl Future<Output = std::io::Result<()>> + Send + 'static,
) -> std::io::Result<()> {
    // How it ended is nobody's business: who stopped it waits for that by its handle.
    thread_with_system(name, move |_| async move { drop(server.await) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_machine_slept_is_added() {
        let meter = SuspendMeter::new(Some(Duration::from_secs(100)));
        assert_eq!(
            meter.gained(Some(Duration::from_millis(100_003))),
            0,
            "two readings are never quite equal"
        );
        assert_eq!(meter.gained(Some(Duration::from_secs(3_700))), 3_600_000);
        assert_eq!(meter.gained(Some(Duration::from_secs(3_700))), 0);
        assert_eq!(
            meter.gained(Some(Duration::from_secs(100))),
            0,
            "a clock that goes back takes nothing away"
        );
        assert_eq!(meter.gained(None), 0);
    }

    #[test]
    fn a_limit_holds_also_on_a_runtime_without_timers() {
        let own =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one");
        let host = tokio::runtime::Builder::new_current_thread().build().expect("another");
        let spawner = Spawner { handle: own.handle().clone(), ended: None };
        let limit = Duration::from_millis(1);
        assert_eq!(host.block_on(spawner.within(limit, std::future::pending::<()>())), None);
        assert_eq!(host.block_on(spawner.within(limit, async { 7 })), Some(7));
    }

    #[test]
    fn a_limit_holds_also_once_the_runtime_of_its_timers_has_ended() {
        let (tell, told) = std::sync::mpsc::channel();
        let root = move |own| async move { tell.send(own).expect("the test waits for it") };
        thread_with_system("own", root).expect("a thread");
        let spawner: Spawner = told.recv().expect("it has begun");
        let host = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a host");
        let limit = Duration::from_millis(20);
        assert_eq!(host.block_on(spawner.within(limit, std::future::pending::<()>())), None);
        assert_eq!(host.block_on(spawner.within(limit, std::future::pending::<()>())), None);
    }

    #[test]
    fn the_machine_clock_goes_forward() {
        let env = Env::machine();
        let first = env.now();
        env.observe_suspend();
        assert!(env.now() >= first);
    }
}
