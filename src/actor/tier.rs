//! The tier actor: what of a tier needs a thread of the cache.
//!
//! Owns: the sweep timer, and the slices of long work and of a mailbox that was handed over. Never: holds any
//! state of the tier. That is in the mailbox, where most turns run on the threads of their senders; so the
//! death of this actor loses nothing.

pub(super) mod effects;
mod requests;
pub(super) mod worker;

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};

use super::request::{TierRequest, ToTier};
use super::root::{DeathWatch, Who};
use super::wiring::Wiring;
use crate::engine::route::TierId;
use crate::env::{has_runtime, spawn_local, yield_now};

pub(crate) use effects::TierEffects;
pub(crate) use worker::{Parts, TierContext, TierWorker};

/// See the module.
#[derive(Debug)]
pub struct TierActor {
    id: TierId,
    wiring: Arc<Wiring>,
    /// A [`ToTier::GoOn`] is on its way.
    going_on: bool,
    _watch: DeathWatch,
}

impl TierActor {
    /// The actor of tier `id`.
    pub fn new(wiring: &Arc<Wiring>, id: TierId) -> Self {
        let watch = DeathWatch::new(wiring, Who::Tier(id));
        Self { id, wiring: Arc::clone(wiring), going_on: false, _watch: watch }
    }

    /// Takes a slice of what there is to do, and sees to it that the rest follows after everything else on
    /// this thread had its turn.
    fn slice(&mut self) {
        if !self.wiring.work_as_actor(self.id) {
            return;
        }
        self.going_on = true;
        let (wiring, id) = (Arc::clone(&self.wiring), self.id);
        // Not a message to itself: the mailbox loop does not yield while mail arrives, and others would wait.
        spawn_local(async move {
            yield_now().await;
            wiring.tier(id).tell(ToTier::GoOn);
        });
    }

    /// Arms the next sweep. Re-armed from the clock each time: a stall costs one late sweep, not a burst of
    /// them.
    fn arm_sweep(&self, ctx: &mut Context<Self>) {
        if !has_runtime() {
            return;
        }
        // A quarter of the interval: an entry that is due right behind a sweep is gone within the interval
        // all the same.
        let pause = (self.wiring.plan.cleanup_interval / 4).max(Duration::from_millis(250));
        ctx.run_later(pause, |this, ctx| {
            this.wiring.env.observe_suspend();
            this.wiring.deliver(this.id, TierRequest::Sweep);
            this.arm_sweep(ctx);
        });
    }
}

impl Actor for TierActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wiring.connect_tier(self.id, ctx.address().recipient());
        self.arm_sweep(ctx);
        // A forerunner may have died with a wake-up in its mailbox.
        self.slice();
    }
}

impl Handler<ToTier> for TierActor {
    type Result = ();

    fn handle(&mut self, message: ToTier, ctx: &mut Self::Context) {
        match message {
            // The next slice is under way already, and comes after all others had their turn.
            ToTier::Wake if self.going_on => {}
            ToTier::Wake => self.slice(),
            ToTier::GoOn => {
                self.going_on = false;
                self.slice();
            }
            ToTier::NoRoom => drop(self.wiring.deliver(self.id, TierRequest::NoRoom)),
            #[cfg(feature = "fault-injection")]
            ToTier::Die => panic!("asked to die"),
            ToTier::End => ctx.stop(),
        }
    }
}
