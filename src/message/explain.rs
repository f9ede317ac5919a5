//! The message that asks about one key.

use actix::Message;

use super::Explanation;
use crate::engine::key::Key;
use crate::error::{Error, Result};

/// Tells what is known of `key`: its tier and the route there, whether it would be served and for how long, its size,
/// hits, origin and tags, a load under way, and the last reason for which it was absent. Shows no value; counts as no read.
///
/// Each tier remembers its last 4,096 reasons (128 KiB for each tier, taken at the first and beside the budget) and the
/// last 256 scopes; older ones are `NoRecord`, a key that never was stored is `NeverStored`. After a clear and after a
/// restart of the tier that is the reason of every key that was not stored since, whether it had been there or not.
///
/// Reply: the [`Explanation`]; also of a tier that is bypassed. Errors: `UnknownPrefix`. Order: behind everything sent
/// before. Cost: a message to the tier and back, and some microseconds of its time.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Explanation, Error>")]
#[non_exhaustive]
pub struct Explain {
    /// Which.
    pub key: Key,
}

impl Explain {
    /// Asks about `key`.
    pub fn new(key: Key) -> Self {
        Self { key }
    }
}
