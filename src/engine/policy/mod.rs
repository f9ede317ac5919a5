//! Which entry goes first when a tier is at its grant.
//!
//! Owns: the order of eviction. Never: removes an entry itself, looks at values or time.

mod lru;

pub use lru::Lru;

/// Chooses victims among the slots that it was told of.
///
/// The store calls it within a tier's turn only. Reads reach it as marks: `read_epoch(slot)` is the view's epoch at
/// the last read (or at the store) of the entry in that slot.
pub trait Policy: Send + std::fmt::Debug {
    /// `slot` holds a new entry, stored at `epoch`; also called when the entry in `slot` was overwritten.
    fn stored(&mut self, slot: u32, epoch: u64);
    /// The entry in `slot` is gone.
    fn removed(&mut self, slot: u32);
    /// The slot whose entry should go next, `None` if there is none. Cost: a bounded number of steps.
    fn victim(&mut self, read_epoch: &dyn Fn(u32) -> u64) -> Option<u32>;
    /// Slots that would go soon, the nearest first, for those who look for a particular kind of victim.
    fn coldest(&self, limit: usize) -> Vec<u32>;
    /// Recomputes what is derived and panics if it does not agree; `slots` are all that are held.
    fn check(&self, slots: &[u32]);
}
