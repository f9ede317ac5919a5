//! What all actors of one cache share, and what outlives each of them.
//!
//! Owns: the plan, the routes, the budget, and for each tier its mailbox, view, counters, permits and
//! restarts. Never: handles a message. A handle reads views through it; an actor finds its neighbours in it,
//! whichever life they are in.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use actix::{Addr, Recipient};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::control_queue::ControlQueue;
use super::events::EventHub;
use super::fallbacks::Fallbacks;
use super::guard::drop_guarded;
use super::live_terms::LiveTerms;
use super::look::KeyAt;
use super::mailbox::Mailbox;
use super::mailbox::Room;
use super::misreads::Misreads;
use super::permit::Permits;
use super::reply::Answerer;
use super::request::{ControlRequest, Envelope, TierRequest, ToStats, ToSupervisor, ToTier, ToWarmer};
use super::root::Root;
use super::strangers::{ONE_SEGMENT, Strangers};
use super::supervisor::Supervisor;
use super::throttle::Throttle;
use super::tier::{Parts, TierContext, TierWorker};
use super::tier_shared::TierShared;
use super::warm_progress::{Job, WarmProgress};
use crate::codec::pack::Packer;
use crate::engine::budget::{Budget, Told};
use crate::engine::counters::Counters;
use crate::engine::fruitless::Fruitless;
use crate::engine::histogram::Recorder;
use crate::engine::key::{IntoKey, Key, first_segment};
use crate::engine::moment::Moment;
use crate::engine::places::Places;
use crate::engine::planner::Planner;
use crate::engine::policy::Choice;
use crate::engine::route::{Routes, TierId};
use crate::engine::scope::Scope;
use crate::engine::slice::CHANGES;
use crate::engine::tier::Rules;
use crate::engine::view::View;
use crate::env::{Env, Spawner};
use crate::error::{Error, Result, Shown};
use crate::settings::{Plan, Settings, TierPlan};
use crate::warm::WarmSource;

/// Control messages accepted and not yet handled.
const CONTROL_MESSAGES: u64 = 1_024;

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An address that may change while the cache lives.
pub(crate) type Place<M> = RwLock<Option<Recipient<M>>>;

/// Sends to whoever is in `place` now; drops `message`, and answers its replies thereby, when nobody is.
pub(crate) fn tell<M>(place: &Place<M>, message: M)
where
    M: actix::Message<Result = ()> + Send + 'static,
{
    // `do_send` asks no mailbox bound: what is told here has its permit, or is bounded by what causes it.
    let recipient = place.read().clone();
    if let Some(recipient) = recipient {
        recipient.do_send(message);
    }
}

/// How far a cache is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open = 0,
    Closing = 1,
    Closed = 2,
}

/// What all actors of one cache share.
#[derive(Debug)]
pub struct Wiring {
    /// No other cache of this process has it.
    pub(crate) id: u64,
    /// The settings that it was started with.
    pub(crate) settings: Settings,
    /// Held by who reads them again.
    pub(crate) reloading: Mutex<()>,
    /// Where the admin listens that the settings switched on, or why it does not.
    pub(crate) admin: OnceLock<Result<SocketAddr, Arc<str>>>,
    /// The checked settings.
    pub plan: Plan,
    /// Which tier takes which key.
    pub routes: Routes,
    /// Time and randomness.
    pub env: Env,
    /// The tiers, in the order of the settings.
    pub tiers: Vec<TierShared>,
    /// What fills them before somebody asks.
    pub sources: Vec<WarmSource>,
    /// When the cache began.
    pub began: Moment,
    /// The runtime of the actors, for what has no other.
    pub(crate) spawner: Spawner,
    pub(crate) budget: Mutex<Budget>,
    /// Where its bytes are worth most.
    pub(crate) planner: Mutex<Planner>,
    pub(crate) control_queue: ControlQueue,
    pub(crate) control: Arc<Permits>,
    pub(crate) supervisor: Place<ToSupervisor>,
    pub(crate) warmer: Place<ToWarmer>,
    pub(crate) stats: Place<ToStats>,
    pub(crate) root: Root,
    /// What each source did so far.
    pub(crate) warm: Vec<WarmProgress>,
    /// Runs under way, which outlive the warmer that began them.
    pub(crate) runs: Mutex<HashSet<Job>>,
    /// The runtime of the host, on which warm sources are read.
    pub(crate) host: Spawner,
    /// That runtime has ended: it lost a run.
    pub(super) host_ended: AtomicBool,
    /// The number of the next fence.
    pub(crate) next_fence: AtomicU64,
    /// Whether anything is cached now.
    pub(super) enabled: AtomicBool,
    /// How the values of each prefix of the plan are loaded and kept.
    pub(crate) prefix_terms: Vec<LiveTerms>,
    /// Who is told what takes place.
    pub(crate) events: EventHub,
    pub(crate) ready: watch::Sender<bool>,
    pub(crate) closed: watch::Sender<bool>,
    pub(crate) address: RwLock<Option<Addr<Supervisor>>>,
    /// How long the supervisor's turns took.
    pub(crate) supervisor_turns: Recorder,
    pub(crate) strangers: Strangers,
    /// Invalidations that were not carried out as they were asked for.
    pub(crate) fallbacks: Fallbacks,
    phase: AtomicU8,
}

