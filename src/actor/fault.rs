//! The way of a `Break` to the part that it breaks. Only with the feature `fault-injection`.
//!
//! Owns: nothing. Never: is in a release.

use std::sync::Arc;

use super::dispatch::{Pending, Request};
use super::inbox::Parcel;
use super::request::{Accepted, ControlRequest, Fault, TierRequest, ToStats, ToWarmer};
use super::wiring::Wiring;
use crate::error::Result;
use crate::message::{Break, Breaks};

impl Request for Break {
    type Reply = ();
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let posted =
            wiring.open().and_then(|()| parcel(wiring, &self.what)).map(|parcel| wiring.post(parcel));
        Pending::known(posted)
    }
}

fn parcel(wiring: &Wiring, what: &Breaks) -> Result<Parcel> {
    let tier = |name: &Arc<str>, fault| {
        let id = wiring.routes.tier(name)?;
        Ok(Parcel::Tier(id, Accepted::new(TierRequest::Fault(fault))))
    };
    match what {
        Breaks::Turn(name) => tier(name, Fault::Panic),
        Breaks::Tier(name) => tier(name, Fault::Die),
        Breaks::Supervisor => Ok(Parcel::Control(ControlRequest::Die)),
        Breaks::Warmer => Ok(Parcel::Control(ControlRequest::Warm(ToWarmer::Die))),
        Breaks::Stats => Ok(Parcel::Control(ControlRequest::Stats(ToStats::Die))),
    }
}
