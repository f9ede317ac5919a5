//! What a cache tells those who listen.

use std::sync::Arc;
use std::time::Duration;

use super::{Cause, NotStored};
use crate::engine::key::Key;
use crate::error::ErrorKind;

/// Something that took place in a cache. From [`Cache::events`](crate::Cache::events) and
/// [`Builder::on_event`](crate::Builder::on_event).
///
/// Order: events of one tier come in the order in which they took place, each after the change itself; between two tiers
/// there is no order. Each is told at most once. A listener that falls behind: up to 65,536 events, with 8 MiB of keys, wait
/// for it one by one. Of more, the oldest are told in sums, before those that wait: removals as [`Event::RemovedMany`], so
/// that whoever adds up both counts every removal; clears and restarts of a tier as one each; loads as [`Event::Missed`].
/// What waits is given back when it was received. Cost: nothing is made when nobody listens; else about a hundred
/// nanoseconds in the tier for each event, and no more when a listener is slow. Events name keys and show no values; a key
/// may name a person, so mind where you write it.
///
/// A set or a warm run that stores tells nothing but the `Removed` of the entry that it replaces. At the end of the cache
/// what it held is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An entry left. One that expired is noticed at the next sweep, when room is needed, or when its key is set, loaded
    /// or removed: up to `cleanup_interval` later, and always with the cause `Expired`, unless an invalidation takes it.
    #[non_exhaustive]
    Removed {
        /// Its key.
        key: Key,
        /// Its tier.
        tier: Arc<str>,
        /// Why.
        cause: Cause,
        /// Time since it was set or its load ended.
        age: Duration,
        /// Bytes that it was charged with.
        size: u64,
        /// How often it was served, its forerunners under the key included.
        hits: u32,
        /// The tier's sequence number: never lower than that of an earlier removal there.
        seq: u64,
    },
    /// A load ended with a value, or with the word that there is nothing.
    #[non_exhaustive]
    Loaded {
        /// Of which key.
        key: Key,
        /// In which tier.
        tier: Arc<str>,
        /// How long it took.
        took: Duration,
        /// Whether the source had something.
        found: bool,
        /// Why what it brought is not held; `None`: it is.
        not_stored: Option<NotStored>,
    },
    /// A load for which nobody waited ended, and what it brought took the place of the older value. One that was not stored,
    /// or for which somebody came to wait, is [`Event::Loaded`].
    #[non_exhaustive]
    Refreshed {
        /// Of which key.
        key: Key,
        /// In which tier.
        tier: Arc<str>,
        /// How long it took.
        took: Duration,
    },
    /// A load ended without a value.
    #[non_exhaustive]
    LoadFailed {
        /// Of which key.
        key: Key,
        /// In which tier.
        tier: Arc<str>,
        /// In which way.
        kind: ErrorKind,
    },
    /// Everything in a tier was taken; its entries are not told one by one.
    #[non_exhaustive]
    Cleared {
        /// Which tier.
        tier: Arc<str>,
        /// Entries.
        count: u64,
        /// Bytes that they were charged with.
        bytes: u64,
    },
    /// A tier broke and began anew, empty; its entries are not told one by one.
    #[non_exhaustive]
    Restarted {
        /// Which tier.
        tier: Arc<str>,
        /// Entries that were lost.
        count: u64,
    },
    /// Older removals of one tier and cause, in place of an [`Event::Removed`] each: this listener was too far behind.
    #[non_exhaustive]
    RemovedMany {
        /// Their tier.
        tier: Arc<str>,
        /// Why they left.
        cause: Cause,
        /// How many.
        count: u64,
        /// Bytes that they were charged with.
        bytes: u64,
    },
    /// So many older events of loads were dropped: this listener was too far behind.
    Missed(u64),
}