/// What all share of one tier, which may hold as much as it is `told`.
fn tier_shared(plan: &Plan, env: &Env, told: Told, tier: &TierPlan, misreads: &Arc<Misreads>) -> TierShared {
    let id = TierId(told.tier as u8);
    let view = Arc::new(View::new(env.seed().wrapping_add(id.index() as u64)));
    let counters = Counters::sampled();
    let own = plan.prefixes.iter().filter(|one| one.tier == id.index());
    *counters.fruitless.lock() = Fruitless::claiming(own.map(|one| Arc::clone(&one.prefix)).collect());
    let counters = Arc::new(counters);
    let places = Arc::new(Places::new(plan.load_concurrency));
    let rules = Rules {
        name: Arc::clone(&tier.name),
        enabled: plan.enabled,
        max_entry: plan.max_entry,
        load_concurrency: plan.load_concurrency,
        load_queue: plan.load_queue,
    };
    let parts = Parts {
        rules,
        view: Arc::clone(&view),
        counters: Arc::clone(&counters),
        told,
        choice: tier.choice(),
        places: Arc::clone(&places),
    };
    TierShared {
        mailbox: Mailbox::new(TierWorker::new(parts, env.now())),
        id,
        name: Arc::clone(&tier.name),
        terms: LiveTerms::new(tier.terms, true),
        answerer: Answerer::tier(Arc::clone(&tier.name), Arc::clone(&counters)),
        view,
        keeps_decoded: tier.keep_decoded,
        counters,
        permits: Permits::new(Arc::clone(&tier.name), plan.queue_messages as u64, plan.queue_bytes),
        place: Place::default(),
        packer: Packer::new(tier.compression, tier.compression_threshold, plan.max_entry),
        weigher: tier.weigher,
        places,
        has_overdue: AtomicBool::new(false),
        told_left: AtomicBool::new(false),
        incarnation: AtomicU64::new(0),
        misreads: Arc::clone(misreads),
        warn_bypass: Throttle::default(),
        warn_tags: Throttle::default(),
        warn_unawaited: Throttle::default(),
        lost_writes_told: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        lives: Mutex::default(),
    }
}

impl Wiring {
    /// The shared part of a cache whose actors are not there yet. Must be called within a tokio runtime, on
    /// which what has no other runtime will run.
    ///
    /// # Panics Outside a tokio runtime.
    pub fn new(plan: Plan, env: Env, sources: Vec<WarmSource>) -> Arc<Self> {
        let spawner = Spawner::current().expect("the wiring of a cache is made within a runtime");
        Self::hosted(Settings::default(), plan, env, sources, spawner.clone(), spawner)
    }

