//! Settings that change while the cache runs: on their way, and what the supervisor's turn makes of them.
//!
//! Owns: what they may be changed to. Never: touches what is stored; a time to live is for what is stored later.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::dispatch::{Pending, Request};
use super::reply::Reply;
use super::request::ControlRequest;
use super::wiring::Wiring;
use crate::error::{Error, Result, Shown};
use crate::message::{SetEnabled, SetTtl, TtlOf};
use crate::settings::check_ttl;

impl Wiring {
    /// Whether anything is cached now.
    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        // Relaxed: tiers learn of a change by a message; this only guides who counts and who begins a new life.
        self.enabled.load(Relaxed)
    }

    /// Notes that it is on or off from now on; returns whether it was on.
    pub(crate) fn enable(&self, enabled: bool) -> bool {
        self.enabled.swap(enabled, Relaxed)
    }

    /// Changes a time to live; returns the one before. In the supervisor's turn, so that two changes have an order.
    pub(crate) fn set_ttl(&self, change: &SetTtl) -> Result<Duration> {
        let SetTtl { of, ttl } = change;
        let wrong = |reason| Error::InvalidSetting { setting: "ttl".to_owned(), reason };
        check_ttl(*ttl).map_err(wrong)?;
        match of {
            TtlOf::Tier(name) => {
                let id = self.routes.tier(name)?;
                let before = self.tier(id).terms.ttl();
                self.tier(id).terms.set_ttl(*ttl, true);
                let inherits = self.plan.prefixes.iter().zip(&self.prefix_terms);
                for (_, terms) in inherits.filter(|(one, terms)| one.tier == id.index() && !terms.is_own()) {
                    terms.set_ttl(*ttl, false);
                }
                Ok(before)
            }
            TtlOf::Prefix(prefix) => {
                let Some(place) = self.plan.prefixes.iter().position(|one| one.prefix == *prefix) else {
                    let prefix = Shown::new(prefix);
                    return Err(wrong(format!("no tier has the prefix {prefix}; /cache-info shows them")));
                };
                let before = self.prefix_terms[place].ttl();
                self.prefix_terms[place].set_ttl(*ttl, true);
                Ok(before)
            }
        }
    }
}

impl Request for SetTtl {
    type Reply = Duration;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_control(|reply| ControlRequest::SetTtl(self, reply))
    }
}

impl Request for SetEnabled {
    type Reply = bool;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let slot = |tier: &super::tier_shared::TierShared| Reply::of(&tier.answerer);
        let (parts, answers): (Vec<_>, Vec<_>) = wiring.tiers.iter().map(slot).unzip();
        let was = wiring.post_control(|reply| ControlRequest::SetEnabled(self, parts, reply));
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
}
