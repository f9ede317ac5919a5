//! Parts that break under load: the others serve on, the broken part is back, nobody hangs, nothing old is served.
//!
//! Owns: tiers, supervisor, warmer and stats actor made to break. Never: a loader that breaks (`loading.rs`).
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

#[path = "failure/actors.rs"]
mod actors;
#[path = "failure/hostile.rs"]
mod hostile;
#[path = "failure/load.rs"]
mod load;
#[path = "failure/tier.rs"]
mod tier;
