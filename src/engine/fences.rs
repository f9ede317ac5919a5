//! Fences: scopes of which nothing that is loaded is stored, while a host changes their source.
//!
//! Owns: the fences that are open in one tier, from `begin` to `commit` or `abort`. Never: keeps the time; who opened one
//! sees to it that it is closed.

use std::collections::BTreeMap;

use super::effects::{Effects, Taken, Waiter};
use super::moment::Moment;
use super::scope::{How, Scope};
use super::sweep::Order;
use super::tag::Tags;
use super::tier::Tier;
use crate::error::Error;

/// Fences that may be open in one tier at the same time.
pub const OPEN_MAX: usize = 1_024;

/// The number of a fence, given by who opens it; never used twice in one cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FenceId(pub u64);

/// How a fence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The source was changed, or may have been: what the scope matches is taken away.
    Commit,
    /// The source was not changed.
    Abort,
    /// Nothing was begun, for the fence could not be opened everywhere.
    Unused,
}

/// The fences that are open in one tier.
#[derive(Debug, Default)]
pub(super) struct Fences(BTreeMap<FenceId, Scope>);

impl Fences {
    /// Whether one of them keeps an entry of `key` with `tags` out.
    pub(super) fn hold(&self, key: &str, tags: &Tags) -> bool {
        self.0.values().any(|scope| scope.takes(key, tags))
    }
}

impl<W: Waiter, J> Tier<W, J> {
    /// From now on, and until it is closed, nothing that `scope` matches is stored but by a set. Errors: `Overloaded`.
    pub fn open_fence(&mut self, id: FenceId, scope: Scope) -> Result<(), Error> {
        if self.fences.0.len() >= OPEN_MAX {
            self.counters.overloaded.one();
            let tier = std::sync::Arc::clone(&self.rules.name);
            return Err(Error::Overloaded { tier, what: "open fences", setting: "within (of each fence)" });
        }
        self.fences.0.insert(id, scope);
        Ok(())
    }

    /// Closes a fence on `scope`, and for a commit takes away what it matches, all in one turn: no load is stored between
    /// the two. A tier that began a new life meanwhile, or was told before that the time was over, does not know the fence:
    /// a commit takes away all the same, and so does an abort.
    pub fn close_fence(
        &mut self,
        id: FenceId,
        scope: Scope,
        end: End,
        token: J,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        let known = self.fences.0.remove(&id).is_some();
        // Without the fence what was loaded may be stored. Order that bites:
        //   1 the tier breaks and begins anew   2 the transaction writes   3 a load reads on the same connection, and stores
        //   4 the transaction is taken back
        if end == End::Commit || (end == End::Abort && !known) {
            return self.order(Order { scope, how: How::Remove, dry_run: false }, token, now, fx);
        }
        // What was loaded meanwhile may have been read within the transaction that is taken back. Order that bites:
        //   1 the transaction writes   2 a load reads on the same connection   3 it is taken back   4 the load ends
        let revoked_loads = if end == End::Abort { self.fence(&scope).1 } else { 0 };
        fx.taken.push((token, Taken { revoked_loads, at: self.at(), ..Taken::default() }));
    }

    /// Fences that are open.
    pub fn open_fences(&self) -> usize {
        self.fences.0.len()
    }
}
