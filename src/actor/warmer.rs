//! The warmer: runs warm sources at the start, every so often, when a user turns up, and by command.
//!
//! Owns: which runs are under way, who waits for them, and when each source is due. Never: reads a source or stores an
//! entry itself (a task does), runs a source twice at a time, lets a failure be fatal.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, SpawnHandle};
use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use super::reply::Reply;
use super::request::ToWarmer;
use super::root::{DeathWatch, Who};
use super::warm_progress::Job;
use super::wiring::Wiring;
use crate::engine::moment::Moment;
use crate::env::has_runtime;
use crate::error::{Error, Result, Shown};
use crate::message::{SourceReport, Warm, WarmReport, WarmScope};
use crate::telemetry;

/// Runs for users that may wait; past it a user is not warmed.
pub(super) const USERS_QUEUED_MAX: usize = 1_024;
/// Bytes of their ids.
const QUEUED_BYTES_MAX: usize = 4 << 20;
/// Users that are remembered as warmed, by a hash of each.
pub(super) const USERS_KNOWN_MAX: usize = 100_000;
/// Bytes of the ids of those for whom a command runs the sources again, what each takes besides included.
const AGAIN_BYTES_MAX: usize = 4 << 20;
/// What an id takes besides its text.
const ID_BYTES: usize = 64;
/// First pause after a failure; it doubles up to [`PAUSE_MAX`].
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// See [`PAUSE`].
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(300);

/// A command that waits for runs.
#[derive(Debug)]
struct Order {
    reply: Option<Reply<WarmReport>>,
    pending: usize,
    reports: Vec<SourceReport>,
}

/// When a source is to run by itself, and how often it has failed in a row.
#[derive(Debug, Default)]
struct Due {
    at: Option<Moment>,
    failures: u32,
}

/// A source, and a hash of the user it ran for.
type UserHash = (usize, u64);

/// Users of late: by a hash, for ids may be long and are not charged to the budget.
#[derive(Debug, Default)]
struct Known {
    /// Until when a user needs no run of a source, and whether it is in `again`.
    until: HashMap<UserHash, (Moment, bool)>,
    /// The same in the order of entering.
    order: VecDeque<UserHash>,
    /// Those for whom a command runs the sources again: the last ones, as far as their ids have room.
    again: VecDeque<(UserHash, Job)>,
    again_bytes: usize,
}

impl Known {
    fn is_fresh(&self, hash: UserHash, now: Moment) -> bool {
        self.until.get(&hash).is_some_and(|(until, _)| *until > now)
    }

    fn note(&mut self, hash: UserHash, job: &Job, until: Moment) {
        let before = self.until.insert(hash, (until, true));
        if before.is_none() {
            self.order.push_back(hash);
        }
        if !before.is_some_and(|(_, is_listed)| is_listed) {
            self.again_bytes += id_bytes(job);
            self.again.push_back((hash, job.clone()));
        }
        while self.order.len() > USERS_KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.until.remove(&oldest);
        }
        while self.again_bytes > AGAIN_BYTES_MAX
            && let Some((hash, dropped)) = self.again.pop_front()
        {
            self.again_bytes -= id_bytes(&dropped);
            if let Some((_, is_listed)) = self.until.get_mut(&hash) {
                *is_listed = false;
            }
        }
    }

    /// Users of `source` who need no run of it.
    fn of_late(&self, source: usize, now: Moment) -> impl Iterator<Item = &Job> {
        let fresh = move |(hash, _): &&(UserHash, Job)| hash.0 == source && self.is_fresh(*hash, now);
        self.again.iter().filter(fresh).map(|(_, job)| job)
    }
}

fn id_bytes((_, user): &Job) -> usize {
    user.as_ref().map_or(0, |user| user.len() + ID_BYTES)
}

/// Runs warm sources.
#[derive(Debug)]
pub struct Warmer {
    wiring: Arc<Wiring>,
    due: Vec<Due>,
    /// Runs that wait for a place: what the start or a command asks for, then users.
    queue: VecDeque<Job>,
    /// Periodic runs of sources that have run before.
    again: VecDeque<Job>,
    users: VecDeque<Job>,
    running: usize,
    /// Runs queued or under way, and the orders that wait for each.
    active: HashMap<Job, Vec<u64>>,
    orders: HashMap<u64, Order>,
    last_order: u64,
    /// Bytes of the ids in `users`.
    queued_bytes: usize,
    /// Users of late.
    known: Known,
    hasher: SeedableRandomState,
    timer: Option<SpawnHandle>,
    _watch: DeathWatch,
}

