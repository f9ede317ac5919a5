//! The few largest of many: the keys that were read most.
//!
//! Owns: at most as many candidates as were asked for. Never: scans anything by itself.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::key::Key;

/// Keeps the `limit` keys with the most hits of all that are offered; among equals the smaller key.
#[derive(Debug)]
pub struct Top {
    limit: usize,
    kept: BinaryHeap<(Reverse<u64>, Key)>,
}

impl Top {
    /// Keeps `limit` keys.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: BinaryHeap::with_capacity(limit + 1) }
    }

    /// Takes `key` into account, unless it was never hit. Cost: nothing for a key that is not among the first.
    pub fn offer(&mut self, key: &str, hits: u64) {
        if hits == 0 || self.limit == 0 {
            return;
        }
        let full = self.kept.len() == self.limit;
        let too_few = |(Reverse(fewest), last): &(Reverse<u64>, Key)| {
            (*fewest, Reverse(last.as_str())) >= (hits, Reverse(key))
        };
        if full && self.kept.peek().is_some_and(too_few) {
            return;
        }
        // A scan may show a key twice.
        if self.kept.iter().any(|(_, kept)| kept.as_str() == key) {
            let kept = std::mem::take(&mut self.kept).into_iter();
            self.kept = kept.filter(|(_, kept)| kept.as_str() != key).collect();
        } else if full {
            self.kept.pop();
        }
        self.kept.push((Reverse(hits), Key::checked(key)));
    }

    /// The kept keys, most hits first.
    pub fn finish(self) -> Vec<(Key, u64)> {
        self.kept.into_sorted_vec().into_iter().map(|(Reverse(hits), key)| (key, hits)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_kept_are_the_first_of_all_sorted(hits in proptest::collection::vec(0u64..20, 0..60), limit in 0usize..12) {
            let mut top = Top::new(limit);
            let mut all = Vec::new();
            for (number, &hits) in hits.iter().enumerate() {
                let key = Key::parse(&format!("k{number:02}")).expect("a valid key");
                top.offer(key.as_str(), hits);
                if hits > 0 {
                    all.push((key, hits));
                }
            }
            all.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
            all.truncate(limit);
            prop_assert_eq!(top.finish(), all);
        }
    }
}
