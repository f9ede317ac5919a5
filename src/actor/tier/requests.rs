//! What each envelope asks of a tier, and of one that has failed.
//!
//! Owns: which turn an envelope becomes, and that its reply is answered. Never: decides what a turn does.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::effects::TierEffects;
use super::worker::{Fx, State, TierContext, TierWorker};
use crate::actor::batch;
use crate::actor::load::Waiter;
use crate::actor::look::KeyAt;
use crate::actor::mailbox::Room;
use crate::actor::permit::Permit;
use crate::actor::reply::Reply;
use crate::actor::request::{Bulk, Envelope, LoadRequest, TierRequest};
use crate::codec::value::Wanted;
use crate::engine::entry::ReadEntry;
use crate::engine::explain::Explanation;
use crate::engine::given::Given;
use crate::engine::journal::Ticket;
use crate::engine::key::Key;
use crate::engine::moment::Moment;
use crate::engine::scope::{How, Scope};
use crate::engine::seeded::{self, Bug};
use crate::engine::sweep::Order;
use crate::engine::tier::{Made, Stored, Taken};
use crate::engine::view::Served;
use crate::error::{Error, Result};
use crate::message::TierState;

impl TierContext<'_> {
    fn has_failed(self) -> bool {
        self.tier.state() == TierState::Failed
    }

    /// A turn broke, and its answer is lost.
    fn restarting(self) -> Error {
        Error::TierRestarting { tier: Arc::clone(&self.tier.name) }
    }
}

/// What a caller may run itself.
impl TierWorker {
    pub(crate) fn get(at: TierContext<'_>, key: &Key) -> Result<Option<Given>> {
        if at.has_failed() {
            return Err(at.tier.failed_error());
        }
        let seen = at.wiring.look(at.tier, KeyAt::of(at.tier, key.as_str()), Wanted::ANY);
        Ok(seen.map(|seen| seen.given()))
    }

    pub(crate) fn contains(at: TierContext<'_>, key: &Key) -> Result<bool> {
        if at.has_failed() {
            return Err(at.tier.failed_error());
        }
        let served = |entry: Served| entry.is_fresh(at.now()) && !entry.is_nothing();
        Ok(at.tier.view.peek(key.as_str()).is_some_and(served))
    }

    pub(crate) fn explain(&mut self, at: TierContext<'_>, key: Key, route: Option<Arc<str>>) -> Explanation {
        let bypassed = at.has_failed();
        Explanation { bypassed, ..self.tier.explain(key, route, at.now()) }
    }

    pub(crate) fn set(
        &mut self,
        at: TierContext<'_>,
        item: Made,
        effects: &mut TierEffects,
    ) -> Result<Stored> {
        if at.has_failed() {
            return Err(at.tier.failed_error());
        }
        let set = |this: &mut Self, now, fx: &mut Fx| this.tier.set(item, now, fx);
        self.turn(at, effects, set).unwrap_or_else(|| Err(at.restarting()))
    }

    pub(crate) fn remove(
        &mut self,
        at: TierContext<'_>,
        key: &Key,
        effects: &mut TierEffects,
    ) -> Result<Taken> {
        if at.has_failed() {
            return Ok(Taken::default()); // it holds nothing, so that is true
        }
        self.turn(at, effects, |this, _, fx| this.tier.remove(key, fx)).ok_or_else(|| at.restarting())
    }

    pub(crate) fn load(&mut self, at: TierContext<'_>, request: LoadRequest, effects: &mut TierEffects) {
        if at.has_failed() {
            let error = at.tier.failed_error();
            effects.aside.push(Box::new(move || request.refuse(&error)));
            return;
        }
        let LoadRequest { key, terms, wanted, after, class, cell, spawner, reply } = request;
        let waiter = Waiter::new(cell, spawner, reply, wanted, after);
        self.turn(at, effects, |this, now, fx| this.tier.load(&key, &terms, class, waiter, now, fx));
    }

