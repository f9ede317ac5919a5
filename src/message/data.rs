//! Messages on single values.

use std::time::Duration;

use actix::Message;

use super::{Given, Stored};
use crate::codec::value::Value;
use crate::engine::key::{IntoKey, Key};
use crate::engine::tag::Tags;
use crate::error::{Error, Result};
use crate::load_policy::LoadPolicy;

/// Reads the value of `key`.
///
/// This is the slow, ordered way: it sees everything that was sent before it. [`Cache::get`](crate::Cache::get) reads
/// the same without a message.
///
/// Reply: the value, or `None`. Order: behind everything sent before. Cost: a message to the tier and back.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Option<Given>, Error>")]
#[non_exhaustive]
pub struct Get {
    /// Which.
    pub key: Key,
}

impl Get {
    /// Reads `key`.
    pub fn new(key: Key) -> Self {
        Self { key }
    }
}

/// Whether `key` holds a value that would be served; counts as no read.
///
/// Reply: yes or no. Order: behind everything sent before. Cost: a message to the tier and back.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<bool, Error>")]
#[non_exhaustive]
pub struct Contains {
    /// Which.
    pub key: Key,
}

impl Contains {
    /// Asks for `key`.
    pub fn new(key: Key) -> Self {
        Self { key }
    }
}

/// Stores a value. Right when you are the one who writes the source, and nobody else writes the same row at the same time:
/// what you set is then what the source holds.
///
/// Wrong for a value that you *read* from the source: the cache cannot know when you read it. Order of events that bites:
///
/// ```text
/// 1  you call get and find nothing
/// 2  you read the old row from the source
/// 3  a writer changes the row, and invalidates the key: nothing is there to be taken away
/// 4  you call set: the old row is served for a whole time to live
/// ```
///
/// What you read belongs into [`Cache::get_or_load`](crate::Cache::get_or_load), or, if you cannot hand over a loader, into
/// a reservation ([`Cache::get_or_reserve`](crate::Cache::get_or_reserve)): both take their right to store before the source
/// is read, and step 3 takes it away. Where several write one row at the same time, invalidate after the write instead: two
/// sets may arrive in another order than their writes.
///
/// Reply: whether it is held now, and whether it replaced one. Errors: `TooLarge`: the entry is larger than
/// `max_entry_size`; the older value of the key is gone all the same, for it is no longer what you wrote.
/// Order: once answered, every reader sees this value, a newer one or none. Loads of the key under way store nothing,
/// and those who wait for one are given this value.
/// Cost: O(1), and the evictions that it takes to hold the grant. Accepted, it is applied even when you stop waiting.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Stored, Error>")]
#[non_exhaustive]
pub struct Set {
    /// Under which key.
    pub key: Key,
    /// The value.
    pub value: Value,
    /// The names it can be taken away by.
    pub tags: Tags,
    /// How long it lives, and how, as far as its route or tier is not to decide.
    pub policy: LoadPolicy,
}

impl Set {
    /// Stores `value` under `key`, to live as long as its route or tier says.
    pub fn new(key: Key, value: Value) -> Self {
        Self { key, value, tags: Tags::NONE, policy: LoadPolicy::new() }
    }

    /// Stores `value`, which is encoded here, under `key`. Errors: `InvalidKey`, `Encode`.
    pub fn of<T: serde::Serialize + ?Sized>(key: impl IntoKey, value: &T) -> Result<Self> {
        Ok(Self::new(key.into_key()?, Value::encode(value)?))
    }

    /// As [`Set::of`], of a value that is read back here. Errors: also `Decode`.
    pub fn checked<T>(key: impl IntoKey, value: &T) -> Result<Self>
    where
        T: serde::Serialize + serde::de::DeserializeOwned + Send,
    {
        let set = Self::of(key, value)?;
        set.value.decode::<T>(set.key.as_str())?;
        Ok(set)
    }

    /// Lets it live for `ttl`; zero: it is not kept.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.policy.ttl = Some(ttl);
        self
    }

    /// Lets it be served for `stale` longer where the reader allows stale values; zero: it is never served
    /// past its time to live, whatever the reader allows.
    pub fn stale(mut self, stale: Duration) -> Self {
        self.policy.stale = Some(stale);
        self
    }

    /// Gives it names by which it can be taken away.
    pub fn tags(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }
}

/// Stores several values, in any tiers.
///
/// Reply: one result for each, in the order given. Order: as [`Set`]; of one key given twice, the later value stays.
/// Errors: `Overloaded` when one tier has no room for all its entries at once; send at most `queue_bytes` for a tier.
/// Cost: one message for each MiB of each tier.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<Result<Stored, Error>>, Error>")]
#[non_exhaustive]
pub struct SetMany {
    /// What to store.
    pub entries: Vec<Set>,
}

impl SetMany {
    /// Stores `entries`.
    pub fn new(entries: Vec<Set>) -> Self {
        Self { entries }
    }
}

/// Takes `key` away, and revokes the load of it that is under way, whether the key is there or not.
///
/// Reply: what it came to. Errors: `Partial`: the tier broke meanwhile; it starts again empty, so nothing older is served.
/// Order: once answered, nothing loaded or set before is served. Cost: O(1). Accepted, it is applied even when you stop
/// waiting.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Removed, Error>")]
#[non_exhaustive]
pub struct Remove {
    /// Which.
    pub key: Key,
}

impl Remove {
    /// Removes `key`.
    pub fn new(key: Key) -> Self {
        Self { key }
    }
}

/// Takes `keys` away, in any tiers; see [`Remove`] for each of them.
///
/// Reply: what it came to, for each key in the order given; of a key given twice, the second was not there. Errors:
/// `UnknownPrefix`, for any key: nothing is taken away then. `Partial`: those tiers broke meanwhile; they start again
/// empty, so nothing older is served.
/// Order: as [`Remove`]; within a tier all are taken away between two messages. Loads of absent keys are revoked too.
/// Cost: one message for each tier.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<Removed>, Error>")]
#[non_exhaustive]
pub struct RemoveMany {
    /// Which.
    pub keys: Vec<Key>,
}

impl RemoveMany {
    /// Removes `keys`.
    pub fn new(keys: Vec<Key>) -> Self {
        Self { keys }
    }
}

/// What a [`Remove`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// Whether there was a value that could still be served, past its time to live if that is allowed.
    pub was_present: bool,
    /// Loads under way whose value will not be stored.
    pub revoked_loads: u64,
}

impl Removed {
    pub(crate) fn new(was_present: bool, revoked_loads: u64) -> Self {
        Self { was_present, revoked_loads }
    }
}