impl Warmer {
    /// The warmer of `wiring`; it takes its place there when it starts.
    pub fn new(wiring: &Arc<Wiring>) -> Self {
        let now = wiring.env.now();
        let due = |(number, source): (usize, &crate::warm::WarmSource)| {
            // A forerunner may have run it already.
            let ran = wiring.warm[number].has_run();
            let interval = source.interval(wiring.plan.warm_interval).map(|interval| now.after(interval));
            let at = if source.starts() && !ran { Some(now) } else { interval };
            Due { at: at.filter(|_| wiring.plan.enabled), failures: 0 }
        };
        Self {
            due: wiring.sources.iter().enumerate().map(due).collect(),
            queue: VecDeque::new(),
            again: VecDeque::new(),
            users: VecDeque::new(),
            running: 0,
            active: HashMap::new(),
            orders: HashMap::new(),
            last_order: 0,
            queued_bytes: 0,
            known: Known::default(),
            hasher: SeedableRandomState::with_seed(wiring.env.seed(), SharedSeed::global_fixed()),
            timer: None,
            _watch: DeathWatch::new(wiring, Who::Warmer),
            wiring: Arc::clone(wiring),
        }
    }

    /// Begins what is due, and arms the timer for what is due next. Times come from the clock, so a stall costs one
    /// late run, not one for each that was missed.
    fn look_at_clock(&mut self, ctx: &mut Context<Self>) {
        let now = self.wiring.env.now();
        for source in 0..self.due.len() {
            if self.due[source].at.is_some_and(|at| at <= now) {
                self.due[source].at = None;
                self.request((source, None), None);
            }
        }
        self.begin();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let next = self.due.iter().filter_map(|due| due.at).min().filter(|_| has_runtime());
        self.timer = next.map(|at| {
            // A millisecond more: the clock counts whole ones, and an early look would find nothing due.
            let pause = at.since(now) + Duration::from_millis(1);
            ctx.run_later(pause, |this, ctx| {
                this.timer = None;
                this.look_at_clock(ctx);
            })
        });
    }

    /// Queues a run, or joins the one that is queued or under way.
    fn request(&mut self, job: Job, order: Option<u64>) {
        if let Some(waiting) = self.active.get_mut(&job) {
            waiting.extend(order);
            return;
        }
        self.active.insert(job.clone(), order.into_iter().collect());
        // What somebody waits for, or nobody has seen yet, goes first; then those who have just turned up; then what is only
        // done again.
        if job.1.is_some() {
            self.queued_bytes += id_bytes(&job);
            self.users.push_back(job);
        } else if order.is_none() && self.wiring.warm[job.0].has_run() {
            self.again.push_back(job);
        } else {
            self.queue.push_back(job);
        }
    }

    /// Begins as many runs as may be under way.
    fn begin(&mut self) {
        // To the source a run is a load like any other: as many at a time as a tier may have loads.
        while self.running < self.wiring.plan.load_concurrency {
            let next = self.queue.pop_front().or_else(|| self.next_user());
            let Some((source, user)) = next.or_else(|| self.again.pop_front()) else { return };
            self.running += 1;
            self.wiring.runs.lock().insert((source, user.clone()));
            let run = super::warm_run::run(Arc::clone(&self.wiring), source, user);
            self.wiring.host().spawn(run);
        }
    }

    fn next_user(&mut self) -> Option<Job> {
        let job = self.users.pop_front()?;
        self.queued_bytes -= id_bytes(&job);
        if self.users.is_empty() {
            self.users = VecDeque::new(); // as much room as a crowd took
        }
        Some(job)
    }

    fn warm(&mut self, scope: &WarmScope, reply: Reply<WarmReport>) {
        let jobs = match self.jobs_of(scope) {
            Ok(jobs) => jobs,
            Err(error) => return reply.answer(Err(error)),
        };
        let reports = self.empty_reports(scope);
        if jobs.is_empty() || !self.wiring.is_enabled() {
            return reply.answer(Ok(WarmReport { sources: reports }));
        }
        self.last_order += 1;
        let order = Order { reply: Some(reply), pending: jobs.len(), reports };
        self.orders.insert(self.last_order, order);
        for job in jobs {
            self.request(job, Some(self.last_order));
        }
        self.begin();
    }

    fn in_scope(scope: &WarmScope, source: &crate::warm::WarmSource) -> bool {
        match scope {
            WarmScope::All => true,
            WarmScope::Tier(tier) => source.tier() == tier,
        }
    }

    fn empty_reports(&self, scope: &WarmScope) -> Vec<SourceReport> {
        let sources = self.wiring.sources.iter().filter(|source| Self::in_scope(scope, source));
        sources.map(|source| SourceReport::new(source.name(), source.tier())).collect()
    }

    /// The runs that `scope` asks for: one for each source, and for each user known to a source for users.
    fn jobs_of(&self, scope: &WarmScope) -> Result<Vec<Job>> {
        if let WarmScope::Tier(name) = scope
            && self.wiring.routes.tier(name).is_err()
        {
            let known = self.wiring.routes.tiers().join(", ");
            return Err(Error::UnknownScope { scope: Shown::new(name), known: format!("all, {known}") });
        }
        let mut jobs = Vec::new();
        for (number, source) in self.wiring.sources.iter().enumerate() {
            if !Self::in_scope(scope, source) {
                continue;
            }
            if source.is_for_users() {
                let now = self.wiring.env.now();
                jobs.extend(self.known.of_late(number, now).cloned());
            } else {
                jobs.push((number, None));
            }
        }
        Ok(jobs)
    }