    /// As [`Wiring::new`], for a host on a runtime of its own.
    pub(crate) fn hosted(
        settings: Settings,
        plan: Plan,
        env: Env,
        sources: Vec<WarmSource>,
        spawner: Spawner,
        host: Spawner,
    ) -> Arc<Self> {
        let names = plan.tiers.iter().map(|tier| Arc::clone(&tier.name)).collect();
        let id = |index: usize| TierId(index as u8);
        let prefixes =
            plan.prefixes.iter().map(|one| (Arc::clone(&one.prefix), id(one.tier), one.ttl)).collect();
        let routes = Routes::new(names, prefixes, plan.default_tier.map(id));
        let misreads = Arc::default();
        let budget = Budget::new(plan.budget, plan.floor, plan.max_entry, plan.tiers.len());
        let tier = |(index, of)| tier_shared(&plan, &env, budget.told(index), of, &misreads);
        let tiers: Vec<TierShared> = plan.tiers.iter().enumerate().map(tier).collect();
        let choices: Vec<Choice> = plan.tiers.iter().map(TierPlan::choice).collect();
        let required = plan.enabled && sources.iter().any(WarmSource::is_required);
        Arc::new(Self {
            id: next_id(),
            routes,
            began: env.now(),
            env,
            tiers,
            warm: sources.iter().map(WarmProgress::new).collect(),
            runs: Mutex::default(),
            sources,
            spawner,
            budget: Mutex::new(budget),
            planner: Mutex::new(Planner::new(plan.budget, &choices)),
            control_queue: ControlQueue::default(),
            control: Permits::new("control".into(), CONTROL_MESSAGES, u64::MAX),
            supervisor: Place::default(),
            warmer: Place::default(),
            stats: Place::default(),
            root: Root::default(),
            host,
            host_ended: AtomicBool::new(false),
            next_fence: AtomicU64::new(0),
            enabled: AtomicBool::new(plan.enabled),
            prefix_terms: plan
                .prefixes
                .iter()
                .map(|one| LiveTerms::new(one.terms, one.ttl.is_some()))
                .collect(),
            events: EventHub::new(),
            ready: watch::Sender::new(!required),
            closed: watch::Sender::new(false),
            address: RwLock::default(),
            supervisor_turns: Recorder::default(),
            strangers: Strangers::default(),
            fallbacks: Fallbacks::default(),
            phase: AtomicU8::new(Phase::Open as u8),
            settings,
            reloading: Mutex::default(),
            admin: OnceLock::new(),
            plan,
        })
    }

    /// Where warm sources are read: on the runtime of the host, and on that of the cache once that has ended,
    /// as those of tests do.
    pub(crate) fn host(&self) -> &Spawner {
        if self.host_ended.load(Ordering::Relaxed) { &self.spawner } else { &self.host }
    }

    /// The tier of that number.
    #[inline]
    pub fn tier(&self, id: TierId) -> &TierShared {
        &self.tiers[id.index()]
    }

