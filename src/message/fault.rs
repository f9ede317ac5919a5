//! Breaking parts of a cache on purpose, to see what happens. Only with the feature `fault-injection`.

use std::sync::Arc;

use actix::Message;

use crate::error::{Error, Result};

/// Breaks a part of the cache.
///
/// Reply: at once; the part breaks when its turn comes. Errors: `UnknownTier`. Order: behind everything sent before.
/// Cost: whatever the part held.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
#[non_exhaustive]
pub struct Break {
    /// What breaks, and how.
    pub what: Breaks,
}

/// What a [`Break`] breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Breaks {
    /// The turn of the tier of this name panics where the guard catches it.
    Turn(Arc<str>),
    /// The actor of the tier of this name dies.
    Tier(Arc<str>),
    /// Until it is said otherwise with `false`, the tier of this name seems to be in the middle of a turn: what it is sent waits.
    Busy(Arc<str>, bool),
    /// The supervisor dies.
    Supervisor,
    /// The warmer dies.
    Warmer,
    /// The stats actor dies.
    Stats,
}

impl Break {
    /// Breaks `what`.
    pub fn new(what: Breaks) -> Self {
        Self { what }
    }
}
