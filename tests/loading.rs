//! Loads: one per key, whatever becomes of the callers, the loader, and the runtime that it runs on.
//!
//! Owns: the flows of `get_or_load` through the handle. Never: invalidations that overtake a load (`invalidation.rs`).
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

#[path = "loading/batch.rs"]
mod batch;
#[path = "loading/batch_items.rs"]
mod batch_items;
#[path = "loading/batch_limits.rs"]
mod batch_limits;
#[path = "loading/bounds.rs"]
mod bounds;
#[path = "loading/callers.rs"]
mod callers;
#[path = "loading/cycles.rs"]
mod cycles;
#[path = "loading/endings.rs"]
mod endings;
#[path = "loading/herd.rs"]
mod herd;
#[path = "loading/nested.rs"]
mod nested;
#[path = "loading/reservation.rs"]
mod reservation;
#[path = "loading/results.rs"]
mod results;
#[path = "loading/rivals.rs"]
mod rivals;
#[path = "loading/settings.rs"]
mod settings;
#[path = "loading/undecodable.rs"]
mod undecodable;
