//! The guide: one page for each idea.
//!
//! Owns: the pages, which stand in `docs/guide`. Never: holds code; they exist in the documentation only.

#[doc = include_str!("../../docs/guide/what-can-be-cached.md")]
pub mod what_can_be_cached {}

#[doc = include_str!("../../docs/guide/outages.md")]
pub mod outages {}
