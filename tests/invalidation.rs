//! The headline: what was invalidated does not come back, whatever was under way.
//!
//! Owns: the race of a load against an invalidation of each scope, what is taken and what is counted, the order of
//! calls, and what a host can say with tags, expiry, stamps and fences. Never: looks inside; every race is staged by a source that holds its reads back.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/log.rs"]
mod log;
#[path = "common/source.rs"]
mod source;

#[path = "invalidation/cancelled.rs"]
mod cancelled;
#[path = "invalidation/disabled.rs"]
mod disabled;
#[path = "invalidation/exact.rs"]
mod exact;
#[path = "invalidation/expire.rs"]
mod expire;
#[path = "invalidation/order.rs"]
mod order;
#[path = "invalidation/race.rs"]
mod race;
#[path = "invalidation/refresh.rs"]
mod refresh;
#[path = "invalidation/stamp.rs"]
mod stamp;
#[path = "invalidation/tags.rs"]
mod tags;
#[path = "invalidation/transaction.rs"]
mod transaction;
#[path = "invalidation/unclaimed.rs"]
mod unclaimed;
