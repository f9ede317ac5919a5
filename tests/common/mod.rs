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

/// Lets everything that can go on go on, without moving the clock.
pub async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Makes the tier of this name seem to be in the middle of a turn, or not any more.
pub async fn busy(cache: &Cache, tier: &str, is_busy: bool) {
    use apex_cache::message::{Break, Breaks};
    cache.supervisor().send(Break::new(Breaks::Busy(tier.into(), is_busy))).await.expect("it is a tier");
}