    /// Where `key` belongs: its tier, and its hash there. Errors: `UnknownPrefix`, or that it is no key at
    /// all.
    #[inline]
    pub(crate) fn place<'k>(&self, key: &'k impl IntoKey) -> Result<(&TierShared, KeyAt<'k>)> {
        let text = key.text();
        if let Some(place) = key.place().filter(|place| place.owner == self.id) {
            return Ok((self.tier(TierId(place.tier)), KeyAt { key: text, hash: place.hash }));
        }
        match self.route(text) {
            Ok((tier, _)) => Ok((tier, KeyAt::of(tier, text))),
            // Of the two mistakes a key can be, being none at all is told first.
            Err(error) => Err(Key::parse(text).err().unwrap_or(error)),
        }
    }

    /// As [`Wiring::place`], for those who need not know why there is none. Told in registers.
    #[inline(always)]
    pub(crate) fn tier_and_hash(&self, key: &impl IntoKey) -> Option<(&TierShared, u64)> {
        match key.place() {
            Some(place) if place.owner == self.id => Some((self.tier(TierId(place.tier)), place.hash)),
            _ => {
                let (tier, _) = self.route(key.text()).ok()?;
                Some((tier, tier.view.hash(key.text())))
            }
        }
    }

    /// The tier of `key`, and on what terms its values are loaded and kept there. Errors: `UnknownPrefix`.
    #[inline]
    pub(crate) fn route(&self, key: &str) -> Result<(&TierShared, &LiveTerms)> {
        self.routed(key).map(|(tier, terms, _)| (tier, terms))
    }

    /// As [`Wiring::route`], and whether a tier was made for its first segment.
    #[inline]
    fn routed(&self, key: &str) -> Result<(&TierShared, &LiveTerms, bool)> {
        let Some(route) = self.routes.route(key) else {
            return Err(Error::UnknownPrefix { prefix: Shown::new(first_segment(key)) });
        };
        let tier = self.tier(route.tier);
        let of_prefix = |place: u16| &self.prefix_terms[usize::from(place)];
        Ok((tier, route.prefix.map_or(&tier.terms, of_prefix), route.known))
    }

    /// As [`Wiring::route`], for what is on its way to a tier: a first segment that no tier was made for is
    /// warned of.
    pub(crate) fn route_told(&self, key: &str) -> Result<(&TierShared, &LiveTerms)> {
        let (tier, terms, known) = self.routed(key)?;
        if !known {
            self.strangers.meet(key, &tier.name);
        }
        Ok((tier, terms))
    }

    /// As [`Wiring::route`], for a key that is to be taken away.
    pub(super) fn route_removal(&self, key: &str) -> Result<&TierShared> {
        let found = self.routed(key);
        if !matches!(found, Ok((_, _, true))) {
            self.note_unclaimed(first_segment(key), first_segment(key) == key);
        }
        found.map(|(tier, _, _)| tier)
    }

    /// The tiers that `scope` can reach.
    pub(crate) fn reached(&self, scope: &Scope) -> Result<Vec<TierId>> {
        self.routes.reached(scope)
    }

    /// As [`Wiring::reached`], for an invalidation on its way. Errors: `UnknownPrefix`, where the settings
    /// refuse the keys that it names; `UnknownTier`.
    pub(super) fn reached_told(&self, scope: &Scope) -> Result<Vec<TierId>> {
        if let Some(first) = self.routes.unclaimed(scope) {
            let is_key = |key: &Key| key.as_str() == first;
            let is_whole = match scope {
                Scope::Key(key) => is_key(key),
                Scope::Keys(keys) => keys.as_slice().iter().any(is_key),
                _ => false,
            };
            self.note_unclaimed(first, is_whole);
            if self.routes.default_tier().is_none() {
                return Err(Error::UnknownPrefix { prefix: Shown::new(first) });
            }
        }
        self.reached(scope)
    }

    /// An invalidation names keys that begin with `first`, for which no tier was made: mostly a slip of the
    /// pen. `is_whole`: it is all of a key, which may be anything; logs name no keys.
    fn note_unclaimed(&self, first: &str, is_whole: bool) {
        self.fallbacks.unknown_prefix.one();
        let tier = self.routes.default_tier().map(|id| &*self.tier(id).name);
        self.strangers.meet_scope(if is_whole { ONE_SEGMENT } else { first }, tier);
    }

    /// Puts `request` into the mailbox of tier `id`, and carries it out if the tier is idle. Dropped, and
    /// thereby answered, once the cache has ended.
    pub fn deliver(self: &Arc<Self>, id: TierId, request: impl Into<Envelope>) -> bool {
        let tier = self.tier(id);
        let envelope = request.into();
        let room = envelope.request.room();
        tier.mailbox.deliver(TierContext { wiring: self, tier }, envelope, room)
    }

    /// Leaves `request` to the actor of tier `id`: for a `Drop`, which may run anywhere.
    pub(crate) fn leave(self: &Arc<Self>, id: TierId, request: TierRequest) {
        let tier = self.tier(id);
        tier.mailbox.leave(TierContext { wiring: self, tier }, request.into());
    }

    /// Puts an envelope into each of these mailboxes, and then carries out what it can of them, all together
    /// as much as one call may.
    pub(crate) fn deliver_all(self: &Arc<Self>, envelopes: Vec<(TierId, Envelope)>) {
        let reached: Vec<&TierShared> = envelopes.iter().map(|(id, _)| self.tier(*id)).collect();
        for (id, envelope) in envelopes {
            let tier = self.tier(id);
            tier.mailbox.push(TierContext { wiring: self, tier }, envelope);
        }
        let mut room = Room::CALL;
        for tier in reached {
            tier.mailbox.help(TierContext { wiring: self, tier }, &mut room);
        }
    }

    /// Takes a slice of the work of tier `id` on its actor's thread; returns whether there is more.
    pub(super) fn work_as_actor(self: &Arc<Self>, id: TierId) -> bool {
        let tier = self.tier(id);
        tier.mailbox.work_as_actor(TierContext { wiring: self, tier })
    }

    /// Drops `value`, which stands for so many entries, where no turns run, for the `Drop` of what a host
    /// keeps may take its time; here if it is little.
    pub(super) fn drop_aside(&self, entries: u64, value: impl Send + 'static) {
        if entries <= CHANGES as u64 || self.env.is_simulated() {
            drop_guarded(value);
        } else {
            self.host().run_aside(move || drop_guarded(value));
        }
    }

    /// Puts `request` behind those that the supervisor has not handled yet.
    pub(crate) fn post_to_supervisor(&self, request: ControlRequest) {
        if self.control_queue.push(request) {
            tell(&self.supervisor, ToSupervisor::Wake);
        }
        // Race: (1) a caller finds the cache open; (2) the cache ends, and empties the queue; (3) the caller
        // adds to it, and nobody looks again. The queue's lock orders the two: a push after the last drain
        // sees the end.
        if self.phase() == Phase::Closed {
            while self.control_queue.pop().is_some() {}
        }
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Open,
            1 => Phase::Closing,
            _ => Phase::Closed,
        }
    }

    /// Goes on towards the end; never back. Returns the phase before.
    pub(crate) fn enter(&self, phase: Phase) -> Phase {
        match self.phase.fetch_max(phase as u8, Ordering::AcqRel) {
            0 => Phase::Open,
            1 => Phase::Closing,
            _ => Phase::Closed,
        }
    }

    /// `Closed` once the cache has begun to end.
    #[inline]
    pub(crate) fn open(&self) -> Result<()> {
        if self.phase() == Phase::Open { Ok(()) } else { Err(Error::Closed) }
    }

    /// Has all actors stop, and lets go of them, so that nothing keeps them alive.
    pub(crate) fn disconnect(self: &Arc<Self>) {
        tell(&self.supervisor, ToSupervisor::End);
        tell(&self.warmer, ToWarmer::End);
        tell(&self.stats, ToStats::End);
        self.tiers.iter().for_each(|tier| tier.tell(ToTier::End));
        *self.supervisor.write() = None;
        *self.address.write() = None;
        *self.warmer.write() = None;
        *self.stats.write() = None;
        for tier in &self.tiers {
            *tier.place.write() = None;
        }
        // What was accepted and cannot be handled any more is answered by being dropped.
        while self.control_queue.pop().is_some() {}
        for tier in &self.tiers {
            let at = TierContext { wiring: self, tier };
            drop(tier.mailbox.close(|worker| worker.close(at)));
            tier.places.end_tier();
        }
    }

    /// Sets what each tier is to have, and returns what they are to be told: for tests that stand in for the
    /// supervisor.
    pub fn aim(&self, aims: &[u64]) -> Vec<Told> {
        self.budget.lock().aim(aims)
    }

    /// Notes that a tier holds what it was told under that number, and returns what tiers are to be told
    /// next: for tests that stand in for the supervisor.
    pub fn acknowledge(&self, told: Told) -> Vec<Told> {
        self.budget.lock().acknowledged(told.tier, told.order)
    }

    /// Puts `recipient` in the place of the supervisor: for tests that record what it is told.
    pub fn connect_supervisor(&self, recipient: Recipient<ToSupervisor>) {
        *self.supervisor.write() = Some(recipient);
    }

    /// Puts `recipient` in the place of a tier.
    pub fn connect_tier(&self, id: TierId, recipient: Recipient<ToTier>) {
        *self.tier(id).place.write() = Some(recipient);
    }

    /// Has what tier `id` is sent wait for [`Wiring::take_envelopes`], and tells whoever is in its place of
    /// each: for tests that stand in for the tier. `false`: from now on the tier itself carries out what it
    /// is sent.
    pub fn stand_in(&self, id: TierId, stands_in: bool) {
        self.tier(id).mailbox.stand_in(stands_in);
    }

    /// What tier `id` was sent and nobody has carried out, in order.
    pub fn take_envelopes(&self, id: TierId) -> Vec<Envelope> {
        self.tier(id).mailbox.take_envelopes()
    }

    /// Puts `recipient` in the place of the warmer.
    pub fn connect_warmer(&self, recipient: Recipient<ToWarmer>) {
        *self.warmer.write() = Some(recipient);
    }

    /// Puts `recipient` in the place of the stats actor.
    pub fn connect_stats(&self, recipient: Recipient<ToStats>) {
        *self.stats.write() = Some(recipient);
    }
}
