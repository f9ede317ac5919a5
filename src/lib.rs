//! Apex Cache: the cache that cannot bring back what you invalidated.
//!
//! A cache inside your program, in front of a database. It holds values under keys such as `user::42::profile`. The first
//! segment of a key picks a tier, and each tier has its own time to live. Each tier is an actor and the only writer of its
//! store, so there is one order of *load begun, invalidation, store*: a load that read an old row before you invalidated
//! it cannot store that row afterwards. That holds for one key, a prefix, a pattern, a tier and everything, also for keys
//! that are not in the cache, and for warming. A read that hits sends no message.
//!
//! ```
//! use apex_cache::{Cache, Pattern};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> apex_cache::Result<()> {
//! let cache = Cache::builder().start().await?;
//! let name = cache.get_or_load("user::42::name", || async { Ok::<_, std::io::Error>("Ann".to_owned()) }).await?;
//! assert_eq!(*name, "Ann");
//! cache.invalidate(Pattern::of("user").part(42).rest()?).await?; // after the row was changed
//! assert!(cache.get::<String>("user::42::name").await?.is_none());
//! # cache.shutdown().await
//! # }
//! ```
//!
//! # Where things are
//!
//! | look at | for |
//! | --- | --- |
//! | [`Cache`] | everything that a host calls; made by [`Builder`] |
//! | [`Key`], [`Pattern`], [`Prefix`], [`Tag`], [`Scope`] | naming entries, one or many |
//! | [`Fence`], [`Stamp`] | invalidation around a transaction; reads that take nothing older than an invalidation |
//! | [`Hit`], [`Source`], [`Error`] | what calls return |
//! | [`Reserved`], [`Reservation`], [`Filled`] | loading by yourself, as safely as with a loader |
//! | [`Settings`], [`settings`] | settings from code, files and the environment; all problems at once |
//! | [`WarmSource`] | bringing values in before somebody asks |
//! | [`admin`] | commands that people type, the panels that answer them, the audit |
//! | [`message`] | the public contract: every message with its reply, errors, order and cost |
//! | [`SupervisorRef`] | sending those messages |
//! | [`Env`] | the clock, real or simulated |
//! | [`loader`], [`codec`] | loaders and values for typed messages |
//! | [`engine`] | the core: pure and synchronous. Public for reading and for tests; may change |
//! | [`actor`] | the actors around it, likewise |
//!
//! `README.md` has the promises with their limits, the table of settings, a guide and troubleshooting. `actors.md` tells
//! what each actor owns, takes and sends. Both are in the package and at the root of the repository.
#![forbid(unsafe_code)]

#[doc(hidden)]
#[path = "cached/mod.rs"]
pub mod __private;
pub mod actor;
pub mod admin;
mod aside;
mod batch_loader;
mod builder;
mod calls;
mod change;
pub mod codec;
mod deadline;
pub mod engine;
pub mod env;
pub mod error;
mod fence;
mod forget;
#[cfg(any(doc, doctest))]
pub mod guide;
mod handle;
mod hit;
mod load_calls;
mod load_many;
mod load_policy;
mod loaded;
pub mod loader;
#[cfg(all(test, shuttle))]
mod loader_shuttle;
mod many;
pub mod message;
#[cfg(any(doc, doctest))]
pub mod migrating;
mod native;
mod observe;
mod prepared;
mod reads;
mod reservation;
pub mod settings;
mod supervisor_ref;
mod sync;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod waits;
mod warm;
#[cfg(any(feature = "tower", feature = "actix-web"))]
pub mod web;

pub use __private::{install, installed};
pub use actor::{Events, Pending, Request};
#[cfg(feature = "macros")]
pub use apex_cache_macros::{cache_invalidate, cached};
pub use builder::{Builder, Placement};
pub use calls::{InvalidateCall, RemoveCall, SetCall, SetFuture};
pub use codec::fingerprint::Fingerprint;
pub use codec::value::Value;
pub use deadline::{WithDeadline, with_deadline};
pub use engine::key::{IntoKey, Key, KeyBuilder, Part};
pub use engine::pattern::{Pattern, PatternBuilder};
pub use engine::route::{Route, Routes, TierId};
pub use engine::scope::{How, Keys, Prefix, Reach, Runs, Scope};
pub use engine::stamp::Stamp;
pub use engine::tag::{Tag, Tags};
pub use env::Env;
pub use error::{BoxError, Error, ErrorKind, Result};
pub use fence::{BeginCall, Fence};
pub use forget::Forgotten;
pub use handle::Cache;
pub use hit::Hit;
pub use load_calls::{FindCall, GetOrLoadCall};
pub use load_many::LoadManyCall;
pub use load_policy::LoadPolicy;
pub use loaded::{LoadContext, Loaded};
pub use message::{Event, Source, WarmScope};
pub use native::{NativeAnswer, NativeCall};
pub use prepared::PreparedKey;
pub use reservation::{Filled, Reservation, ReserveCall, Reserved};
pub use settings::Settings;
pub use supervisor_ref::SupervisorRef;
pub use warm::{WarmEntries, WarmRun, WarmSource};

/// Compiles and runs the programs of README.md with the other tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