    /// Sets what is left of `bulk`, as far as there is room; returns the rest.
    fn set_some(
        &mut self,
        at: TierContext<'_>,
        mut bulk: Bulk<Made, Result<Stored>>,
        room: &mut Room,
        effects: &mut TierEffects,
    ) -> Option<Bulk<Made, Result<Stored>>> {
        let (most, before) = (room.changes, bulk.done.len());
        let Bulk { left, done, .. } = &mut bulk;
        let set = |this: &mut Self, now, fx: &mut Fx| this.tier.set_many(left, most, done, now, fx);
        // When the turn breaks, the reply is dropped, and answers.
        let Some(()) = self.turn(at, effects, set) else {
            effects.aside.push(Box::new(move || drop(bulk)));
            return None;
        };
        room.spend(bulk.done.len() - before);
        bulk.or_answer(effects)
    }

    fn remove_some(
        &mut self,
        at: TierContext<'_>,
        mut bulk: Bulk<Key, Taken>,
        room: &mut Room,
        effects: &mut TierEffects,
    ) -> Option<Bulk<Key, Taken>> {
        let part: Vec<Key> = bulk.left.by_ref().take(room.changes).collect();
        room.spend(part.len());
        let Some(taken) = self.turn(at, effects, |this, _, fx| this.tier.remove_many(&part, fx)) else {
            effects.aside.push(Box::new(move || drop(bulk)));
            return None;
        };
        bulk.done.extend(taken);
        bulk.or_answer(effects)
    }
}

impl<I: Send + 'static, R: Send + 'static> Bulk<I, R> {
    /// Itself, if anything of it is left to be done.
    fn or_answer(self, effects: &mut TierEffects) -> Option<Self> {
        if self.left.len() > 0 {
            return Some(self);
        }
        effects.answer(self.reply, Ok(self.done));
        None
    }
}

impl TierWorker {
    pub(super) fn carry_out(
        &mut self,
        at: TierContext<'_>,
        Envelope { request, mut permit }: Envelope,
        room: &mut Room,
        effects: &mut TierEffects,
    ) -> Option<Envelope> {
        if let Some(waited) = permit.as_mut().and_then(Permit::waited) {
            at.tier.counters.queue_time.record(waited);
        }
        let rest = match request {
            TierRequest::SetMany(bulk) => self.set_some(at, bulk, room, effects).map(TierRequest::SetMany),
            TierRequest::RemoveMany(bulk) => {
                self.remove_some(at, bulk, room, effects).map(TierRequest::RemoveMany)
            }
            TierRequest::Set { item, reply } => {
                room.spend(1);
                let stored = self.set(at, item, effects);
                effects.stored.push((reply, stored));
                None
            }
            request => {
                room.spend(1);
                self.carry_out_whole(at, request, effects);
                None
            }
        };
        if let Some(request) = rest {
            return Some(Envelope { request, permit });
        }
        effects.give_back(permit);
        None
    }

    fn carry_out_whole(&mut self, at: TierContext<'_>, request: TierRequest, effects: &mut TierEffects) {
        match request {
            TierRequest::Remove { reply, .. } | TierRequest::Invalidate { reply, .. }
                if seeded::has(Bug::UnsentWithItsCaller) && reply.is_unwanted() => {}
            TierRequest::Set { .. } | TierRequest::SetMany(_) | TierRequest::RemoveMany(_) => {
                unreachable!("carried out in parts")
            }
            TierRequest::Get { key, reply } => {
                let given = Self::get(at, &key);
                effects.answer(reply, given);
            }
            TierRequest::Contains { key, reply } => {
                let contains = Self::contains(at, &key);
                effects.answer(reply, contains);
            }
            TierRequest::Explain { key, route, reply } => {
                let explanation = self.explain(at, key, route);
                effects.answer(reply, Ok(explanation));
            }
            TierRequest::Remove { key, reply } => match self.remove(at, &key, effects) {
                Ok(taken) => effects.taken.push((reply, taken)),
                Err(error) => effects.answer(reply, Err(error)),
            },
            TierRequest::Load(request) => self.load(at, *request, effects),
            TierRequest::LoadMany(request) => {
                let (members, class) = batch::members(*request);
                self.turn(at, effects, |this, now, fx| this.tier.load_many(members, class, now, fx));
            }
            TierRequest::Landed { id, incarnation, outcome, took, done } => {
                self.note_ended(id, incarnation);
                self.turn(at, effects, |this, now, fx| {
                    this.tier.land(id, incarnation, *outcome, took, now, fx);
                });
                effects.done.extend(done);
            }
            TierRequest::BatchLanded(landed, done) => {
                self.turn(at, effects, |this, now, fx| this.tier.land_batch(*landed, now, fx));
                effects.done.extend(done);
            }
            TierRequest::Overdue { id, incarnation } => {
                // Before it is seen who waits: a caller that goes away later tells.
                at.tier.has_overdue.store(true, Ordering::SeqCst);
                self.turn(at, effects, |this, now, fx| this.tier.note_overdue(id, incarnation, now, fx));
            }
            TierRequest::CallerLeft => {
                at.tier.told_left.store(false, Ordering::SeqCst);
                self.turn(at, effects, |this, now, fx| this.tier.give_up_abandoned(now, fx));
            }
            TierRequest::PlaceFree => {
                self.turn(at, effects, |this, _, fx| this.tier.start_loads(fx));
                effects.serves_callers = true;
            }
            request => self.carry_out_rare(at, request, effects),
        }
    }

