//! Settings that change while the cache runs: on their way, and what the supervisor's turn makes of them.
//!
//! Owns: the one way by which a setting changes, alone or with others, all or none. Never: touches what is stored; a time to
//! live is for what is stored later.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::budgeting;
use super::dispatch::{Pending, Request};
use super::live_terms::LiveTerms;
use super::reply::Reply;
use super::request::{ChangeRequest, ControlRequest};
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::engine::budget::Told;
use crate::error::{Error, Result, Shown};
use crate::message::{Change, SetBudget, SetEnabled, SetTtl, TtlOf};
use crate::settings::check_ttl;

/// What was in force before a [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Was {
    /// A time to live; `own`: not that of the tier around it.
    #[allow(missing_docs)]
    Ttl { ttl: Duration, own: bool },
    /// Whether anything was cached.
    Enabled(bool),
    /// What all tiers together could hold, in bytes.
    MaxSize(u64),
}

impl Was {
    /// The change that would bring it back, where `change` was made.
    pub(crate) fn of(self, change: &Change) -> Change {
        match (self, change) {
            (Self::Enabled(enabled), _) => Change::Enabled(enabled),
            (Self::MaxSize(bytes), _) => Change::MaxSize(bytes),
            (
                Self::Ttl { own: false, .. },
                Change::TtlOfTier(prefix) | Change::Ttl { of: TtlOf::Prefix(prefix), .. },
            ) => Change::TtlOfTier(Arc::clone(prefix)),
            (Self::Ttl { ttl, .. }, Change::TtlOfTier(prefix)) => {
                Change::Ttl { of: TtlOf::Prefix(Arc::clone(prefix)), ttl }
            }
            (Self::Ttl { ttl, .. }, Change::Ttl { of, .. }) => Change::Ttl { of: of.clone(), ttl },
            (Self::Ttl { .. }, other) => other.clone(),
        }
    }
}

fn wrong(setting: &str, reason: String) -> Error {
    Error::InvalidSetting { setting: setting.to_owned(), reason }
}

