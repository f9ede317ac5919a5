//! What tests share: a cache on the test's own thread, under a clock that stands still until it is moved.
#![allow(dead_code, unused_imports, unreachable_pub)] // every test binary uses its own part

use apex_cache::{Cache, Settings};

/// A cache on this thread, in simulated time; a test on one thread, under a clock that moves when everything waits; and how to
/// move it.
pub use apex_cache::testing::{advance, builder as inline, paused};

/// A started cache on this thread, in simulated time, with default settings.
pub async fn cache() -> Cache {
    inline().start().await.expect("default settings start")
}

/// As [`cache`], with settings.
pub async fn cache_with(settings: Settings) -> Cache {
    inline().settings(settings).start().await.expect("the settings of a test start")
}

/// Lets everything that can go on go on, without moving the clock.
pub async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
