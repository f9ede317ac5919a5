//! The tier actor: carries messages to one tier's state, and carries out what they leave to be done.
//!
//! Owns: the turn (one message at a time, behind a guard), the sweep timer, and what happens when a turn breaks.
//! Never: decides what a message does (`engine::tier` does), awaits anything, runs or drops what belongs to the host
//! within a turn.

mod queue;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};

use super::batch_run;
use super::guard::{drop_guarded, guarded};
use super::load::{self, Waiter};
use super::place::LoadPlace;
use super::reply::Reply;
use super::request::{ToSupervisor, ToTier};
use super::root::{DeathWatch, Who};
use super::tier_shared::TierShared;
use super::wiring::{Wiring, tell};
use crate::codec::native;
use crate::engine::budget::Told;
use crate::engine::flight::RunId;
use crate::engine::moment::Moment;
use crate::engine::places::Places;
use crate::engine::route::TierId;
use crate::engine::slice::{CHANGES, DROPS};
use crate::engine::store::{Gone, Remains};
use crate::engine::tag::Tag;
use crate::engine::tier::{Effects, Taken, Tier};
use crate::env::{Stopwatch, has_runtime, spawn_local, yield_now};
use crate::loader::LoadCell;
use crate::message::TierState;
use crate::telemetry::{self, spans};

use queue::Queue;

type Fx = Effects<Waiter, Reply<Taken>>;

/// A tier asks for more when less than this part of its grant is left.
const NEAR: u64 = 4;
/// Kinds of long work.
const KINDS: usize = 5;
/// Pause before it asks again when it was given nothing.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// One tier: the only writer of its store.
#[derive(Debug)]
pub struct TierActor {
    /// First, for fields are dropped in order: a tier that takes the place of this one may wait for places again.
    _ends_waiting: EndsWaiting,
    /// When the actor dies, nobody reads on while the rest is dropped.
    _watch: DeathWatch,
    id: TierId,
    wiring: Arc<Wiring>,
    tier: Tier<Waiter, Reply<Taken>>,
    /// What it was asked and has not done yet.
    queue: Queue,
    /// What the next turn puts what it takes out into, so that it need not allocate.
    spare: Vec<Gone>,
    /// Stores that were cleared and are being dropped in slices.
    remains: Vec<Remains>,
    /// Runs under way, and where each is told to stop.
    running: HashMap<RunId, Arc<LoadCell>>,
    draining: Vec<Reply<()>>,
    /// Who waits for all that came before, with the number at which it asked.
    written: Vec<(u64, Reply<()>)>,
    /// Which kind of long work has the next slice.
    rota: usize,
    /// Expired entries are being taken out in slices.
    sweeping: bool,
    /// A [`ToTier::GoOn`] is on its way.
    going_on: bool,
    /// The number of a grant that is to be acknowledged once it holds.
    owed: Option<u64>,
    /// The supervisor was told that there is little room: at which grant, and when.
    asked_at: Option<(u64, Moment)>,
}

/// When an actor ends, callers are given the places that it was told of.
#[derive(Debug)]
struct EndsWaiting(Arc<Places>);

impl Drop for EndsWaiting {
    fn drop(&mut self) {
        self.0.end_tier();
    }
}

impl TierActor {
    /// The actor of tier `id`, empty, in a new life; readers are let in when it starts.
    ///
    /// # Panics
    /// When `wiring` has no such tier.
    pub fn new(wiring: &Arc<Wiring>, id: TierId) -> Self {
        let shared = wiring.tier(id);
        let Told { bytes: grant, order, .. } = wiring.budget.lock().told(id.index());
        let (view, counters) = (Arc::clone(&shared.view), Arc::clone(&shared.counters));
        let mut tier = Tier::new(wiring.rules(id), view, counters, grant, wiring.env.now());
        let plan = &wiring.plan.tiers[id.index()];
        tier.evict_by(plan.choice());
        tier.live_as(shared.incarnation.load(Ordering::Relaxed));
        tier.share_places(Arc::clone(&shared.places));
        shared.told_left.store(false, Ordering::SeqCst);
        Self {
            id,
            wiring: Arc::clone(wiring),
            tier,
            queue: Queue::default(),
            spare: Vec::new(),
            remains: Vec::new(),
            running: HashMap::new(),
            draining: Vec::new(),
            written: Vec::new(),
            rota: 0,
            sweeping: false,
            going_on: false,
            // A forerunner may have died with an order to hold less in its mailbox, and somebody waits for those bytes.
            owed: Some(order),
            asked_at: None,
            _ends_waiting: EndsWaiting(Arc::clone(&shared.places)),
            _watch: DeathWatch::new(wiring, Who::Tier(id)),
        }
    }

    fn shared(&self) -> &TierShared {
        self.wiring.tier(self.id)
    }

    fn now(&self) -> Moment {
        self.wiring.env.now()
    }

