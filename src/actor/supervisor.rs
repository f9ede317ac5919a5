//! The supervisor: carries out what concerns the whole cache, and holds the one budget.
//!
//! Owns: the order of changes of settings, and who is granted how much. Never: awaits anything, sees a value,
//! touches a store. Requests for tiers go to their mailboxes without passing through here.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, ActorContext, AsyncContext, Context, Handler};

use super::budgeting::{self, Awaited};
use super::dispatch::{Pending, Request};
use super::reply::Reply;
use super::request::{ChangeRequest, ControlRequest, TierRequest, ToSupervisor, ToWarmer};
use super::root::{DeathWatch, Who};
use super::tier_shared::TierShared;
use super::wiring::{Wiring, tell};
use crate::engine::budget::Told;
use crate::env::{Stopwatch, has_runtime, spawn_local};
use crate::error::Result;
use crate::message::{Change, InfoSnapshot, ReviveTier, TierInfo};

/// Changes settings, grants bytes, and takes messages of hosts on a bare address.
#[derive(Debug)]
pub struct Supervisor {
    wiring: Arc<Wiring>,
    /// Who waits for a budget to hold.
    awaited: Awaited,
    /// Another supervisor died, perhaps with what tiers told it.
    has_forerunner: bool,
    _watch: DeathWatch,
}

impl Supervisor {
    /// The supervisor of `wiring`; it takes its place there when it starts.
    pub fn new(wiring: &Arc<Wiring>) -> Self {
        Self {
            wiring: Arc::clone(wiring),
            awaited: Awaited::default(),
            has_forerunner: wiring.address.read().is_some(),
            _watch: DeathWatch::new(wiring, Who::Supervisor),
        }
    }

    fn tell_tier(&self, tier: usize, request: TierRequest) {
        self.wiring.deliver(self.wiring.tiers[tier].id, request);
    }

    fn control(&mut self, request: ControlRequest) {
        match request {
            ControlRequest::Warm(request) => tell(&self.wiring.warmer, request),
            ControlRequest::Stats(request) => tell(&self.wiring.stats, request),
            ControlRequest::Info(_, reply) => reply.answer(Ok(info(&self.wiring))),
            ControlRequest::Change(request) => self.change(request),
            ControlRequest::Revive(ReviveTier { tier, .. }, reply) => match self.wiring.routes.tier(&tier) {
                Ok(id) => self.tell_tier(id.index(), TierRequest::Revive { reply }),
                Err(error) => reply.answer(Err(error)),
            },
            #[cfg(feature = "fault-injection")]
            ControlRequest::Die => panic!("asked to die"),
        }
    }

    fn change(&mut self, ChangeRequest { changes, tiers, reply }: ChangeRequest) {
        let (was, told) = match self.wiring.change(&changes) {
            Ok(changed) => changed,
            Err(error) => return reply.answer(Err(error)),
        };
        if tiers.len() == self.wiring.tiers.len() {
            let enabled = self.wiring.is_enabled();
            if !enabled {
                tell(&self.wiring.warmer, ToWarmer::Cleared); // what was warmed for users goes
            }
            for (tier, reply) in tiers.into_iter().enumerate() {
                self.tell_tier(tier, TierRequest::Enable { enabled, reply });
            }
        }
        let budget = changes.iter().find_map(|change| match change {
            Change::MaxSize(bytes) => Some(*bytes),
            _ => None,
        });
        match budget {
            Some(bytes) => {
                self.awaited.add(bytes, was, reply);
                self.carry_out(told);
            }
            None => reply.answer(Ok(was)),
        }
    }

    /// Tells tiers their grants, and who waits for a budget that it holds.
    fn carry_out(&mut self, told: Vec<Told>) {
        for Told { tier, bytes, order } in told {
            self.tell_tier(tier, TierRequest::Grant { bytes, order });
        }
        let granted = budgeting::inspected(&self.wiring);
        self.awaited.answer(granted);
    }

    /// Armed anew after each look: what a stall made it miss is left out. `soon`: much is read.
    fn arm_look(&self, ctx: &mut Context<Self>, soon: bool) {
        if !has_runtime() {
            return;
        }
        let interval = self.wiring.plan.stats_interval;
        let pause = if soon { interval.min(budgeting::SOON) } else { interval };
        ctx.run_later(pause, move |this, ctx| {
            let (wiring, this) = (Arc::clone(&this.wiring), ctx.address());
            spawn_local(async move {
                let soon = budgeting::look(&wiring, pause <= budgeting::SOON).await;
                // To this life of it: another has a timer of its own.
                this.do_send(ToSupervisor::Looked { soon });
            });
        });
    }
}

