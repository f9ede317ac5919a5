//! Apex Cache: the cache that cannot bring back what you invalidated.
#![forbid(unsafe_code)]

pub mod error;
pub mod settings;

pub use error::{Error, ErrorKind, Result};
