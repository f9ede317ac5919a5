//! What a warm run, or a load of several keys, must not bring back: invalidations and lost keys since its ticket was given.
//!
//! Owns: the open tickets, and since the oldest of them the scopes invalidated and the keys set and lost again.
//! Never: stores anything. A load of one key has its flight for this; a warm run brings many keys, and which ones is
//! known only at its end.
//!
//! Order that bites without it:
//!   1 the run reads the old row   2 an invalidation finds nothing to remove   3 the run stores the old row
//! and, for a set:
//!   1 the run reads the old row   2 a host sets the new one   3 it is evicted   4 the run stores the old row

use std::collections::{BTreeMap, HashMap};

use super::key::Key;
use super::scope::Scope;
use super::tag::Tags;

/// Records kept; past it the oldest ticket is revoked whole.
pub const RECORDS_MAX: usize = 1_024;

/// A warm run's right to store: what it was told about is newer than sequence number `seq0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Which life of the tier gave it.
    pub incarnation: u64,
    /// The tier's sequence number when it was given.
    pub seq0: u64,
}

/// Since the oldest open ticket: what was invalidated, and what was stored and is gone.
#[derive(Debug, Default)]
pub struct Journal {
    /// Open tickets by `seq0`; `true`: revoked.
    open: BTreeMap<u64, bool>,
    scopes: Vec<(u64, Scope)>,
    /// Keys that were invalidated one by one, or stored and lost, with the highest number of such an event.
    keys: HashMap<Key, u64>,
}

impl Journal {
    /// Opens a ticket at `seq0`, which no other open ticket has.
    pub fn open(&mut self, seq0: u64) {
        self.open.insert(seq0, false);
    }

    /// Closes a ticket and forgets what only it needed.
    pub fn close(&mut self, seq0: u64) {
        self.open.remove(&seq0);
        self.forget();
    }

    /// The oldest ticket in force; records are kept for it and those after it.
    fn oldest(&self) -> Option<u64> {
        self.open.iter().find(|&(_, &revoked)| !revoked).map(|(&seq0, _)| seq0)
    }

    /// Notes that `scope` was invalidated at `seq`.
    pub fn invalidated(&mut self, seq: u64, scope: &Scope) {
        match scope {
            Scope::Key(key) => self.lost(seq, key.as_str()),
            Scope::Keys(keys) => keys.as_slice().iter().for_each(|key| self.lost(seq, key.as_str())),
            scope if self.oldest().is_some() => {
                self.scopes.push((seq, scope.clone()));
                self.bound();
            }
            _ => {}
        }
    }

    /// Notes that the entry of `key`, stored at `seq`, is gone, or that a set at `seq` was accepted and not kept.
    pub fn lost(&mut self, seq: u64, key: &str) {
        // Older than all tickets in force: every run began after it, so it may be brought back.
        if self.oldest().is_some_and(|oldest| oldest < seq) {
            let last = self.keys.entry(Key::checked(key)).or_default();
            *last = seq.max(*last);
            self.bound();
        }
    }

    /// Whether the ticket of `seq0` may store `key` with `tags`, whose entry now in the store was stored at `present`.
    pub fn allows(&self, seq0: u64, key: &Key, tags: &Tags, present: Option<u64>) -> bool {
        self.open.get(&seq0) == Some(&false)
            && present.is_none_or(|seq| seq < seq0)
            && self.keys.get(key).is_none_or(|&seq| seq <= seq0)
            && !self.scopes.iter().any(|(seq, scope)| *seq > seq0 && scope.takes(key.as_str(), tags))
    }

    /// Revokes oldest tickets until the records are within their bound.
    fn bound(&mut self) {
        while self.scopes.len() + self.keys.len() > RECORDS_MAX {
            let Some(revoked) = self.open.values_mut().find(|revoked| !**revoked) else { break };
            *revoked = true;
            self.forget();
        }
    }

    /// Drops the records that no ticket in force asks for.
    fn forget(&mut self) {
        let oldest = self.oldest();
        let needed = |seq: u64| oldest.is_some_and(|oldest| seq > oldest);
        self.scopes.retain(|(seq, _)| needed(*seq));
        self.keys.retain(|_, seq| needed(*seq));
        if oldest.is_none() {
            (self.scopes, self.keys) = (Vec::new(), HashMap::new()); // with the room that they took
        }
    }

    /// Looks whether the records are within their bound and are kept for somebody.
    ///
    /// # Panics
    ///
    /// When they are not.
    pub fn check(&self) {
        assert!(self.scopes.len() + self.keys.len() <= RECORDS_MAX);
        if self.open.values().all(|&revoked| revoked) {
            assert!(self.scopes.is_empty() && self.keys.is_empty(), "records are kept that nobody asks for");
        }
    }
}
