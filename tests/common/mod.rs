//! What tests share: a cache on the test's own thread, under a clock that stands still until it is moved.
#![allow(dead_code, unreachable_pub)] // every test binary uses its own part

use std::future::Future;
use std::time::Duration;

use apex_cache::{Builder, Cache, Env, Placement, Settings};

/// Runs `test` on one thread, in an actix system whose clock is paused: it moves when everything waits, and by
/// [`advance`].
pub fn paused<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    actix::System::with_tokio_rt(runtime).block_on(async { test().await })
}

/// A cache on this thread, in simulated time.
pub fn inline() -> Builder {
    Cache::builder().placement(Placement::Inline).env(Env::simulated(7))
}

/// A started cache on this thread, in simulated time, with default settings.
pub async fn cache() -> Cache {
    inline().start().await.expect("default settings start")
}

/// As [`cache`], with settings.
pub async fn cache_with(settings: Settings) -> Cache {
    inline().settings(settings).start().await.expect("the settings of a test start")
}

/// A text of so many bytes that cannot be compressed; the same each time.
pub fn noise(bytes: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 1_u64;
    let letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(LETTERS[(state >> 58) as usize])
    };
    std::iter::repeat_with(letter).take(bytes).collect()
}

/// Moves the clock, and lets every timer and message that is due have its turn.
pub async fn advance(span: Duration) {
    // A paused clock moves when all tasks wait, so what is due on the way is done on the way.
    let _ = tokio::time::timeout(span, std::future::pending::<()>()).await;
    settle().await;
}

/// Lets everything that can go on go on, without moving the clock.
pub async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
