//! First segments that no tier was made for: each is warned of once, the first few by name.
//!
//! Owns: which were met. Never: decides where their keys go; the routes do.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::telemetry;

/// Segments that are told by name; what comes after is told once, as others.
const TOLD_MAX: usize = 32;

/// The first segments met so far.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashSet<Box<str>>>);

impl Strangers {
    /// How many were met; those past the first few count as one.
    #[cfg(feature = "admin-http")]
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// `key` goes to `tier`, because no tier was made for its first segment.
    pub(crate) fn meet(&self, key: &str, tier: &Arc<str>) {
        // A key of one segment may be anything, a name or an address; logs name no keys.
        let segment = key.split_once("::").map_or("(keys of one segment)", |(segment, _)| segment);
        let count = {
            let mut met = self.0.lock();
            if met.len() > TOLD_MAX || !met.insert(segment.into()) {
                return;
            }
            met.len()
        };
        // Logged without the lock: the host's subscriber may call the cache.
        if count > TOLD_MAX {
            telemetry::unknown_prefixes();
        } else {
            telemetry::unknown_prefix(segment, tier);
        }
    }
}
