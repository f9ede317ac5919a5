//! Apex Cache: the cache that cannot bring back what you invalidated.
#![forbid(unsafe_code)]

pub mod admin;
pub mod codec;
pub mod engine;
pub mod env;
pub mod error;
pub mod loader;
pub mod message;
pub mod settings;
mod telemetry;

pub use codec::fingerprint::Fingerprint;
pub use codec::value::Value;
pub use engine::key::{IntoKey, Key, KeyBuilder};
pub use engine::pattern::{Pattern, PatternBuilder};
pub use engine::route::{Route, Routes, TierId};
pub use engine::scope::{Prefix, Reach, Scope};
pub use error::{Error, ErrorKind, Result};
