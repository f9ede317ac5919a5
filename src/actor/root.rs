//! The root task: owns how each actor is made, and makes it anew when it died.
//!
//! Owns: the factories, and the way to the end. Never: handles data. actix's own `Supervisor` restarts nothing that
//! panicked; a drop guard in every actor reports its death here instead.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::Actor;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::request::TierRequest;
use super::stats::StatsActor;
use super::supervisor::Supervisor;
use super::tier::TierActor;
use super::tier_shared::TierShared;
use super::warmer::Warmer;
use super::wiring::{Phase, Wiring};
use crate::engine::counters::Count;
use crate::engine::route::TierId;
use crate::message::TierState;
use crate::telemetry::{self, spans};

/// How long the end may take.
pub(crate) const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// An actor of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The supervisor.
    Supervisor,
    /// A tier.
    Tier(TierId),
    /// The warmer.
    Warmer,
    /// The stats actor.
    Stats,
}

impl Who {
    /// The word for it, which metrics and spans share.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Tier(_) => "tier",
            Self::Warmer => "warmer",
            Self::Stats => "stats",
        }
    }
}

/// What the root task waits for.
#[derive(Debug, Default)]
pub(crate) struct Root {
    dead: Mutex<Vec<Who>>,
    changed: Notify,
    /// Of the actors that are no tiers; a tier counts its own, with those that its guard caught.
    restarts: [Count; 3],
}

impl Root {
    /// Reports a death.
    pub(crate) fn died(&self, who: Who) {
        self.dead.lock().push(who);
        self.changed.notify_one();
    }

    /// Has the root look at the phase again.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    /// How often each actor that is no tier was started again, with its name.
    #[cfg(feature = "admin-http")]
    pub(crate) fn restarts(&self) -> [(&'static str, u64); 3] {
        let [supervisor, warmer, stats] = self.restarts.each_ref().map(Count::get);
        [(Who::Supervisor, supervisor), (Who::Warmer, warmer), (Who::Stats, stats)]
            .map(|(who, count)| (who.as_str(), count))
    }

    /// Deaths reported and not yet seen to: for tests that stand in for the root.
    pub(crate) fn take_dead(&self) -> Vec<Who> {
        std::mem::take(&mut *self.dead.lock())
    }
}

impl Wiring {
    /// Actors that died and were not started again since the last call: for tests that stand in for the root task.
    pub fn deaths(&self) -> Vec<Who> {
        self.root.take_dead()
    }

    /// Clears up behind a dead actor, before another takes its place: for tests that stand in for the root task.
    pub fn bury(self: &Arc<Self>, who: Who) {
        let [supervisor, warmer, stats] = &self.root.restarts;
        match who {
            Who::Supervisor => supervisor.one(),
            Who::Warmer => warmer.one(),
            Who::Stats => stats.one(),
            Who::Tier(id) => self.bury_tier(self.tier(id)),
        }
    }

    fn bury_tier(self: &Arc<Self>, tier: &TierShared) {
        // The state is in the mailbox, and goes on without the actor. One that dies again and again is not trusted any more.
        if tier.crashed(self.env.now()) {
            self.deliver(tier.id, TierRequest::GiveUp);
        } else {
            tier.counters.restarts.one();
            self.events.restarted(&tier.name, 0);
        }
    }
}

/// A field of every actor: reports its death when it is dropped.
#[derive(Debug)]
pub(crate) struct DeathWatch {
    wiring: Weak<Wiring>,
    who: Who,
}

impl DeathWatch {
    pub(crate) fn new(wiring: &Arc<Wiring>, who: Who) -> Self {
        Self { wiring: Arc::downgrade(wiring), who }
    }
}

impl Drop for DeathWatch {
    fn drop(&mut self) {
        if let Some(wiring) = self.wiring.upgrade()
            && wiring.phase() != Phase::Closed
        {
            if let Who::Tier(id) = self.who {
                wiring.tier(id).mailbox.end_hand_over();
            }
            wiring.root.died(self.who);
        }
    }
}

/// Starts all actors on this thread.
pub(crate) fn start_all(wiring: &Arc<Wiring>) {
    for tier in &wiring.tiers {
        start(wiring, Who::Tier(tier.id));
    }
    // The supervisor last. Order that bites otherwise:
    //   1 the host sends a command before the actors had a turn   2 the supervisor takes its place and moves it on
    //   3 there is no warmer in its place yet, and the command is lost
    for who in [Who::Stats, Who::Warmer, Who::Supervisor] {
        start(wiring, who);
    }
}

/// Starts one actor on this thread; it takes its place in the wiring itself.
fn start(wiring: &Arc<Wiring>, who: Who) {
    match who {
        // At once, for a host that asks for the address before the supervisor had its first turn.
        Who::Supervisor => {
            let address = Supervisor::new(wiring).start();
            *wiring.address.write() = Some(address);
        }
        Who::Tier(id) => drop(TierActor::new(wiring, id).start()),
        Who::Warmer => drop(Warmer::new(wiring).start()),
        Who::Stats => drop(StatsActor::new(wiring).start()),
    }
}

/// Runs until the cache has ended.
pub(crate) fn run(wiring: Arc<Wiring>) -> impl Future<Output = ()> {
    // Made before the first poll: a runtime may go first and drop this task, polled or not. Without an end the calls of
    // a handle that is left would wait for ever.
    let end = End(wiring);
    async move {
        let wiring = &end.0;
        loop {
            wiring.root.changed.notified().await;
            for who in wiring.root.take_dead() {
                restart(wiring, who);
            }
            if wiring.phase() == Phase::Closing {
                break;
            }
        }
        super::shutdown::drain(wiring).await;
    }
}

/// Closes the cache when it is dropped.
struct End(Arc<Wiring>);

impl Drop for End {
    fn drop(&mut self) {
        let Self(wiring) = self;
        wiring.enter(Phase::Closed);
        wiring.disconnect();
        for tier in &wiring.tiers {
            tier.view.close();
            drop(tier.view.take_all());
        }
        wiring.events.end();
        wiring.closed.send_replace(true);
    }
}

fn restart(wiring: &Arc<Wiring>, who: Who) {
    let tier = match who {
        Who::Tier(id) => Some(wiring.tier(id)),
        _ => None,
    };
    let span = spans::restart(who.as_str(), tier.map(|tier| &*tier.name), "death").entered();
    telemetry::actor_died(&who);
    wiring.bury(who);
    start(wiring, who);
    spans::restarted(&span, 0, tier.is_some_and(|tier| tier.state() == TierState::Failed));
}
