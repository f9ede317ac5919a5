//! The shell: actors that carry messages to the engine, and carry out what it leaves to be done.
//!
//! Owns: mailboxes and their bounds, turns, timers, restarts. Never: decides what an operation means.
//!
//! Public for hosts that are actors themselves, and as the place for tests that drive one actor alone: make a
//! [`Wiring`], put recorders into the places of the neighbours with `connect_*`, start the one actor, and send it what
//! [`request`] describes. Beside that nothing here is promised to stay as it is.

mod advising;
mod batch;
mod batch_run;
mod budgeting;
mod call;
mod change;
mod control_queue;
mod dispatch;
mod event_queue;
mod events;
mod explain;
mod fallbacks;
#[cfg(feature = "fault-injection")]
mod fault;
mod guard;
mod invalidate;
mod limit;
mod live_terms;
mod load;
mod look;
pub(crate) mod mailbox;
#[cfg(all(test, shuttle))]
mod mailbox_shuttle;
mod making;
mod misreads;
mod pack;
mod permit;
#[cfg(all(test, shuttle))]
mod permit_shuttle;
pub(crate) mod place;
mod reload;
mod remove_many;
mod reply;
pub mod request;
mod reserve;
mod root;
mod seen;
mod shutdown;
mod stats;
mod strangers;
mod supervisor;
mod throttle;
mod tier;
mod tier_shared;
mod unawaited;
mod warm_progress;
mod warm_run;
mod warmer;
mod wiring;

pub(crate) use batch::LoadMany;
pub(crate) use call::{LoadCall, PATIENCE};
pub use change::Was;
pub use dispatch::{Pending, Request};
pub use events::Events;
pub(crate) use events::{Listener, listen};
pub(crate) use fallbacks::without_cache;
pub(crate) use guard::guarded;
pub(crate) use invalidate::Open;
pub use live_terms::LiveTerms;
pub use load::Waiter;
pub(crate) use look::{Found, KeyAt};
pub(crate) use making::Ready;
pub use permit::{Permit, Permits, RESERVE};
pub use reply::Reply;
pub(crate) use reserve::{Begun, Vacancy};
pub use root::Who;
pub(crate) use seen::Seen;
pub use stats::{SAMPLES_MAX, StatsActor};
pub use supervisor::{Posted, Supervisor};
pub use tier::TierActor;
pub use tier_shared::{CRASH_WINDOW, CRASHES_MAX, TierShared};
pub use warmer::Warmer;
pub use wiring::Wiring;

pub(crate) use root::{run as run_root, start_all};
pub(crate) use shutdown::begin as begin_shutdown;
#[cfg(feature = "admin-http")]
pub(crate) use {stats::tiers as counters_of, supervisor::info as info_of};
