//! The supervisor alone, in virtual time, with recorders in the places of tiers, warmer and stats actor.
//!
//! Owns: where each public message goes, in which order, and what bounds it. Never: starts another actor of the cache.

mod common;
#[path = "common/recorders.rs"]
mod recorders;

#[path = "supervisor/address.rs"]
mod address;
#[path = "supervisor/bounds.rs"]
mod bounds;
#[path = "supervisor/budget.rs"]
mod budget;
#[path = "supervisor/control.rs"]
mod control;
#[path = "supervisor/fan_out.rs"]
mod fan_out;
#[path = "supervisor/order.rs"]
mod order;
#[path = "supervisor/restart.rs"]
mod restart;
#[path = "supervisor/routes.rs"]
mod routes;

use std::sync::Arc;

use actix::{Actor, Addr};

use apex_cache::actor::request::{TierRequest, ToStats, ToWarmer};
use apex_cache::actor::{Pending, Request, Supervisor, Wiring};
use apex_cache::message::Set;
use apex_cache::{Result, Settings};

use recorders::{Neighbours, Recorded, RecordedTier, key, value};

/// The supervisor, alone.
struct Alone {
    neighbours: Neighbours,
    addr: Addr<Supervisor>,
}

impl Alone {
    fn new() -> Self {
        Self::with(&Settings::default())
    }

    fn with(settings: &Settings) -> Self {
        let neighbours = Neighbours::with(settings, Vec::new());
        let addr = Supervisor::new(&neighbours.wiring).start();
        Self { neighbours, addr }
    }

    fn wiring(&self) -> &Arc<Wiring> {
        &self.neighbours.wiring
    }

    /// Posts a public message, as a `SupervisorRef` does.
    fn post<M: Request>(&self, message: M) -> Pending<M::Reply> {
        message.post(self.wiring())
    }

    fn tier(&self, name: &str) -> &RecordedTier {
        self.neighbours.tier(name)
    }

    fn warmer(&self) -> &Recorded<ToWarmer> {
        &self.neighbours.warmer
    }

    fn stats(&self) -> &Recorded<ToStats> {
        &self.neighbours.stats
    }

    /// The names of the tiers that were told something, all of which is thrown away.
    fn told(&self) -> Vec<&str> {
        let told = |(tier, recorded): (&'_ apex_cache::actor::TierShared, &RecordedTier)| {
            let index = tier.id.index();
            (!recorded.take().is_empty()).then(|| &*self.neighbours.wiring.tiers[index].name)
        };
        self.neighbours.wiring.tiers.iter().zip(&self.neighbours.tiers).filter_map(told).collect()
    }
}

fn set(text: &str, number: u64) -> Set {
    Set::new(key(text), value(number))
}

/// The key that a request on one key is about.
fn subject(request: &TierRequest) -> String {
    match request {
        TierRequest::Get { key, .. }
        | TierRequest::Contains { key, .. }
        | TierRequest::Remove { key, .. } => key.to_string(),
        TierRequest::Set { item, .. } => item.key().to_owned(),
        TierRequest::Load(load) => load.key.to_string(),
        TierRequest::Invalidate { scope, .. } => scope.to_string(),
        other => panic!("a request on no key: {other:?}"),
    }
}

/// What came of a message.
async fn answer<R: Unpin>(pending: Pending<R>) -> Result<R> {
    pending.await
}