impl Wiring {
    /// Whether anything is cached now.
    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        // Relaxed: tiers learn of a change by a message; this only guides who counts and who begins a new life.
        self.enabled.load(Relaxed)
    }

    /// Puts `changes` into force, all or none; returns what was before each, and what tiers have to be told of the budget. In
    /// the supervisor's turn, so that two of them have an order.
    pub(super) fn change(&self, changes: &[Change]) -> Result<(Vec<Was>, Vec<Told>)> {
        let was = changes.iter().map(|change| self.was(change)).collect::<Result<Vec<_>>>()?;
        // The budget first: it is the one that may be refused for another reason than its own value.
        let mut told = Vec::new();
        for change in changes {
            if let Change::MaxSize(bytes) = change {
                told = budgeting::resize(self, *bytes)?;
            }
        }
        for (change, was) in changes.iter().zip(&was) {
            // What was so before stays untouched; a tier may be under way to where an earlier change sent it.
            if was.of(change) != *change {
                self.put(change);
            }
        }
        Ok((was, told))
    }

    /// What is in force of what `change` changes. Errors: it cannot be changed to that.
    fn was(&self, change: &Change) -> Result<Was> {
        match change {
            Change::Ttl { of, ttl } => {
                check_ttl(*ttl).map_err(|reason| wrong("ttl", reason))?;
                let terms = match of {
                    TtlOf::Tier(name) => &self.tier(self.routes.tier(name)?).terms,
                    TtlOf::Prefix(prefix) => self.terms_of_prefix(prefix)?.1,
                };
                Ok(Was::Ttl { ttl: terms.ttl(), own: terms.is_own() })
            }
            Change::TtlOfTier(prefix) => {
                let terms = self.terms_of_prefix(prefix)?.1;
                Ok(Was::Ttl { ttl: terms.ttl(), own: terms.is_own() })
            }
            Change::Enabled(_) => Ok(Was::Enabled(self.is_enabled())),
            Change::MaxSize(_) => Ok(Was::MaxSize(self.budget.lock().total())),
        }
    }

    /// The tier of a prefix of the settings, and the terms there.
    fn terms_of_prefix(&self, prefix: &str) -> Result<(&TierShared, &LiveTerms)> {
        let found = self.plan.prefixes.iter().zip(&self.prefix_terms).find(|(one, _)| &*one.prefix == prefix);
        let (one, terms) = found.ok_or_else(|| {
            let prefix = Shown::new(prefix);
            wrong("ttl", format!("no tier has the prefix {prefix}; /cache-info shows them"))
        })?;
        Ok((&self.tiers[one.tier], terms))
    }

    /// Writes down what has been found possible.
    fn put(&self, change: &Change) {
        match change {
            Change::Ttl { of: TtlOf::Tier(name), ttl } => {
                let Ok(id) = self.routes.tier(name) else { return };
                self.tier(id).terms.set_ttl(*ttl, true);
                let inherits = self.plan.prefixes.iter().zip(&self.prefix_terms);
                for (_, terms) in inherits.filter(|(one, terms)| one.tier == id.index() && !terms.is_own()) {
                    terms.set_ttl(*ttl, false);
                }
            }
            Change::Ttl { of: TtlOf::Prefix(prefix), ttl } => {
                let _ = self.terms_of_prefix(prefix).map(|(_, terms)| terms.set_ttl(*ttl, true));
            }
            Change::TtlOfTier(prefix) => {
                let _ =
                    self.terms_of_prefix(prefix).map(|(tier, terms)| terms.set_ttl(tier.terms.ttl(), false));
            }
            Change::Enabled(enabled) => self.enabled.store(*enabled, Relaxed),
            Change::MaxSize(_) => {} // the budget has it
        }
    }

    /// Sends `changes` to the supervisor. They are on their way when this returns; what it returns waits until they hold, in
    /// all tiers too, and then tells what was before each.
    pub(super) fn post_changes(&self, changes: Vec<Change>) -> Pending<Vec<Was>> {
        let switches = changes.iter().any(|change| matches!(change, Change::Enabled(_)));
        let slot = |tier: &TierShared| Reply::of(&tier.answerer);
        let (tiers, answers): (Vec<_>, Vec<_>) = self.tiers.iter().filter(|_| switches).map(slot).unzip();
        let was = self.post_control(|reply| ControlRequest::Change(ChangeRequest { changes, tiers, reply }));
        Pending::task(async move {
            let was = was.await?;
            let mut broken = Vec::new();
            for answer in answers {
                match answer.await.unwrap_or(Err(Error::Closed)) {
                    Ok(_) => {}
                    Err(Error::TierRestarting { tier }) => broken.push(tier),
                    Err(error) => return Err(error),
                }
            }
            if broken.is_empty() { Ok(was) } else { Err(Error::Partial { tiers: broken.join(", ") }) }
        })
    }

    /// As [`Wiring::post_changes`], for one.
    pub(crate) fn post_change(&self, change: Change) -> Pending<Was> {
        let posted = self.post_changes(vec![change]);
        Pending::task(async move { posted.await?.pop().ok_or(Error::Closed) })
    }
}

impl Request for SetTtl {
    type Reply = Duration;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Self { of, ttl } = self;
        let posted = wiring.post_change(Change::Ttl { of, ttl });
        Pending::task(async move {
            let was = posted.await?;
            Ok(if let Was::Ttl { ttl, .. } = was { ttl } else { ttl })
        })
    }
}

impl Request for SetEnabled {
    type Reply = bool;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let posted = wiring.post_change(Change::Enabled(self.enabled));
        Pending::task(async move { Ok(posted.await? == Was::Enabled(true)) })
    }
}

impl Request for SetBudget {
    type Reply = ();
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let posted = wiring.post_change(Change::MaxSize(self.bytes));
        Pending::task(async move { posted.await.map(|_was| ()) })
    }
}
