//! What each request asks of a tier, and of one that has failed.
//!
//! Owns: which turn a request becomes, and that its reply is answered. Never: decides what a turn does.

use std::sync::Arc;

use super::{Fx, TierActor};
use crate::actor::batch;
use crate::actor::load::Waiter;
use crate::actor::look::KeyAt;
use crate::actor::reply::Reply;
use crate::actor::request::{LoadRequest, TierRequest};
use crate::codec::value::Wanted;
use crate::engine::entry::ReadEntry;
use crate::engine::explain::Explanation;
use crate::engine::journal::Ticket;
use crate::engine::key::Key;
use crate::engine::moment::Moment;
use crate::engine::scope::{How, Scope};
use crate::engine::seeded::{self, Bug};
use crate::engine::sweep::Order;
use crate::engine::tier::{Taken, Tier};
use crate::engine::view::Served;
use crate::error::Result;
use crate::message::TierState;
use crate::telemetry;

impl TierActor {
    pub(super) fn dispatch(&mut self, request: TierRequest) {
        match request {
            TierRequest::Remove { reply, .. } | TierRequest::Invalidate { reply, .. }
                if seeded::has(Bug::UnsentWithItsCaller) && reply.is_unwanted() => {}
            TierRequest::Get { key, reply } => {
                let at = KeyAt::of(self.shared(), key.as_str());
                let seen = self.wiring.look(self.shared(), at, Wanted::ANY);
                reply.answer(Ok(seen.map(|seen| seen.given())));
            }
            TierRequest::Contains { key, reply } => {
                let entry = self.shared().view.peek(key.as_str());
                let served = |entry: Served| entry.is_fresh(self.now()) && !entry.is_nothing();
                reply.answer(Ok(entry.is_some_and(served)));
            }
            TierRequest::Explain { key, route, reply } => reply.answer(Ok(self.explain(key, route))),
            TierRequest::Set { .. } | TierRequest::SetMany { .. } | TierRequest::RemoveMany { .. } => {
                unreachable!("jobs of their own")
            }
            TierRequest::Remove { key, reply } => {
                self.answer(reply, |tier, _, fx| Ok(tier.remove(&key, fx)));
            }
            TierRequest::Load(request) => self.load(*request),
            TierRequest::LoadMany(request) => {
                let (members, class) = batch::members(*request);
                self.queue.spend(members.len());
                self.turn(|this, now, fx| this.tier.load_many(members, class, now, fx));
            }
            TierRequest::Invalidate { scope, how, dry_run, reply } => {
                let order = Order { scope, how, dry_run };
                self.turn(|this, now, fx| this.tier.order(order, reply, now, fx));
            }
            TierRequest::OpenFence { id, scope, reply } => {
                self.answer(reply, |tier, _, _| tier.open_fence(id, scope));
            }
            TierRequest::CloseFence { id, scope, end, reply } => {
                self.turn(|this, now, fx| this.tier.close_fence(id, scope, end, reply, now, fx));
            }
            TierRequest::BeginWarm { reply } => self.begin_warm(reply),
            TierRequest::StoreWarm { ticket, items, reply } => self.answer(reply, |tier, now, fx| {
                Ok(items.into_iter().map(|item| tier.store_warm(ticket, item, now, fx)).collect())
            }),
            TierRequest::EndWarm { ticket } => {
                self.turn(|this, _, _| this.tier.end_warm(ticket));
            }
            TierRequest::Grant { bytes, order } => self.grant(bytes, order),
            TierRequest::Enable { enabled, reply } => self.enable(enabled, reply),
            TierRequest::Revive { reply } => self.revive(reply),
            TierRequest::Drain { reply } => self.draining.push(reply),
            TierRequest::Written { reply } => self.written.push((self.tier.seq(), reply)),
            #[cfg(feature = "fault-injection")]
            TierRequest::Fault(fault) => self.fault(fault),
        }
    }

    /// Runs one turn and answers with what it came to. The reply stays outside the turn: when that panics, it is dropped
    /// here, and answers.
    fn answer<R>(
        &mut self,
        reply: Reply<R>,
        work: impl FnOnce(&mut Tier<Waiter, Reply<Taken>>, Moment, &mut Fx) -> Result<R>,
    ) {
        if let Some(result) = self.turn(|this, now, fx| work(&mut this.tier, now, fx)) {
            reply.answer(result);
        }
    }

