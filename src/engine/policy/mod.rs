//! Which entry goes first when a tier is at its grant.
//!
//! Owns: the order of eviction. Never: removes an entry itself, looks at values or time.

mod ghosts;
mod lgtc;
#[cfg(test)]
mod lgtc_tests;
mod lru;
mod sketch;
mod spaces;

pub use lgtc::Lgtc;
pub use lru::Lru;

/// How a tier chooses what goes when it is full; see `TierSettings::eviction`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// What was used least recently.
    #[default]
    Lru,
    /// What is read least often for the room that it takes: most requests are hits. What is new has to prove itself
    /// against what is there, so a scan does not empty the tier.
    Lgtc,
    /// The same without regard to room: most of the bytes that are asked for are hits.
    LgtcBytes,
}

impl Eviction {
    /// A policy of this kind for `capacity` bytes. The same `seed` and the same calls make the same choices.
    pub fn policy(self, capacity: u64, seed: u64) -> Box<dyn Policy> {
        match self {
            Self::Lru => Box::new(Lru::default()),
            Self::Lgtc => Box::new(Lgtc::new(capacity, false, seed)),
            Self::LgtcBytes => Box::new(Lgtc::new(capacity, true, seed)),
        }
    }
}

/// An entry as a policy sees it when it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The view's epoch of the store.
    pub epoch: u64,
    /// The hash of its key.
    pub hash: u64,
    /// What it is charged with.
    pub weight: u64,
}

/// Chooses victims among the slots that it was told of.
///
/// The store calls it within a tier's turn only. Reads reach it as marks: `read_epoch(slot)` is the view's epoch at
/// the last read (or at the store) of the entry in that slot. A read has a later epoch than every store before it.
pub trait Policy: Send + std::fmt::Debug {
    /// `slot` holds a new entry; also called when the entry in `slot` was overwritten.
    fn stored(&mut self, slot: u32, entry: Arrival);
    /// The entry in `slot` is gone.
    fn removed(&mut self, slot: u32);
    /// The tier may hold `capacity` bytes from now on.
    fn resized(&mut self, capacity: u64);
    /// The slot whose entry should go next, `None` if there is none; the caller evicts it. Cost: a bounded number of
    /// steps.
    fn victim(&mut self, read_epoch: &dyn Fn(u32) -> u64) -> Option<u32>;
    /// Slots that would go soon, the nearest first, for those who look for a particular kind of victim.
    fn coldest(&self, limit: usize) -> Vec<u32>;
    /// Recomputes what is derived and panics if it does not agree; `slots` are all that are held.
    fn check(&self, slots: &[u32]);
}
