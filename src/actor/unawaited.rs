//! Writes that nobody waits for, and the message that waits for all of them.
//!
//! Owns: what is told at once of such a write. Never: makes a reply slot for one; a failure that comes later is counted.

use std::sync::Arc;

use super::dispatch::{Pending, Request};
use super::inbox::Parcel;
use super::permit::{Lane, Permit};
use super::reply::Reply;
use super::request::{Accepted, TierRequest};
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::engine::key::Key;
use crate::error::{Error, Result};
use crate::message::{Invalidate, Written};
use crate::telemetry::spans;

fn nobody<R>(tier: &TierShared) -> Reply<R> {
    Reply::unawaited(&tier.answerer)
}

impl Wiring {
    /// As [`Remove`](crate::message::Remove), without an answer.
    pub(crate) fn send_remove(&self, key: Key) -> Result<()> {
        self.open()?;
        let tier = self.route_told(key.as_str())?.0;
        let permit = self.permit(tier.id, Lane::Control, key.as_str().len() as u64)?;
        let request = TierRequest::Remove { key, reply: nobody(tier) };
        self.post(Parcel::Tier(tier.id, Accepted::with(request, permit)));
        Ok(())
    }

    /// As [`Invalidate`], without an answer.
    pub(crate) fn send_invalidate(&self, invalidate: Invalidate) -> Result<()> {
        let Invalidate { scope, how, dry_run } = invalidate;
        let _span = spans::invalidation(scope.kind(), how.as_str(), dry_run, false).entered();
        let part = |(id, permit): (_, Option<Permit>)| {
            let mut reply = nobody(self.tier(id));
            permit.into_iter().for_each(|permit| reply.hold(permit));
            (id, Accepted::new(TierRequest::Invalidate { scope: scope.clone(), how, dry_run, reply }))
        };
        let parts = self.places(&scope)?.into_iter().map(part).collect();
        self.post(Parcel::Tiers(parts));
        Ok(())
    }
}

impl Request for Written {
    type Reply = ();
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let place = |tier: &TierShared| wiring.permit(tier.id, Lane::Control, 0);
        let places: Result<Vec<Permit>> =
            wiring.open().and_then(|()| wiring.tiers.iter().map(place).collect());
        let places = match places {
            Ok(places) => places,
            Err(error) => return Pending::known(Err(error)),
        };
        let (mut parts, mut answers) = (Vec::new(), Vec::new());
        for (tier, permit) in wiring.tiers.iter().zip(places) {
            let (mut reply, answer) = Reply::new(Arc::clone(&tier.name));
            // It may wait for an invalidation in slices, long after its message was taken.
            reply.hold(permit);
            parts.push((tier.id, Accepted::new(TierRequest::Written { reply })));
            answers.push(answer);
        }
        wiring.post(Parcel::Tiers(parts));
        Pending::task(async move {
            let mut written = Ok(());
            for answer in answers {
                // All are waited for, also when one has failed: the others are written by then.
                written = written.and(answer.await.unwrap_or(Err(Error::Closed)));
            }
            written
        })
    }
}