    fn begin_warm(&mut self, reply: Reply<Ticket>) {
        if let Some(ticket) = self.turn(|this, _, _| this.tier.begin_warm())
            && !reply.deliver(Ok(ticket))
        {
            // The run is gone, so nobody else will ever end it.
            self.turn(|this, _, _| this.tier.end_warm(ticket));
        }
    }

    /// A tier that broke too often holds nothing: invalidations are true of it, all else goes past it.
    pub(super) fn take_failed(&mut self, request: TierRequest) {
        match request {
            TierRequest::Revive { reply } => self.revive(reply),
            TierRequest::Enable { enabled, reply } => self.enable(enabled, reply),
            TierRequest::Explain { key, route, reply } => reply.answer(Ok(self.explain(key, route))),
            TierRequest::Remove { reply, .. } | TierRequest::Invalidate { reply, .. } => {
                reply.answer(Ok(Taken::default()));
            }
            // It may be revived while the fence is open, and must not store what is loaded then.
            fence @ (TierRequest::OpenFence { .. } | TierRequest::CloseFence { .. }) => self.dispatch(fence),
            TierRequest::Drain { reply } | TierRequest::Written { reply } => reply.answer(Ok(())),
            TierRequest::Grant { bytes, order } => self.grant(bytes, order),
            TierRequest::EndWarm { .. } => {}
            TierRequest::Get { reply, .. } => reply.answer(Err(self.shared().failed_error())),
            TierRequest::Contains { reply, .. } => reply.answer(Err(self.shared().failed_error())),
            TierRequest::Set { .. } | TierRequest::SetMany { .. } | TierRequest::RemoveMany { .. } => {
                unreachable!("jobs of their own")
            }
            TierRequest::Load(request) => request.refuse(&self.shared().failed_error()),
            TierRequest::LoadMany(request) => request.refuse(&self.shared().failed_error()),
            TierRequest::BeginWarm { reply } => reply.answer(Err(self.shared().failed_error())),
            TierRequest::StoreWarm { reply, .. } => reply.answer(Err(self.shared().failed_error())),
            #[cfg(feature = "fault-injection")]
            TierRequest::Fault(_) => {}
        }
    }

    fn explain(&self, key: Key, route: Option<Arc<str>>) -> Explanation {
        let bypassed = self.shared().state() == TierState::Failed;
        Explanation { bypassed, ..self.tier.explain(key, route, self.now()) }
    }

    fn load(&mut self, request: LoadRequest) {
        let LoadRequest { key, terms, wanted, after, class, cell, spawner, reply } = request;
        let waiter = Waiter::new(cell, spawner, reply, wanted, after);
        self.turn(|this, now, fx| this.tier.load(&key, &terms, class, waiter, now, fx));
    }

    /// What the tier may hold from now on. It is acknowledged when that holds, which may take turns.
    fn grant(&mut self, bytes: u64, order: u64) {
        let counted = self.wiring.budget.lock().grant(self.id.index());
        // More than is counted for this tier would be missing elsewhere. Nobody tells that; if somebody did, it is not taken.
        debug_assert!(bytes <= counted, "told {bytes} bytes, {counted} are counted");
        if bytes > counted {
            telemetry::over_its_grant(&self.shared().name, bytes, counted);
        }
        self.owed = Some(order);
        self.turn(|this, now, fx| this.tier.set_grant(bytes.min(counted), now, fx));
    }

    /// Switched off it gives up all that it holds, as a clear does, and keeps nothing that comes later.
    fn enable(&mut self, enabled: bool, reply: Reply<Taken>) {
        self.turn(|this, now, fx| {
            this.tier.set_enabled(enabled);
            let order = Order { scope: Scope::All, how: How::Remove, dry_run: enabled };
            this.tier.order(order, reply, now, fx);
        });
    }

    fn revive(&mut self, reply: Reply<bool>) {
        let was_failed = self.shared().revive();
        self.shared().view.open();
        reply.answer(Ok(was_failed));
    }

    #[cfg(feature = "fault-injection")]
    fn fault(&mut self, fault: crate::actor::request::Fault) {
        use crate::actor::request::Fault;
        match fault {
            Fault::Panic => drop(self.turn(|_, _, _| panic!("asked to break"))),
            Fault::Die => panic!("asked to die"),
        }
    }
}
