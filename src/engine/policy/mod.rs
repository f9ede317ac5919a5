//! Which entry goes first when a tier is at its grant.
//!
//! Owns: the order of eviction. Never: removes an entry itself, looks at values or time.

mod cost;
mod ghosts;
mod lgtc;
#[cfg(test)]
mod lgtc_tests;
mod lru;
mod sketch;
mod spaces;
mod split;
#[cfg(test)]
mod testing;

pub use lgtc::Lgtc;
pub use lru::Lru;

/// Bytes that the policy which keeps most has for each entry: its place and worth, its share of the sketch, and half a ghost.
pub(crate) const KEPT: usize = spaces::NODE + sketch::WORD + ghosts::GHOST / 2;

/// How a tier chooses what goes when it is full; see `TierSettings::eviction`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// What is read least often for the room that it takes: most requests are hits. What is new has to prove itself
    /// against what is there, so a scan does not empty the tier. In files `"lgtc"`.
    #[default]
    Lgtc,
    /// The same without regard to room: most of the bytes that are asked for are hits. In files `"lgtc-bytes"`.
    LgtcBytes,
    /// What was used least recently. In files `"lru"`.
    Lru,
}

impl Eviction {
    /// Each by its name in files.
    pub const NAMES: [(&str, Self); 3] =
        [("lgtc", Self::Lgtc), ("lgtc-bytes", Self::LgtcBytes), ("lru", Self::Lru)];
}

/// All that a tier is told about its choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Choice {
    /// By which policy.
    pub eviction: Eviction,
    /// Whether what took long to load is worth more. [`Eviction::Lru`] does not ask what an entry is worth.
    pub weigh_load_time: bool,
}

impl From<Eviction> for Choice {
    fn from(eviction: Eviction) -> Self {
        Self { eviction, weigh_load_time: false }
    }
}

impl Choice {
    /// A policy of this kind for `capacity` bytes. The same `seed` and the same calls make the same choices.
    pub fn policy(self, capacity: u64, seed: u64) -> Box<dyn Policy> {
        match self.eviction {
            Eviction::Lru => Box::new(Lru::default()),
            Eviction::Lgtc | Eviction::LgtcBytes => Box::new(Lgtc::new(self, capacity, seed)),
        }
    }
}

/// What a policy asks about the entry in a slot, so that it need not keep it.
pub trait Marks {
    /// The hash of its key.
    fn hash(&self, slot: u32) -> u64;
    /// What it is charged with, as the policy was told last.
    fn weight(&self, slot: u32) -> u64;
    /// How long its load took, in milliseconds; 0: it was set.
    fn took_ms(&self, slot: u32) -> u32;
    /// Whether it was read since it was stored, or since this was asked before.
    fn take_read(&self, slot: u32) -> bool;
    /// The stamp of its last read, or of its store if nobody read it. A read has a later stamp than every
    /// store before it, and the same as all reads up to the next store.
    fn last_read(&self, slot: u32) -> u32;
}

/// Chooses victims among the slots that it was told of.
///
/// The store calls it within a tier's turn only. Reads reach it as marks on the entries. A policy asks for one kind of mark:
/// either whether there was a read, or when.
pub trait Policy: Send + std::fmt::Debug {
    /// `slot` was free and holds an entry.
    fn stored(&mut self, slot: u32, marks: &dyn Marks);
    /// `slot` holds a newer value of its key than the one that weighed `before`; that counts as a read, and is marked as one.
    fn overwritten(&mut self, slot: u32, before: u64, marks: &dyn Marks);
    /// The entry in `slot` weighs another than `before` from now on; it is neither newer nor was it read.
    fn reweighed(&mut self, slot: u32, before: u64, marks: &dyn Marks);
    /// The entries in `slots`, which `marks` still know, are about to be gone.
    fn removed(&mut self, slots: &[u32], marks: &dyn Marks);
    /// The tier may hold `capacity` bytes from now on. Cost: none, whatever there is too much of.
    fn resized(&mut self, capacity: u64);
    /// The slot whose entry should go next, `None` if there is none; the caller evicts it. Cost: a bounded number of
    /// steps.
    fn victim(&mut self, marks: &dyn Marks) -> Option<u32>;
    /// Slots that would go soon, the nearest first, for those who look for a particular kind of victim.
    fn coldest(&self, limit: usize) -> Vec<u32>;
    /// Recomputes what is derived and panics if it does not agree; `slots` are all that are held.
    fn check(&self, slots: &[u32], marks: &dyn Marks);
}
