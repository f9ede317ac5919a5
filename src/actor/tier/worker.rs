//! The state of one tier, and the turns that change it: only the holder of the mailbox's lock runs one.
//!
//! Owns: the turn (one envelope at a time, behind a guard), the slices of long work, and what happens when a
//! turn breaks. Never: decides what an envelope does (`engine::tier` does), awaits anything, or runs, wakes
//! or drops what belongs to the host.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::effects::{Broke, TierEffects};
use crate::actor::batch_run;
use crate::actor::guard::guarded;
use crate::actor::load::{self, Waiter};
use crate::actor::mailbox::{Room, Worker};
use crate::actor::place::LoadPlace;
use crate::actor::reply::Reply;
use crate::actor::request::{Envelope, ToSupervisor, ToTier};
use crate::actor::tier_shared::TierShared;
use crate::actor::wiring::Wiring;
use crate::aside;
use crate::engine::budget::Told;
use crate::engine::flight::RunId;
use crate::engine::moment::Moment;
use crate::engine::places::Places;
use crate::engine::policy::Choice;
use crate::engine::seeded::{self, Bug};
use crate::engine::slice::CHANGES;
use crate::engine::tier::{Effects, Rules, Taken, Tier};
use crate::engine::view::View;
use crate::env::Stopwatch;
use crate::loader::LoadCell;
use crate::message::TierState;

pub(super) type State = Tier<Waiter, Reply<Taken>>;
pub(super) type Fx = Effects<Waiter, Reply<Taken>>;

/// A tier asks for more when less than this part of its grant is left.
const NEAR: u64 = 4;
/// Kinds of long work.
const KINDS: usize = 4;
/// Pause before it asks again when it was given nothing.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Of so many turns one is timed: two readings of a precise clock cost as much as a small turn.
const TIMED: u64 = 16;

/// A tier of a cache: what a turn needs besides the tier's state.
#[derive(Clone, Copy)]
pub(crate) struct TierContext<'c> {
    pub(crate) wiring: &'c Arc<Wiring>,
    pub(crate) tier: &'c TierShared,
}

impl TierContext<'_> {
    pub(super) fn now(self) -> Moment {
        self.wiring.env.now()
    }
}

/// The state of one tier.
#[derive(Debug)]
pub(crate) struct TierWorker {
    pub(super) tier: State,
    /// Runs under way, and where each is told to stop.
    running: HashMap<RunId, Arc<LoadCell>>,
    pub(super) draining: Vec<Reply<()>>,
    /// Who waits for all that came before, with the number at which it asked.
    pub(super) written: Vec<(u64, Reply<()>)>,
    /// Which kind of long work has the next slice.
    rota: usize,
    /// Expired entries are being taken out in slices.
    pub(super) sweeping: bool,
    /// The actor knows that there is work for it.
    actor_knows: bool,
    /// The number of a grant that is to be acknowledged once it holds.
    owed: Option<u64>,
    /// The number of the last grant.
    order: u64,
    /// The supervisor was told that there is little room: at which grant, and when.
    asked_at: Option<(u64, Moment)>,
    turns: u64,
}

