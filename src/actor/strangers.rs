//! First segments that no tier was made for: each is warned of once, the first few by name.
//!
//! Owns: which were met. Never: decides where their keys go; the routes do.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::telemetry;

/// Segments that are told by name; what comes after is told once, as others.
const TOLD_MAX: usize = 32;

/// The first segments met so far.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<Met>);

#[derive(Debug, Default)]
struct Met {
    /// How often each was met.
    named: HashMap<Arc<str>, u64>,
    /// How often one was met for which there was no room.
    others: u64,
}

impl Strangers {
    /// How many were met; those past the first few count as one.
    #[cfg(feature = "admin-http")]
    pub(crate) fn count(&self) -> usize {
        let met = self.0.lock();
        met.named.len() + usize::from(met.others > 0)
    }

    /// `key` goes to `tier`, because no tier was made for its first segment.
    pub(crate) fn meet(&self, key: &str, tier: &Arc<str>) {
        // A key of one segment may be anything, a name or an address; logs name no keys.
        let segment = key.split_once("::").map_or("(keys of one segment)", |(segment, _)| segment);
        let count = {
            let mut met = self.0.lock();
            if let Some(times) = met.named.get_mut(segment) {
                *times += 1;
                return;
            }
            if met.named.len() == TOLD_MAX {
                met.others += 1;
                if met.others > 1 {
                    return;
                }
            } else {
                met.named.insert(segment.into(), 1);
            }
            met.named.len() + usize::from(met.others > 0)
        };
        // Logged without the lock: the host's subscriber may call the cache.
        if count > TOLD_MAX {
            telemetry::unknown_prefixes();
        } else {
            telemetry::unknown_prefix(segment, tier);
        }
    }

    /// Those that were met, the most often met first, and how often any of them was.
    pub(crate) fn met(&self) -> (Vec<Arc<str>>, u64) {
        let met = self.0.lock();
        let mut named: Vec<(&Arc<str>, u64)> = met.named.iter().map(|(name, times)| (name, *times)).collect();
        named.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        let times = met.others + named.iter().map(|(_, times)| times).sum::<u64>();
        (named.into_iter().map(|(name, _)| Arc::clone(name)).collect(), times)
    }
}