/// Settings in force, and the status of every tier.
pub(crate) fn info(wiring: &Wiring) -> InfoSnapshot {
    let plan = &wiring.plan;
    let budget = wiring.budget.lock();
    let tier = |(index, tier): (usize, &TierShared)| {
        let of_tier =
            plan.prefixes.iter().zip(&wiring.prefix_terms).filter(|(prefix, _)| prefix.tier == index);
        TierInfo {
            name: Arc::clone(&tier.name),
            description: Arc::clone(&plan.tiers[index].description),
            ttl: tier.terms.ttl(),
            stale: tier.terms.planned().stale,
            soft_timeout: tier.terms.planned().soft_timeout,
            prefixes: of_tier
                .map(|(prefix, terms)| (Arc::clone(&prefix.prefix), terms.is_own().then(|| terms.ttl())))
                .collect(),
            state: tier.state(),
            entries: tier.counters.entries.load(Relaxed),
            bytes: tier.bytes(),
            grant: budget.grant(index),
            worth: tier.counters.worth.load(Relaxed),
            floor: budget.floor(),
            loads: (tier.counters.loads_now.0.load(Relaxed), tier.counters.loads_now.1.load(Relaxed)),
            queued: tier.permits.taken(),
            restarts: tier.counters.restarts.get(),
        }
    };
    InfoSnapshot {
        enabled: wiring.is_enabled(),
        ready: *wiring.ready.borrow(),
        uptime: wiring.env.now().since(wiring.began),
        budget: budget.total(),
        moving_budget: plan.moving_budget,
        max_entry: plan.max_entry,
        cleanup_interval: plan.cleanup_interval,
        warm_interval: plan.warm_interval,
        admin: wiring.admin.get().and_then(|admin| admin.clone().ok()),
        admin_error: wiring.admin.get().and_then(|admin| admin.clone().err()),
        default_tier: plan.default_tier.map(|index| Arc::clone(&wiring.tiers[index].name)),
        tiers: wiring.tiers.iter().enumerate().map(tier).collect(),
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wiring.connect_supervisor(ctx.address().recipient());
        *self.wiring.address.write() = Some(ctx.address());
        if self.has_forerunner {
            // Each tier is told its grant again, and asks or acknowledges again.
            for tier in 0..self.wiring.tiers.len() {
                let Told { bytes, order, .. } = self.wiring.budget.lock().told(tier);
                self.tell_tier(tier, TierRequest::Grant { bytes, order });
            }
        }
        // A forerunner may have died with the wake-up in its mailbox.
        ctx.notify(ToSupervisor::Wake);
        // Soon: with the host much may begin to be read.
        self.arm_look(ctx, true);
    }
}

impl Handler<ToSupervisor> for Supervisor {
    type Result = ();

    fn handle(&mut self, message: ToSupervisor, ctx: &mut Self::Context) {
        let began = Stopwatch::start();
        match message {
            ToSupervisor::Wake => {
                while let Some(request) = self.wiring.control_queue.pop() {
                    self.control(request);
                }
            }
            ToSupervisor::NearGrant { tier } => {
                let used: Vec<u64> = self.wiring.tiers.iter().map(TierShared::bytes).collect();
                let next = self.wiring.budget.lock().ask(tier, &used);
                self.carry_out(next);
            }
            ToSupervisor::Holds { tier, order } => {
                let next = self.wiring.budget.lock().acknowledged(tier, order);
                self.carry_out(next);
            }
            ToSupervisor::Looked { soon } => {
                let told = budgeting::plan(&self.wiring);
                self.carry_out(told);
                self.arm_look(ctx, soon);
            }
            ToSupervisor::End => ctx.stop(),
        }
        self.wiring.supervisor_turns.record(began.elapsed());
    }
}

/// Public messages on the bare address take the same way as all others: through the mailboxes. Until the
/// supervisor's turn comes they lie in an actix mailbox, though, which has no bound and skips what its sender
/// no longer waits for.
impl<M> Handler<M> for Supervisor
where
    M: Request,
    M::Reply: Unpin,
{
    type Result = Posted<M::Reply>;

    fn handle(&mut self, message: M, _: &mut Self::Context) -> Self::Result {
        Posted(message.post(&self.wiring))
    }
}

/// An answer that is under way, delivered to the actix sender once it is there.
#[derive(Debug)]
pub struct Posted<R>(Pending<R>);

impl<M> MessageResponse<Supervisor, M> for Posted<M::Reply>
where
    M: Request,
    M::Reply: Unpin,
{
    fn handle(self, _: &mut Context<Supervisor>, slot: Option<OneshotSender<Result<M::Reply>>>) {
        let slot = Reply::from_slot(slot, "control".into());
        spawn_local(async move { slot.answer(self.0.await) });
    }
}
