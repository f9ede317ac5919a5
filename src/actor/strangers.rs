//! First segments that no tier was made for, of keys and of invalidations: each is warned of once, the first few by name.
//!
//! Owns: which were met. Never: decides where their keys go; the routes do.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::telemetry;

/// Segments that are told by name; what comes after is told once, as others.
const TOLD_MAX: usize = 32;

/// What is told of keys of one segment, which may be anything, a name or an address; logs name no keys.
pub(crate) const ONE_SEGMENT: &str = "(keys of one segment)";

/// The first segments met so far.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    of_keys: Mutex<Met>,
    of_scopes: Mutex<Met>,
}

#[derive(Debug, Default)]
struct Met {
    /// How often each was met.
    named: HashMap<Arc<str>, u64>,
    /// How often one was met for which there was no room.
    others: u64,
}

/// What is to be told of a segment that was met for the first time.
enum News {
    Segment,
    /// There is no room for more names.
    Others,
}

impl Met {
    fn meet(&mut self, segment: &str) -> Option<News> {
        if let Some(times) = self.named.get_mut(segment) {
            *times += 1;
            return None;
        }
        if self.named.len() == TOLD_MAX {
            self.others += 1;
            return (self.others == 1).then_some(News::Others);
        }
        self.named.insert(segment.into(), 1);
        Some(News::Segment)
    }
}

impl Strangers {
    /// How many were met in keys; those past the first few count as one.
    #[cfg(feature = "admin-http")]
    pub(crate) fn count(&self) -> usize {
        let met = self.of_keys.lock();
        met.named.len() + usize::from(met.others > 0)
    }

    /// `key` goes to `tier`, because no tier was made for its first segment.
    pub(crate) fn meet(&self, key: &str, tier: &Arc<str>) {
        let segment = key.split_once("::").map_or(ONE_SEGMENT, |(segment, _)| segment);
        let news = self.of_keys.lock().meet(segment);
        // Logged without the lock: the host's subscriber may call the cache.
        match news {
            Some(News::Segment) => telemetry::unknown_prefix(segment, tier),
            Some(News::Others) => telemetry::unknown_prefixes(),
            None => {}
        }
    }

    /// An invalidation takes keys that begin with `segment`, which no tier was made for: they go to `tier`, or are refused.
    pub(crate) fn meet_scope(&self, segment: &str, tier: Option<&str>) {
        let news = self.of_scopes.lock().meet(segment);
        match news {
            Some(News::Segment) => telemetry::unknown_scope(segment, tier),
            Some(News::Others) => telemetry::unknown_prefixes(),
            None => {}
        }
    }

    /// Those that were met in keys, the most often met first, and how often any of them was.
    pub(crate) fn met(&self) -> (Vec<Arc<str>>, u64) {
        let met = self.of_keys.lock();
        let mut named: Vec<(&Arc<str>, u64)> = met.named.iter().map(|(name, times)| (name, *times)).collect();
        named.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        let times = met.others + named.iter().map(|(_, times)| times).sum::<u64>();
        (named.into_iter().map(|(name, _)| Arc::clone(name)).collect(), times)
    }
}