    /// A user did something: begins the runs that are worth it, and returns whether there are any.
    fn user_active(&mut self, user: &Arc<str>) -> bool {
        if !self.wiring.is_enabled() {
            return false;
        }
        let now = self.wiring.env.now();
        let mut begun = false;
        for number in 0..self.wiring.sources.len() {
            let job = (number, Some(Arc::clone(user)));
            let source = &self.wiring.sources[number];
            let has_room =
                self.users.len() < USERS_QUEUED_MAX && self.queued_bytes + id_bytes(&job) <= QUEUED_BYTES_MAX;
            if !source.is_for_users() || !has_room || self.known.is_fresh(self.hash(&job), now) {
                continue;
            }
            let ttl =
                self.wiring.routes.tier(source.tier()).map_or(PAUSE, |id| self.wiring.tier(id).terms.ttl());
            self.know(&job, now.after(ttl));
            self.request(job, None);
            begun = true;
        }
        self.begin();
        begun
    }

    fn know(&mut self, job: &Job, until: Moment) {
        self.known.note(self.hash(job), job, until);
    }

    /// What a user is remembered by for a source.
    fn hash(&self, (source, user): &Job) -> UserHash {
        (*source, self.hasher.hash_one(user.as_deref().unwrap_or_default()))
    }

    fn ended(&mut self, source: usize, user: Option<Arc<str>>, report: &SourceReport) {
        let job = (source, user);
        let Some(waiting) = self.active.remove(&job) else { return };
        self.running = self.running.saturating_sub(1);
        if let Some(error) = &report.error
            && let Some(left_out) = self.wiring.warm[source].warn.pass(self.wiring.env.now())
        {
            telemetry::warm_failed(&report.source, error, left_out);
        }
        self.plan_next(&job, report.error.is_none());
        for number in waiting {
            self.fulfil(number, report);
        }
        if self.active.is_empty() {
            (self.active, self.queue) = (HashMap::new(), VecDeque::new()); // as much room as a crowd took
        }
        self.begin();
    }

    /// When a source that has run is due again.
    fn plan_next(&mut self, job: &Job, ok: bool) {
        let (now, source) = (self.wiring.env.now(), &self.wiring.sources[job.0]);
        if job.1.is_some() {
            if !ok {
                self.know(job, now.after(10 * PAUSE));
            }
            return;
        }
        let due = &mut self.due[job.0];
        let interval = source.interval(self.wiring.plan.warm_interval);
        if ok {
            due.failures = 0;
            due.at = interval.map(|interval| now.after(interval));
            self.wiring.warm_succeeded();
        } else if source.starts() || interval.is_some() {
            let pause = PAUSE.saturating_mul(1 << due.failures.min(16)).min(PAUSE_MAX);
            due.failures += 1;
            due.at = Some(now.after(pause));
        }
    }

    /// Adds what a run came to, to an order that waited for it, and answers that when it was the last.
    fn fulfil(&mut self, number: u64, report: &SourceReport) {
        let Some(order) = self.orders.get_mut(&number) else { return };
        order.pending -= 1;
        if let Some(sum) = order.reports.iter_mut().find(|sum| sum.source == report.source) {
            sum.add(report);
        }
        if order.pending == 0
            && let Some(Order { reply, reports, .. }) = self.orders.remove(&number)
            && let Some(reply) = reply
        {
            reply.answer(Ok(WarmReport { sources: reports }));
        }
    }
}

impl Actor for Warmer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wiring.connect_warmer(ctx.address().recipient());
        // Runs that a forerunner began. Looked at after taking its place: a run leaves the list before it reports its end,
        // so one that is still there will report to this warmer.
        for job in self.wiring.runs.lock().iter() {
            self.active.insert(job.clone(), Vec::new());
            self.running += 1;
        }
        self.look_at_clock(ctx);
    }
}

impl Handler<ToWarmer> for Warmer {
    type Result = ();

    fn handle(&mut self, message: ToWarmer, ctx: &mut Self::Context) {
        match message {
            ToWarmer::Warm(Warm { scope, .. }, reply) => self.warm(&scope, reply),
            ToWarmer::UserActive(active, reply) => reply.answer(Ok(self.user_active(&active.user))),
            ToWarmer::Ended { source, user, report } => {
                self.ended(source, user, &report);
                self.look_at_clock(ctx);
            }
            ToWarmer::Cleared => self.known = Known::default(),
            ToWarmer::End => ctx.stop(),
            #[cfg(feature = "fault-injection")]
            ToWarmer::Die => panic!("asked to die"),
        }
    }
}
