//! The way of a `Break` to the part that it breaks. Only with the feature `fault-injection`.
//!
//! Owns: nothing. Never: is in a release.

use std::sync::Arc;

use super::dispatch::{Pending, Request};
use super::request::{ControlRequest, TierRequest, ToStats, ToTier, ToWarmer};
use super::tier::TierContext;
use super::wiring::Wiring;
use crate::error::Result;
use crate::message::{Break, Breaks};

impl Request for Break {
    type Reply = ();
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        // What ends such a fault is done also at the end of a cache, which waits for it.
        let ends = matches!(self.what, Breaks::Busy(_, false));
        let open = if ends { Ok(()) } else { wiring.open() };
        Pending::known(open.and_then(|()| send(wiring, &self.what)))
    }
}

fn send(wiring: &Arc<Wiring>, what: &Breaks) -> Result<()> {
    match what {
        Breaks::Turn(name) => drop(wiring.deliver(wiring.routes.tier(name)?, TierRequest::Break)),
        Breaks::Tier(name) => wiring.tier(wiring.routes.tier(name)?).tell(ToTier::Die),
        Breaks::Busy(name, is_busy) => {
            let tier = wiring.tier(wiring.routes.tier(name)?);
            tier.mailbox.seem_held(TierContext { wiring, tier }, *is_busy);
        }
        Breaks::Supervisor => wiring.post_to_supervisor(ControlRequest::Die),
        Breaks::Warmer => wiring.post_to_supervisor(ControlRequest::Warm(ToWarmer::Die)),
        Breaks::Stats => wiring.post_to_supervisor(ControlRequest::Stats(ToStats::Die)),
    }
    Ok(())
}