    /// Runs one turn behind the guard, then does what it left to be done.
    fn turn<R>(&mut self, work: impl FnOnce(&mut Self, Moment, &mut Fx) -> R) -> Option<R> {
        let now = self.now();
        let mut fx = Fx { gone: std::mem::take(&mut self.spare), ..Fx::default() };
        self.tier.tick(now, self.wiring.events.is_watched());
        let (done, aside) = native::put_aside(|| guarded(|| work(self, now, &mut fx)));
        let result = match done {
            Ok(result) => Some(result),
            Err(words) => {
                // Nobody starts these, so their places are free.
                let starts = fx.starts.len() + fx.batches.len();
                (0..starts).for_each(|_| drop(LoadPlace::held(&self.wiring, self.id)));
                fx.starts.clear();
                fx.batches.clear();
                self.broke(&words, now, &mut fx);
                None
            }
        };
        self.settle(fx);
        drop(aside);
        result
    }

    /// A turn panicked: what it left half changed is not used again.
    fn broke(&mut self, words: &str, now: Moment, fx: &mut Fx) {
        // First of all nobody reads any more what may be half changed.
        let shared = self.wiring.tier(self.id);
        shared.view.close();
        let tables = shared.view.take_all();
        let mut wreck = self.tier.reset(Arc::clone(&shared.view), now);
        self.running.clear();
        let lost = guarded(|| wreck.store().len()).unwrap_or_default();
        shared.incarnation.store(self.tier.incarnation(), Ordering::Relaxed);
        let failed = shared.crashed(now);
        let span = spans::restart("tier", Some(&shared.name), "panic").entered();
        spans::restarted(&span, lost, failed);
        telemetry::tier_broke(&shared.name, words, failed);
        // Who waited is answered: replies and waiters answer when they are dropped. All of it may be half changed, so
        // it is dropped behind the guard.
        fx.taken.extend(guarded(|| wreck.drain().1).unwrap_or_default());
        drop_guarded((wreck, tables));
        self.wiring.events.restarted(&self.shared().name, lost);
        self.sweeping = false;
        if !failed {
            self.wiring.tier(self.id).view.open();
        }
    }

    /// Does what a turn left to be done: answers, starts of loads, drops.
    fn settle(&mut self, fx: Fx) {
        let Effects { answers, starts, batches, taken, mut gone, happened, remains, too_many_tags } = fx;
        if too_many_tags > 0
            && let Some(left_out) = self.shared().warn_tags.pass(self.now())
        {
            let (limit, left_out) = (Tag::PER_ENTRY_MAX, left_out + too_many_tags - 1);
            telemetry::too_many_tags(&self.shared().name, limit, left_out);
        }
        self.tier.publish();
        let incarnation = self.tier.incarnation();
        for id in starts {
            let place = LoadPlace::held(&self.wiring, self.id);
            if let Some((key, limit, waiter)) = self.tier.leader(id) {
                self.running.insert(id, Arc::clone(waiter.cell()));
                load::start(&self.wiring, place, (id, incarnation), &key, limit, waiter);
            }
        }
        for started in batches {
            batch_run::start(&self.wiring, self.id, started, &mut self.tier);
        }
        self.acknowledge();
        self.ask_for_room();
        for (waiter, answer) in answers {
            waiter.answer(answer);
        }
        for id in self.tier.take_stopped() {
            if let Some(cell) = self.running.get(&id) {
                cell.stop();
            }
        }
        self.shared().has_overdue.store(self.tier.has_overdue(), Ordering::SeqCst);
        for (reply, taken) in taken {
            reply.answer(Ok(taken));
        }
        self.remains.extend(remains);
        self.wiring.events.turned(&self.shared().name, self.tier.seq(), self.tier.now(), &gone, happened);
        self.queue.spend(gone.len());
        let _ = guarded(|| self.queue.drop_left(&mut gone));
        drop_guarded(self.tier.take_husks());
        if gone.capacity() <= CHANGES {
            self.spare = gone;
        }
    }

    /// Tells the supervisor, once, that the grant holds which it told last.
    fn acknowledge(&mut self) {
        let (used, grant) = (self.tier.store().used(), self.tier.store().grant());
        if !self.tier.store().holds() {
            return;
        }
        debug_assert!(used <= grant, "{used} bytes in use of {grant}");
        if used > grant {
            telemetry::over_its_grant(&self.shared().name, used, grant);
        }
        if let Some(order) = self.owed.take() {
            tell(&self.wiring.supervisor, ToSupervisor::Holds { tier: self.id.index(), order });
        }
    }

    /// Asks for more when little of the grant is left: once for each grant, and again after a pause. Order that bites
    /// when it is asked only once:
    ///   1 it asks, nobody has bytes to spare   2 another tier is cleared   3 this one evicts for ever beside unused bytes
    /// and the same when the asking, or the answer, dies with the supervisor.
    fn ask_for_room(&mut self) {
        let (used, grant) = (self.tier.store().used(), self.tier.store().grant());
        let near =
            grant - used.min(grant) < (grant / NEAR).max(2 * self.wiring.plan.max_entry).min(grant / 2);
        if !near {
            return;
        }
        let now = self.now();
        if self.asked_at.is_none_or(|(at, when)| at != grant || now.since(when) >= ASK_AGAIN) {
            self.asked_at = Some((grant, now));
            tell(&self.wiring.supervisor, ToSupervisor::NearGrant { tier: self.id.index() });
        }
    }