/// What a turn left half changed. Who waited in it was answered when it was taken out.
pub(super) struct Wreck(#[allow(dead_code)] Box<dyn std::any::Any + Send>); // held to be dropped

/// What a tier's state is made from.
pub(crate) struct Parts {
    pub(crate) rules: Rules,
    pub(crate) view: Arc<View>,
    pub(crate) counters: Arc<crate::engine::counters::Counters>,
    pub(crate) told: Told,
    pub(crate) choice: Choice,
    pub(crate) places: Arc<Places>,
}

impl TierWorker {
    /// An empty tier.
    pub(crate) fn new(parts: Parts, now: Moment) -> Self {
        let Parts { rules, view, counters, told: Told { bytes, order, .. }, choice, places } = parts;
        view.open();
        let mut tier = Tier::new(rules, view, counters, bytes, now);
        tier.evict_by(choice);
        tier.share_places(places);
        Self {
            tier,
            running: HashMap::new(),
            draining: Vec::new(),
            written: Vec::new(),
            rota: 0,
            sweeping: false,
            actor_knows: false,
            owed: Some(order),
            order,
            asked_at: None,
            turns: 0,
        }
    }

    /// Runs one turn behind the guard, and takes down what it left to be done.
    pub(super) fn turn<R>(
        &mut self,
        at: TierContext<'_>,
        effects: &mut TierEffects,
        work: impl FnOnce(&mut Self, Moment, &mut Fx) -> R,
    ) -> Option<R> {
        let began = self.turns.is_multiple_of(TIMED).then(Stopwatch::machine);
        self.turns += 1;
        let now = at.now();
        let gone = if effects.gone.is_empty() { std::mem::take(&mut effects.gone) } else { Vec::new() };
        let mut fx = Fx { gone, ..Fx::default() };
        self.tier.tick(now, at.wiring.events.is_watched());
        let (done, aside) = aside::within_turn(|| guarded(|| work(self, now, &mut fx)));
        effects.aside.extend(aside);
        let result = match done {
            Ok(result) => Some(result),
            Err(words) => {
                // Nobody starts these, so their places are free.
                for () in fx.starts.drain(..).map(drop).chain(fx.batches.drain(..).map(drop)) {
                    let place = LoadPlace::held(at.wiring, at.tier.id);
                    effects.aside.push(Box::new(move || drop(place)));
                }
                self.broke(at, words, now, &mut fx, effects);
                None
            }
        };
        self.settle(at, fx, effects);
        if let Some(began) = began {
            at.tier.counters.turns.record(began.elapsed());
        }
        result
    }

    /// A turn panicked: what it left half changed is not used again.
    fn broke(
        &mut self,
        TierContext { tier, .. }: TierContext<'_>,
        words: String,
        now: Moment,
        fx: &mut Fx,
        effects: &mut TierEffects,
    ) {
        // First of all nobody reads any more what may be half changed.
        let tables = if seeded::has(Bug::ViewLeftOpen) {
            None
        } else {
            tier.view.close();
            Some(tier.view.take_all())
        };
        let mut wreck = self.tier.reset(Arc::clone(&tier.view), now);
        self.running.clear();
        let lost = guarded(|| wreck.store().len()).unwrap_or_default();
        tier.incarnation.store(self.tier.incarnation(), Ordering::Relaxed);
        let has_failed = tier.crashed(now);
        // Who waited is answered after the lock. All of the wreck may be half changed, so it is touched
        // behind the guard.
        let (waiters, taken) = guarded(|| wreck.drain()).unwrap_or_default();
        fx.taken.extend(taken);
        effects.aside.push(Box::new(move || drop(waiters)));
        let wreck = Wreck(Box::new((wreck, tables)));
        effects.broke.push(Broke { words, lost, has_failed, wreck });
        self.sweeping = false;
        if !has_failed {
            tier.view.open();
        }
    }

    /// Lets go of all that it holds: the tier has failed, and is bypassed until it is revived.
    pub(super) fn give_up(&mut self, at: TierContext<'_>, effects: &mut TierEffects) {
        let mut fx = Fx::default();
        self.broke(at, "its actor died too often".to_owned(), at.now(), &mut fx, effects);
        self.settle(at, fx, effects);
    }

    /// Takes down what a turn left to be done.
    fn settle(&mut self, at: TierContext<'_>, fx: Fx, effects: &mut TierEffects) {
        let TierContext { wiring, tier } = at;
        let Effects { answers, starts, batches, taken, mut gone, happened, remains, too_many_tags } = fx;
        effects.too_many_tags += too_many_tags;
        self.tier.publish();
        let incarnation = self.tier.incarnation();
        for id in starts {
            let place = LoadPlace::held(wiring, tier.id);
            if let Some((key, limit, waiter)) = self.tier.leader(id) {
                self.running.insert(id, Arc::clone(waiter.cell()));
                effects.starts.push(load::Start::new(wiring, place, (id, incarnation), &key, limit, waiter));
            } else {
                effects.aside.push(Box::new(move || drop(place)));
            }
        }
        for started in batches {
            effects.batches.extend(batch_run::Start::new(wiring, tier.id, started, &mut self.tier));
        }
        self.acknowledge(at, effects);
        self.ask_for_room(at, effects);
        effects.loaded.extend(answers);
        for id in self.tier.take_stopped() {
            effects.stopped.extend(self.running.get(&id).cloned());
        }
        tier.has_overdue.store(self.tier.has_overdue(), Ordering::SeqCst);
        effects.taken.extend(taken);
        effects.remains.extend(remains);
        // In the queues of listeners within the lock, so that events of two turns keep their order; listeners
        // are woken later.
        effects.has_events |=
            wiring.events.turned(&tier.name, self.tier.seq(), self.tier.now(), &gone, happened);
        effects.husks.append(&mut self.tier.take_husks());
        if effects.gone.is_empty() {
            effects.gone = gone;
        } else {
            effects.gone.append(&mut gone);
        }
        self.wake_actor_for_background(at, effects);
    }

    fn wake_actor_for_background(&mut self, at: TierContext<'_>, effects: &mut TierEffects) {
        if !self.actor_knows && self.has_background(at) {
            (self.actor_knows, effects.wakes_actor) = (true, true);
        }
    }

    /// Tells the supervisor, once, that the grant holds which it told last.
    pub(super) fn acknowledge(&mut self, at: TierContext<'_>, effects: &mut TierEffects) {
        if !self.tier.store().holds() {
            return;
        }
        let (used, grant) = (self.tier.store().used(), self.tier.store().grant());
        debug_assert!(used <= grant, "{used} bytes in use of {grant}");
        if used > grant {
            effects.over_grant = Some((used, grant));
        }
        if let Some(order) = self.owed.take() {
            effects.told.push(ToSupervisor::Holds { tier: at.tier.id.index(), order });
        }
    }

    /// Asks for more when little of the grant is left: once for each grant, and again after a pause.
    ///
    /// Race, if it asked only once: (1) it asks, and nobody has bytes to spare; (2) another tier is cleared;
    /// (3) this one evicts for ever next to unused bytes. The same happens when the question, or the answer,
    /// dies with the supervisor.
    pub(super) fn ask_for_room(&mut self, at: TierContext<'_>, effects: &mut TierEffects) {
        let (used, grant) = (self.tier.store().used(), self.tier.store().grant());
        let near = grant - used.min(grant) < (grant / NEAR).max(2 * at.wiring.plan.max_entry).min(grant / 2);
        if !near {
            return;
        }
        let now = at.now();
        if self.asked_at.is_some_and(|(at, when)| at == grant && now.since(when) < ASK_AGAIN) {
            return;
        }
        // What nobody was given is taken here and now: the supervisor's turn may come after many more sets,
        // each of which would evict an entry next to unused bytes.
        let id = at.tier.id.index();
        let told = at.wiring.budget.lock().take_from_pool(id);
        if told.is_empty() {
            self.asked_at = Some((grant, now));
            effects.told.push(ToSupervisor::NearGrant { tier: id });
        }
        for told in told {
            if told.tier == id {
                self.take_grant(told.bytes, told.order, now, &mut Fx::default());
                self.acknowledge(at, effects);
            } else {
                effects.grants.push(told);
            }
        }
    }

    /// Holds at most so many bytes from now on.
    pub(super) fn take_grant(&mut self, bytes: u64, order: u64, now: Moment, fx: &mut Fx) {
        // Two grants may come in another order than they were told in: the last one told holds.
        if order >= self.order {
            self.order = order;
            self.owed = Some(order);
            self.tier.set_grant(bytes, now, fx);
        }
    }

    fn has_background(&self, at: TierContext<'_>) -> bool {
        self.sweeping || self.tier.is_walking() || at.tier.view.is_moving() || !self.tier.store().holds()
    }

    /// Answers those who wait for long work that has come to its end.
    pub(super) fn answer_waiting(&mut self, at: TierContext<'_>, effects: &mut TierEffects) {
        for (_, reply) in self.written.extract_if(.., |(seq, _)| !self.tier.is_walking_since(*seq)) {
            effects.answer(reply, Ok(()));
        }
        if !self.draining.is_empty() && !self.has_background(at) {
            for reply in self.draining.drain(..) {
                effects.answer(reply, Ok(()));
            }
        }
    }

    /// A run has ended.
    pub(super) fn note_ended(&mut self, run: RunId, incarnation: u64) {
        if incarnation == self.tier.incarnation() {
            self.running.remove(&run);
        }
    }

    /// Lets go of all that it holds, for a cache that ends.
    pub(crate) fn close(&mut self, at: TierContext<'_>) -> impl Send + use<> {
        at.tier.view.close();
        let tables = at.tier.view.take_all();
        let wreck = self.tier.reset(Arc::clone(&at.tier.view), at.now());
        (wreck, tables, std::mem::take(&mut self.draining), std::mem::take(&mut self.written))
    }
}

impl Worker for TierWorker {
    type Context<'c> = TierContext<'c>;
    type Envelope = Envelope;
    type Effects = TierEffects;

    fn work(
        &mut self,
        at: TierContext<'_>,
        envelope: Envelope,
        room: &mut Room,
        effects: &mut TierEffects,
    ) -> Option<Envelope> {
        let changed = effects.gone.len();
        let rest = if at.tier.state() == TierState::Failed {
            self.carry_out_failed(at, envelope, effects);
            None
        } else {
            self.carry_out(at, envelope, room, effects)
        };
        room.spend(effects.gone.len() - changed);
        self.wake_actor_for_background(at, effects);
        self.answer_waiting(at, effects);
        rest
    }

    /// One kind of long work at a time, each in its turn.
    fn work_in_background(&mut self, at: TierContext<'_>, effects: &mut TierEffects) -> bool {
        for _ in 0..KINDS {
            self.rota = (self.rota + 1) % KINDS;
            match self.rota {
                0 if self.tier.is_walking() => {
                    self.turn(at, effects, |this, _, fx| this.tier.go_on(fx));
                }
                1 if self.sweeping => {
                    self.turn(at, effects, |this, now, fx| this.sweeping = !this.tier.expire(now, fx));
                }
                2 if !self.tier.store().holds() => {
                    self.turn(at, effects, |this, now, fx| this.tier.come_down(now, fx));
                }
                // Where writes end in the middle of a move, all reads would go on to look into both tables.
                // Tables that were left are given back here, too.
                3 if at.tier.view.is_moving() => {
                    self.turn(at, effects, |_, _, _| at.tier.view.settle(CHANGES));
                }
                _ => continue,
            }
            break;
        }
        self.acknowledge(at, effects);
        self.answer_waiting(at, effects);
        self.actor_knows = self.has_background(at);
        effects.wakes_actor = false;
        self.actor_knows
    }

    fn perform(at: TierContext<'_>, effects: TierEffects) {
        effects.perform(at);
    }

    fn wake_actor(at: TierContext<'_>) {
        at.tier.tell(ToTier::Wake);
    }
}