    fn carry_out_rare(&mut self, at: TierContext<'_>, request: TierRequest, effects: &mut TierEffects) {
        match request {
            TierRequest::Invalidate { scope, how, dry_run, reply } => {
                let order = Order { scope, how, dry_run };
                self.turn(at, effects, |this, now, fx| this.tier.order(order, reply, now, fx));
            }
            TierRequest::OpenFence { id, scope, reply } => {
                self.answer(at, reply, effects, |tier, _, _| tier.open_fence(id, scope));
            }
            TierRequest::CloseFence { id, scope, end, reply } => {
                self.turn(at, effects, |this, now, fx| this.tier.close_fence(id, scope, end, reply, now, fx));
            }
            TierRequest::BeginWarm { reply } => self.begin_warm(at, reply, effects),
            TierRequest::StoreWarm { ticket, items, reply } => {
                self.answer(at, reply, effects, |tier, now, fx| {
                    Ok(items.into_iter().map(|item| tier.store_warm(ticket, item, now, fx)).collect())
                });
            }
            TierRequest::EndWarm { ticket } => {
                self.turn(at, effects, |this, _, _| this.tier.end_warm(ticket));
            }
            TierRequest::Grant { bytes, order } => self.grant(at, bytes, order, effects),
            TierRequest::NoRoom => self.ask_for_room(at, effects),
            TierRequest::Enable { enabled, reply } => self.enable(at, enabled, reply, effects),
            TierRequest::Revive { reply } => revive(at, reply, effects),
            TierRequest::GiveUp => self.give_up(at, effects),
            TierRequest::Sweep => self.sweeping = true,
            TierRequest::Drain { reply } => self.draining.push(reply),
            TierRequest::Written { reply } => self.written.push((self.tier.seq(), reply)),
            #[cfg(feature = "fault-injection")]
            TierRequest::Break => {
                self.turn(at, effects, |_, _, _| panic!("asked to break"));
            }
            _ => unreachable!("carried out before"),
        }
    }

