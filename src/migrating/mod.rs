//! Coming from another cache: what maps to what, and what differs.
//!
//! Owns: a page for each origin, with code before and after. Never: holds code; these pages exist in the documentation only.

#[doc = include_str!("from_moka.md")]
pub mod from_moka {}

#[doc = include_str!("from_cached.md")]
pub mod from_cached {}

#[doc = include_str!("from_a_dict.md")]
pub mod from_a_dict {}
