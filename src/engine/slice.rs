//! How much one turn does at most: long work is cut into slices of this size, and others have their turn between them.
//!
//! Owns: the one bound that all long work of a tier keeps. Never: reads a clock: a slice ends in the same place in every
//! run, on a slow machine as on a fast one.
//!
//! An entry that is stored or taken out costs 1 to 4 microseconds on a slow machine, by how many there are, what it frees
//! included; one that is only looked at costs far less. So a slice is meant to stay below a millisecond; `TierStats::turns`
//! tells whether it does.

/// Entries that one turn stores or takes out at most.
pub const CHANGES: usize = 64;
/// Entries that are looked at in the time in which one is stored or taken out.
pub const LOOKS_PER_CHANGE: usize = 32;
/// Entries that one turn only looks at, at most.
pub const LOOKS: usize = CHANGES * LOOKS_PER_CHANGE;