    /// Runs one turn and answers with what it came to. The reply stays outside the turn: when that panics, it
    /// is dropped after the lock, and answers.
    fn answer<R: Send + 'static>(
        &mut self,
        at: TierContext<'_>,
        reply: Reply<R>,
        effects: &mut TierEffects,
        work: impl FnOnce(&mut State, Moment, &mut Fx) -> Result<R>,
    ) {
        let result = self.turn(at, effects, |this, now, fx| work(&mut this.tier, now, fx));
        effects.answer(reply, result.unwrap_or_else(|| Err(at.restarting())));
    }

    fn begin_warm(&mut self, at: TierContext<'_>, reply: Reply<Ticket>, effects: &mut TierEffects) {
        let Some(ticket) = self.turn(at, effects, |this, _, _| this.tier.begin_warm()) else {
            return effects.answer(reply, Err(at.restarting()));
        };
        let (wiring, id) = (Arc::clone(at.wiring), at.tier.id);
        effects.answers.push(Box::new(move || {
            if !reply.deliver(Ok(ticket)) {
                // The run is gone, so nobody else will ever end it.
                wiring.deliver(id, TierRequest::EndWarm { ticket });
            }
        }));
    }

    /// A tier that broke too often holds nothing: invalidations are true of it, all else goes past it.
    pub(super) fn carry_out_failed(
        &mut self,
        at: TierContext<'_>,
        Envelope { request, permit }: Envelope,
        effects: &mut TierEffects,
    ) {
        let failed = at.tier.failed_error();
        match request {
            TierRequest::Revive { reply } => revive(at, reply, effects),
            TierRequest::Enable { enabled, reply } => self.enable(at, enabled, reply, effects),
            TierRequest::Explain { key, route, reply } => {
                let explanation = self.explain(at, key, route);
                effects.answer(reply, Ok(explanation));
            }
            TierRequest::Remove { reply, .. } | TierRequest::Invalidate { reply, .. } => {
                effects.taken.push((reply, Taken::default()));
            }
            TierRequest::RemoveMany(Bulk { left, mut done, reply }) => {
                // It holds nothing, so that is true.
                done.extend(left.map(|_| Taken::default()));
                effects.answer(reply, Ok(done));
            }
            // It may be revived while the fence is open, and must not store what is loaded then.
            fence @ (TierRequest::OpenFence { .. } | TierRequest::CloseFence { .. }) => {
                self.carry_out_rare(at, fence, effects);
            }
            TierRequest::Drain { reply } | TierRequest::Written { reply } => effects.answer(reply, Ok(())),
            TierRequest::Grant { bytes, order } => self.grant(at, bytes, order, effects),
            TierRequest::Get { reply, .. } => effects.answer(reply, Err(failed)),
            TierRequest::Contains { reply, .. } => effects.answer(reply, Err(failed)),
            TierRequest::Set { reply, .. } => effects.answer(reply, Err(failed)),
            TierRequest::SetMany(Bulk { reply, .. }) => effects.answer(reply, Err(failed)),
            TierRequest::BeginWarm { reply } => effects.answer(reply, Err(failed)),
            TierRequest::StoreWarm { reply, .. } => effects.answer(reply, Err(failed)),
            TierRequest::Load(request) => {
                effects.aside.push(Box::new(move || request.refuse(&failed)));
            }
            TierRequest::LoadMany(request) => {
                effects.aside.push(Box::new(move || request.refuse(&failed)));
            }
            // Its loads were forgotten when it broke; places are for callers now.
            TierRequest::PlaceFree => effects.serves_callers = true,
            TierRequest::Landed { outcome, done, .. } => {
                effects.aside.push(Box::new(move || drop(outcome)));
                effects.done.extend(done);
            }
            TierRequest::BatchLanded(landed, done) => {
                effects.aside.push(Box::new(move || drop(landed)));
                effects.done.extend(done);
            }
            TierRequest::CallerLeft => at.tier.told_left.store(false, Ordering::SeqCst),
            TierRequest::GiveUp => self.give_up(at, effects),
            TierRequest::EndWarm { .. }
            | TierRequest::Overdue { .. }
            | TierRequest::NoRoom
            | TierRequest::Sweep => {}
            #[cfg(feature = "fault-injection")]
            TierRequest::Break => {}
        }
        effects.give_back(permit);
    }

    /// What the tier may hold from now on. It is acknowledged when that holds, which may take turns.
    fn grant(&mut self, at: TierContext<'_>, bytes: u64, order: u64, effects: &mut TierEffects) {
        let counted = at.wiring.budget.lock().grant(at.tier.id.index());
        // More than is counted for this tier would be missing elsewhere. Nobody tells that; if somebody did,
        // it is not taken.
        debug_assert!(bytes <= counted, "told {bytes} bytes, {counted} are counted");
        if bytes > counted {
            effects.over_grant = Some((bytes, counted));
        }
        self.turn(at, effects, |this, now, fx| this.take_grant(bytes.min(counted), order, now, fx));
    }

    /// Switched off it gives up all that it holds, as a clear does, and keeps nothing that comes later.
    fn enable(&mut self, at: TierContext<'_>, enabled: bool, reply: Reply<Taken>, effects: &mut TierEffects) {
        self.turn(at, effects, |this, now, fx| {
            this.tier.set_enabled(enabled);
            let order = Order { scope: Scope::All, how: How::Remove, dry_run: enabled };
            this.tier.order(order, reply, now, fx);
        });
    }
}

fn revive(at: TierContext<'_>, reply: Reply<bool>, effects: &mut TierEffects) {
    let was_failed = at.tier.revive();
    at.tier.view.open();
    effects.answer(reply, Ok(was_failed));
}
