//! The caches beside which ours is measured, each in its own words, configured as its documentation advises.
//!
//! Owns: one file for each. Never: gives one of them less than it would have in a program of its own.
//!
//! They hold what their hosts would: an `Arc` of a value, or [`bytes::Bytes`]; foyer shares what it holds by itself. Keys
//! are `String`s. moka has a time to live as ours always has one; the others know none.

mod bare_map;
mod foyer;
mod moka;
mod quick_cache;

pub use bare_map::BareMap;
pub use foyer::Foyer;
pub use moka::{MokaFuture, MokaSync};
pub use quick_cache::QuickCache;
