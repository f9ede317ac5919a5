//! Apex Cache: the cache that cannot bring back what you invalidated.
#![forbid(unsafe_code)]

pub mod actor;
pub mod admin;
mod builder;
mod calls;
pub mod codec;
pub mod engine;
pub mod env;
pub mod error;
mod handle;
mod hit;
pub mod loader;
pub mod message;
pub mod settings;
mod telemetry;
mod warm;

pub use actor::{Pending, Request};
pub use builder::{Builder, Placement};
pub use calls::{GetOrLoadCall, InvalidateCall, SetCall};
pub use codec::fingerprint::Fingerprint;
pub use codec::value::Value;
pub use engine::key::{IntoKey, Key, KeyBuilder};
pub use engine::pattern::{Pattern, PatternBuilder};
pub use engine::route::{Route, Routes, TierId};
pub use engine::scope::{Prefix, Reach, Scope};
pub use env::Env;
pub use error::{Error, ErrorKind, Result};
pub use handle::{Cache, SupervisorRef};
pub use hit::Hit;
pub use message::{Source, WarmScope};
pub use settings::Settings;
pub use warm::{WarmEntries, WarmRun, WarmSource};
