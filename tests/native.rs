//! Native values: kept as they are, without serde, and handed out as the same `Arc` to everybody.
//!
//! Owns: what is different about them, and that nothing else is. Never: looks inside.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

#[path = "native/drops.rs"]
mod drops;
#[path = "native/loads.rs"]
mod loads;
#[path = "native/model.rs"]
mod model;
#[path = "native/types.rs"]
mod types;
#[path = "native/weight.rs"]
mod weight;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const KEY: &str = "user::1::x";
const SECOND: Duration = Duration::from_secs(1);

/// How many values there are, and how many there were.
#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn alive(&self) -> u64 {
        self.made.load(SeqCst) - self.dropped.load(SeqCst)
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(SeqCst)
    }
}

/// A value that nobody could write: neither serde nor `Clone`. `N` tells types apart.
struct Thing<const N: usize = 0> {
    number: u64,
    counts: Arc<Counts>,
    on_drop: Option<Box<dyn Fn() + Send + Sync>>,
}

impl<const N: usize> Thing<N> {
    fn new(number: u64, counts: &Arc<Counts>) -> Arc<Self> {
        Self::made(number, counts, None)
    }

    /// One whose `Drop` runs `on_drop` after it was counted.
    fn ending(number: u64, counts: &Arc<Counts>, on_drop: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Self::made(number, counts, Some(Box::new(on_drop)))
    }

    fn made(number: u64, counts: &Arc<Counts>, on_drop: Option<Box<dyn Fn() + Send + Sync>>) -> Arc<Self> {
        counts.made.fetch_add(1, SeqCst);
        Arc::new(Self { number, counts: Arc::clone(counts), on_drop })
    }
}

impl<const N: usize> Drop for Thing<N> {
    fn drop(&mut self) {
        self.counts.dropped.fetch_add(1, SeqCst);
        if let Some(on_drop) = &self.on_drop {
            on_drop();
        }
    }
}