    fn has_more(&self) -> bool {
        self.sweeping
            || self.tier.is_walking()
            || !self.remains.is_empty()
            || self.shared().view.is_moving()
            || !self.queue.is_empty()
            || !self.tier.store().holds()
    }

    /// Sees to it that long work goes on, after everything else on this thread had its turn.
    fn go_on(&mut self) {
        for (_, reply) in self.written.extract_if(.., |(seq, _)| !self.tier.is_walking_since(*seq)) {
            reply.answer(Ok(()));
        }
        if !self.has_more() {
            for reply in self.draining.drain(..) {
                reply.answer(Ok(()));
            }
        } else if !self.going_on {
            self.going_on = true;
            let (wiring, id) = (Arc::clone(&self.wiring), self.id);
            // Not a message to itself: the mailbox loop does not yield while mail arrives, and others would wait.
            spawn_local(async move {
                yield_now().await;
                wiring.tier(id).tell(ToTier::GoOn);
            });
        }
    }

    /// Does a slice of one kind of long work, each kind in its turn, and a slice of what was asked meanwhile.
    fn slice(&mut self) {
        self.going_on = false;
        for _ in 0..KINDS {
            self.rota = (self.rota + 1) % KINDS;
            match self.rota {
                0 if self.tier.is_walking() => drop(self.turn(|this, _, fx| this.tier.go_on(fx))),
                1 if self.sweeping => {
                    self.turn(|this, now, fx| this.sweeping = !this.tier.expire(now, fx));
                }
                2 if !self.remains.is_empty() => self.drop_some(),
                3 if !self.tier.store().holds() => {
                    self.turn(|this, now, fx| this.tier.come_down(now, fx));
                }
                // Where writes end in the middle of a move, all reads would go on to look into both tables. Tables that were
                // left are given back here, too.
                4 if self.shared().view.is_moving() => {
                    self.turn(|this, _, _| this.shared().view.settle(CHANGES));
                }
                _ => continue,
            }
            break;
        }
        self.work();
    }

    fn drop_some(&mut self) {
        if let Some(mut remains) = self.remains.pop()
            && guarded(|| remains.drop_some(DROPS)).is_ok_and(|more| more)
        {
            self.remains.push(remains);
        }
    }

    /// Arms the next sweep. Re-armed from the clock each time: a stall costs one late sweep, not a burst of them.
    fn arm_sweep(&self, ctx: &mut Context<Self>) {
        if !has_runtime() {
            return;
        }
        // A quarter of the interval: an entry that is due right behind a sweep is gone within the interval all the same.
        let pause = (self.wiring.plan.cleanup_interval / 4).max(Duration::from_millis(250));
        ctx.run_later(pause, |this, ctx| {
            this.wiring.env.observe_suspend();
            this.sweeping = true;
            this.go_on();
            this.arm_sweep(ctx);
        });
    }
}

impl Actor for TierActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wiring.connect_tier(self.id, ctx.address().recipient());
        if self.shared().state() == TierState::Running {
            self.shared().view.open();
        }
        self.tier.publish();
        self.acknowledge();
        self.arm_sweep(ctx);
    }
}

impl Handler<ToTier> for TierActor {
    type Result = ();

    fn handle(&mut self, message: ToTier, ctx: &mut Self::Context) {
        // In full resolution: two readings cost a tenth of a microsecond for each message, however many requests it holds.
        let began = Stopwatch::start();
        match message {
            ToTier::Batch(batch) => self.accept(batch),
            ToTier::Landed { id, incarnation, outcome, took, done } => {
                if incarnation == self.tier.incarnation() {
                    self.running.remove(&id);
                }
                self.turn(|this, now, fx| this.tier.land(id, incarnation, *outcome, took, now, fx));
                drop(done);
            }
            ToTier::BatchLanded(landed, done) => {
                self.turn(|this, now, fx| this.tier.land_batch(*landed, now, fx));
                drop(done);
            }
            ToTier::Overdue { id, incarnation } => {
                // Before it is seen who waits: a caller that goes away later tells.
                self.shared().has_overdue.store(true, Ordering::SeqCst);
                self.turn(|this, now, fx| this.tier.note_overdue(id, incarnation, now, fx));
            }
            ToTier::Left => {
                self.shared().told_left.store(false, Ordering::SeqCst);
                self.turn(|this, now, fx| this.tier.give_up_abandoned(now, fx));
            }
            ToTier::PlaceFree => {
                self.turn(|this, _, fx| this.tier.start_loads(fx));
                self.shared().places.serve_callers();
            }
            ToTier::GoOn => self.slice(),
            ToTier::NoRoom => self.ask_for_room(),
            // Who still waits for a load is answered by the drop.
            ToTier::End => ctx.stop(),
        }
        self.go_on();
        self.shared().counters.turns.record(began.elapsed());
    }
}
