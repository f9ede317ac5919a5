//! Writes that nobody waits for, and the message that waits for all of them.
//!
//! Owns: what is told at once of such a write. Never: makes a reply slot for one; a failure that comes later
//! is counted.

use std::sync::Arc;

use super::dispatch::{Pending, Request};
use super::mailbox::Sent;
use super::permit::{Lane, Permit};
use super::reply::Reply;
use super::request::{Envelope, TierRequest};
use super::tier::{TierContext, TierEffects, TierWorker};
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::engine::key::Key;
use crate::error::{Error, Result};
use crate::message::{Invalidate, Written};
use crate::telemetry::spans;

fn nobody<R: Send + 'static>(tier: &TierShared) -> Reply<R> {
    Reply::unawaited(&tier.answerer)
}

impl Wiring {
    /// As [`Remove`](crate::message::Remove), without an answer.
    pub(crate) fn send_remove(self: &Arc<Self>, key: Key) -> Result<()> {
        self.open()?;
        let tier = self.route_told(key.as_str())?.0;
        let lane = (Lane::Control, key.as_str().len() as u64);
        let run = |worker: &mut TierWorker, at: TierContext<'_>, key: Key, effects: &mut _| {
            nobody(tier).answer(worker.remove(at, &key, effects));
        };
        self.send_to(tier, lane, key, run, |key| TierRequest::Remove { key, reply: nobody(tier) })
    }

    /// Has `run` do `call` at once if the tier is idle. Otherwise what `request` makes of it waits in the
    /// tier's mailbox.
    pub(super) fn send_to<C>(
        self: &Arc<Self>,
        tier: &TierShared,
        (lane, bytes): (Lane, u64),
        call: C,
        run: impl FnOnce(&mut TierWorker, TierContext<'_>, C, &mut TierEffects),
        request: impl FnOnce(C) -> TierRequest,
    ) -> Result<()> {
        let at = TierContext { wiring: self, tier };
        let enqueue = |call| {
            let permit = self.permit(tier.id, lane, bytes)?;
            Ok::<_, Error>((Envelope::new(request(call), permit), ()))
        };
        let sent =
            tier.mailbox.send(at, call, |worker, call, effects| run(worker, at, call, effects), enqueue)?;
        if sent == Sent::Closed { Err(Error::Closed) } else { Ok(()) }
    }

    /// As [`Invalidate`], without an answer.
    pub(crate) fn send_invalidate(self: &Arc<Self>, invalidate: Invalidate) -> Result<()> {
        let Invalidate { scope, how, dry_run } = invalidate;
        let _span = spans::invalidation(scope.kind(), how.as_str(), dry_run, false).entered();
        let part = |(id, permit): (_, Option<Permit>)| {
            let mut reply = nobody(self.tier(id));
            permit.into_iter().for_each(|permit| reply.hold(permit));
            (id, Envelope::from(TierRequest::Invalidate { scope: scope.clone(), how, dry_run, reply }))
        };
        let parts = self.places(&scope)?.into_iter().map(part).collect();
        self.deliver_all(parts);
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
            parts.push((tier.id, Envelope::from(TierRequest::Written { reply })));
            answers.push(answer);
        }
        wiring.deliver_all(parts);
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
