//! Invalidations and fences on their way: to every tier that a scope can reach, and back as one answer.
//!
//! Owns: that all tiers are told or none, and that nobody is answered before all have answered; the sending side of a
//! fence, which can always be closed. Never: decides what an invalidation takes.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::dispatch::{Pending, Request};
use super::permit::{Lane, Permit};
use super::reply::Reply;
use super::request::{Envelope, TierRequest, ToWarmer};
use super::wiring::{Wiring, tell};
use crate::engine::fences::{End, FenceId};
use crate::engine::route::TierId;
use crate::engine::scope::Scope;
use crate::engine::stamp::Stamp;
use crate::engine::tier::Taken;
use crate::error::{Error, Result};
use crate::message::{Invalidate, Invalidated};
use crate::telemetry::spans::{self, Took};

/// The answers of several tiers, while they are waited for.
type Answers<R> = Vec<(TierId, oneshot::Receiver<Result<R>>)>;

impl Wiring {
    /// A place in front of each tier that `scope` can reach; all of them or none.
    pub(super) fn places(&self, scope: &Scope) -> Result<Vec<(TierId, Option<Permit>)>> {
        self.open()?;
        // What may be long is charged for; it keeps out data, and is never kept out by bytes itself.
        let bytes = match scope {
            Scope::Containing(runs) => runs.as_slice().iter().map(|run| run.as_str().len() as u64).sum(),
            Scope::Keys(keys) => keys.as_slice().iter().map(|key| key.as_str().len() as u64).sum(),
            _ => 0,
        };
        let take = |id: TierId| Ok((id, Some(self.permit(id, Lane::Control, bytes)?)));
        self.reached_told(scope)?.into_iter().map(take).collect()
    }

    /// Tells each of these tiers what `request` makes of a reply slot.
    fn tell_all<R: Send + 'static>(
        self: &Arc<Self>,
        tiers: Vec<(TierId, Option<Permit>)>,
        request: impl Fn(Reply<R>) -> TierRequest,
    ) -> Answers<R> {
        let mut parts = Vec::new();
        let mut answers = Vec::new();
        for (id, permit) in tiers {
            let (mut reply, answer) = Reply::of(&self.tier(id).answerer);
            if let Some(permit) = permit {
                // It may go on in slices long after its message was taken; the bound counts it until it is answered.
                reply.hold(permit);
            }
            parts.push((id, Envelope::from(request(reply))));
            answers.push((id, answer));
        }
        self.deliver_all(parts);
        answers
    }
}

impl Request for Invalidate {
    type Reply = Invalidated;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Self { scope, how, dry_run } = self;
        let places = match wiring.places(&scope) {
            Ok(places) => places,
            Err(error) => return Pending::known(Err(error)),
        };
        let request = |reply| TierRequest::Invalidate { scope: scope.clone(), how, dry_run, reply };
        let answers = wiring.tell_all(places, request);
        if scope == Scope::All && !dry_run {
            // What was warmed for them is gone. No permit: those of the tiers bound it.
            tell(&wiring.warmer, ToWarmer::Cleared);
        }
        let (kind, how) = (scope.kind(), how.as_str());
        // Made when it is first polled, in the task that waits: this may run in the supervisor's turn.
        Pending::task(async move {
            let span = spans::invalidation(kind, how, dry_run, true);
            gather_in(span, answers).await
        })
    }
}

/// As [`gather`], in `span`, which is told what it came to.
async fn gather_in(span: Span, answers: Answers<Taken>) -> Result<Invalidated> {
    let taken = gather(answers).instrument(span.clone()).await;
    let took = |taken: &Invalidated| Took {
        tiers: taken.tiers,
        matched: taken.matched,
        revoked_loads: taken.revoked_loads,
    };
    spans::invalidated(&span, taken.as_ref().map(took));
    taken
}

/// Adds up what the tiers took, once all have answered.
async fn gather(answers: Answers<Taken>) -> Result<Invalidated> {
    let mut sum = Invalidated { tiers: answers.len() as u64, ..Invalidated::default() };
    let (mut reached, mut broken) = (Vec::new(), Vec::new());
    for (id, answer) in answers {
        match answer.await.unwrap_or(Err(Error::Closed)) {
            Ok(taken) => {
                sum.matched += taken.matched;
                sum.bytes += taken.bytes;
                sum.revoked_loads += taken.revoked_loads;
                reached.push((id, taken.at));
            }
            Err(Error::TierRestarting { tier }) => broken.push(tier),
            Err(error) => return Err(error),
        }
    }
    sum.stamp = Stamp::new(reached);
    if broken.is_empty() { Ok(sum) } else { Err(Error::Partial { tiers: broken.join(", ") }) }
}

/// A fence as its tiers know it. It has a number before any of them is told, so that it can be closed whatever happens to
/// the call that opens it.
#[derive(Debug)]
pub(crate) struct Open {
    wiring: Weak<Wiring>,
    id: FenceId,
    scope: Scope,
    tiers: Vec<TierId>,
}

impl Open {
    /// Tells the tiers to open a fence; what is returned second waits until they have.
    pub(crate) fn post(wiring: &Arc<Wiring>, scope: Scope) -> Result<(Self, Pending<()>)> {
        let places = wiring.places(&scope)?;
        // Relaxed: a number of its own is all that is wanted.
        let id = FenceId(wiring.next_fence.fetch_add(1, Relaxed));
        let tiers = places.iter().map(|(id, _)| *id).collect();
        let request = |reply| TierRequest::OpenFence { id, scope: scope.clone(), reply };
        let answers = wiring.tell_all(places, request);
        let opened = Pending::task(async move {
            for (_, answer) in answers {
                match answer.await.unwrap_or(Err(Error::Closed)) {
                    // A tier that broke is empty, and the commit takes away what it will hold by then.
                    Ok(()) | Err(Error::TierRestarting { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
        Ok((Self { wiring: Arc::downgrade(wiring), id, scope, tiers }, opened))
    }

    /// Tells the tiers to close it. Accepted when this returns, and never refused: the fences that may be open bound it.
    pub(crate) fn close(&self, end: End) -> Pending<Invalidated> {
        let Some(wiring) = self.wiring.upgrade() else { return Pending::known(Err(Error::Closed)) };
        let tiers = self.tiers.iter().map(|&id| (id, None)).collect();
        let (id, scope) = (self.id, &self.scope);
        let answers =
            wiring.tell_all(tiers, |reply| TierRequest::CloseFence { id, scope: scope.clone(), end, reply });
        let kind = scope.kind();
        Pending::task(async move {
            let span = match end {
                End::Commit => spans::invalidation(kind, "commit", false, true),
                _ => Span::none(), // nothing is invalidated
            };
            gather_in(span, answers).await
        })
    }
}
