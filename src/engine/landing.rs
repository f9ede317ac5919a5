//! Loads within a tier: who leads, who waits, and whether what came back may be stored.
//!
//! Owns: the order of {load started, invalidation, store} for one key. Never: runs a loader.

use std::sync::Arc;
use std::time::Duration;

use super::departures::Why;
use super::effects::{Brought, Effects, Happened, NotStored, Outcome, Waiter};
use super::entry::ReadEntry;
use super::flight::{Asked, Class, Group, Joined, Landed, RunId, Start};
use super::given::{Given, Source};
use super::key::Key;
use super::moment::Moment;
use super::places::Places;
use super::seeded::{self, Bug};
use super::store::Cause;
use super::tag::Tags;
use super::terms::Terms;
use super::tier::{Item, Right, Tier};
use super::weigh::weigh;
use crate::codec::value::Value;
use crate::error::{Error, ErrorKind, Shown};

impl<W: Waiter, J> Tier<W, J> {
    /// Gives `waiter` the value of `key`: from the store, from a load under way, or from one that is begun.
    pub fn load(
        &mut self,
        key: &Key,
        terms: &Terms,
        class: Class,
        waiter: W,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        self.ask_first(key, terms, &mut Group::single(class), waiter, now, fx);
        self.start_loads(fx);
    }

    /// As [`Tier::load`], for one of a `group`; what it leads is not started yet.
    pub(super) fn ask_first(
        &mut self,
        key: &Key,
        terms: &Terms,
        group: &mut Group,
        who: W,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        // A call that would rather wait for a fresh value was shown no stale one. Each of them would ask a source that just
        // failed; what it allows it is given at once instead, until the source may be asked again.
        if group.class() != Class::Refresh
            && let Some(entry) = self.store.find(key.as_str())
            && entry.is_put_off(now)
            && entry.serves(now, terms.stale)
            && entry.since() > who.not_before(self.incarnation)
            && who.accepts(entry.fingerprint())
        {
            if !entry.is_fresh(now) {
                self.counters.stale_hits.one();
            }
            fx.answers.push((who, Ok(Given::of(&entry, now))));
            return;
        }
        self.ask(key, terms, group, Asked { who, at: self.seq, class: group.class(), run: None }, now, fx);
    }

    /// As [`Tier::ask_first`], also for one who has asked before, on terms that need not be its own.
    pub(super) fn ask(
        &mut self,
        key: &Key,
        terms: &Terms,
        group: &mut Group,
        asked: Asked<W>,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        let (class, least) = (group.class(), asked.who.not_before(self.incarnation));
        // A load may have landed between the caller's look at the view and this turn. A refresh wants it anew as long as
        // it is the entry whose time has come.
        if let Some(entry) = self.store.find(key.as_str()).filter(|entry| {
            if class == Class::Refresh {
                now < entry.life().refresh_from
            } else {
                entry.is_fresh(now) && entry.since() > least && asked.who.accepts(entry.fingerprint())
            }
        }) {
            fx.answers.push((asked.who, Ok(Given::of(&entry, now))));
            return;
        }
        if least > 0 {
            self.flights.outdate(key.as_str(), least);
        }
        let can_lead = asked.who.can_lead();
        match self.flights.join(key, terms, group, asked) {
            Joined::Waits => {
                self.counters.joined.one();
                self.flights.prune(key, W::is_gone);
                if can_lead {
                    self.flights.assist(key, now);
                }
            }
            Joined::Leads(_) => {}
            Joined::Refused(Asked { who: waiter, .. }) => {
                if class != Class::Refresh {
                    self.counters.overloaded.one();
                }
                let tier = Arc::clone(&self.rules.name);
                let error = Error::Overloaded { tier, what: "loads", setting: "load_queue" };
                fx.answers.push((waiter, Err(error)));
            }
        }
    }

    /// Starts as many loads as may start.
    pub fn start_loads(&mut self, fx: &mut Effects<W, J>) {
        let now = self.now();
        while let Some(start) = self.next_start(now) {
            self.seq += 1;
            self.counters.loads.one();
            match start {
                Start::One(id) => fx.starts.push(id),
                Start::Batch(runs) => fx.batches.push(self.begin_batch(runs)),
            }
        }
    }

    fn next_start(&mut self, now: Moment) -> Option<Start> {
        // Who was served the old value has gone, and counts on the load that renews it.
        let renews = |key: &Key, terms: &Terms| {
            !terms.stale.is_zero()
                && self.store.find(key.as_str()).is_some_and(|entry| entry.serves(now, terms.stale))
        };
        self.flights.next_start(self.seq + 1, now, W::is_gone, renews)
    }

    /// Key, time limit and caller of a run that is to be started.
    pub fn leader(&mut self, run: RunId) -> Option<(Key, Duration, &mut W)> {
        self.flights.leader(run)
    }

    /// Takes places for loads from `places` from now on. Whoever runs what [`Effects`] starts gives them back.
    pub fn share_places(&mut self, places: Arc<Places>) {
        self.flights.share(places);
    }

    /// Whether a load takes longer than it may.
    pub fn has_overdue(&self) -> bool {
        self.flights.has_overdue()
    }

    /// Runs to be stopped, since the last turn: nobody waits for what they bring.
    pub fn take_stopped(&mut self) -> Vec<RunId> {
        self.flights.take_stopped()
    }

    /// The run `id`, begun in `incarnation`, has ended after `took`. Its value is stored if its ticket is still
    /// good; those who waited are answered either way.
    pub fn land(
        &mut self,
        id: RunId,
        incarnation: u64,
        outcome: Outcome,
        took: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        if incarnation != self.incarnation || !self.flights.is_running(id) {
            return; // begun before the tier broke or closed: who waited was answered then
        }
        self.count_landing(&outcome, took);
        self.end_run(id, outcome, took, now, fx);
    }

    /// What [`Tier::land`] does with a run that is under way.
    pub(super) fn end_run(
        &mut self,
        id: RunId,
        outcome: Outcome,
        took: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        if !self.flights.is_in_flight(id) {
            self.flights.run_out(id);
            self.start_loads(fx);
            return;
        }
        match outcome {
            Outcome::Loaded(brought) => self.end_with(id, brought, took, now, fx),
            Outcome::NotFound => self.end_with(id, Value::nothing().into(), took, now, fx),
            failed => self.end_without(id, &failed, now, fx),
        }
        self.prune_tag_fence();
    }

    /// A run brought a value: it is for all who wait for its flight.
    fn end_with(&mut self, id: RunId, brought: Brought, took: Duration, now: Moment, fx: &mut Effects<W, J>) {
        if let Some(since) =
            self.flights.other_overtaken(id, |began| self.tag_fence.overtook(began, &brought.tags))
        {
            // Those who asked since cannot be given it, and some have loaders of their own that run: these go on.
            let early = self
                .flights
                .take_waiters(id, |asked, runs| asked.run == Some(id) || !runs && asked.at < since);
            self.flights.go_on_without(id, false, W::can_lead);
            self.counters.revoked.one();
            let given = Given::loaded(brought, Source::Loaded, false);
            fx.answers.extend(early.into_iter().map(|asked| (asked.who, Ok(given.clone()))));
            return self.start_loads(fx);
        }
        let Some(mut landed) = self.flights.land(id) else { return };
        landed.ticket = landed.ticket.or(seeded::has(Bug::EndForStart).then_some(self.seq));
        let late = self.take_late(&mut landed, &brought.tags);
        self.prune_tag_fence();
        let (key, terms) = (landed.key.clone(), landed.terms);
        let given = self.given_loaded(&landed, brought, took, now, fx);
        for asked in landed.waiters {
            let mut given = given.clone();
            if asked.run != Some(id) {
                given.source = Source::Joined;
            }
            fx.answers.push((asked.who, Ok(given)));
        }
        self.ask_again(&key, &terms, late, now, fx);
    }

    /// A run ended without a value. Others of its flight go on, or begin:
    /// - an error that can be shared is given to all; of those whose own loaders run, to those that can return it as theirs;
    /// - after one that only its caller can be given, all who wait have a run of their own, side by side under the limit of
    ///   loads: one after the other, the last of them would wait for as many loads as there are callers;
    /// - after one that was lost, the next who can leads, for the source has not failed.
    fn end_without(&mut self, id: RunId, failed: &Outcome, now: Moment, fx: &mut Effects<W, J>) {
        let kind = failed.failed().unwrap_or(ErrorKind::LoadLost);
        let told = match failed {
            // What takes no time limit has no error for it either: such a caller waits for whoever leads next.
            Outcome::Failed(error) => self.flights.take_waiters(id, |asked, runs| {
                let waits_on = kind == ErrorKind::LoadTimeout && asked.who.outlasts_timeouts();
                asked.run == Some(id) || if runs { asked.who.shares(error) } else { !waits_on }
            }),
            Outcome::FailedAlone(_) => self.flights.take_waiters(id, |asked, _| asked.run == Some(id)),
            _ => Vec::new(),
        };
        if let Outcome::Failed(error) | Outcome::FailedAlone(error) = failed {
            fx.answers.extend(told.into_iter().map(|asked| (asked.who, Err(error.clone()))));
        }
        let for_all = matches!(failed, Outcome::FailedAlone(_));
        if self.flights.go_on_without(id, for_all, |who| who.can_lead() && !who.is_gone()) {
            self.start_loads(fx);
            return;
        }
        let Some(landed) = self.flights.land(id) else { return };
        self.end_flight(landed, kind, for_all, now, fx);
    }

    /// A flight ended without a value.
    fn end_flight(
        &mut self,
        landed: Landed<W>,
        kind: ErrorKind,
        for_all: bool,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        self.prune_tag_fence();
        let Landed { key, terms, waiters, .. } = landed;
        self.note_failed(&key, kind, now, fx);
        // Its readers are served the old value meanwhile; the source is given a rest.
        if kind != ErrorKind::LoadLost
            && let Some(entry) = self.store.find(key.as_str())
        {
            entry.put_off(now, |failures| terms.pause_after(failures));
        }
        // Those who waited for a load that was overtaken ask once more, so that nobody gets an error because of another
        // caller's end: a waiter that can lead begins the load anew, the others join it.
        let waiters = waiters.into_iter().filter(|asked| !asked.who.is_gone()).collect();
        self.ask_again(&key, &terms, waiters, now, fx);
        if for_all {
            self.flights.follow_all(key.as_str(), W::can_lead);
            self.start_loads(fx);
        }
    }

    /// The run `id`, begun in `incarnation`, has taken longer than it may, and goes on. The loader of one who waits for it
    /// begins too; where nobody waits, the load is given up.
    pub fn note_overdue(&mut self, id: RunId, incarnation: u64, now: Moment, fx: &mut Effects<W, J>) {
        if incarnation != self.incarnation {
            return;
        }
        if let Some(landed) = self.flights.run_overdue(id, now, W::can_lead, W::is_gone) {
            self.end_flight(landed, ErrorKind::LoadTimeout, false, now, fx);
        }
        self.start_loads(fx);
    }

    /// A caller that waited went away: gives up the loads that take longer than they may and for which nobody waits.
    pub fn give_up_abandoned(&mut self, now: Moment, fx: &mut Effects<W, J>) {
        for landed in self.flights.end_abandoned(W::is_gone) {
            self.end_flight(landed, ErrorKind::LoadTimeout, false, now, fx);
        }
    }

    /// One of `tags`, which a load brought, may have been invalidated since it began: then it may not store, and those
    /// who asked since are taken out, for what it brought may be older than what they were promised.
    fn take_late(&mut self, landed: &mut Landed<W>, tags: &Tags) -> Vec<Asked<W>> {
        // Also of a load that was detached, who joined it between the tag's invalidation and that.
        let Some(since) = self.tag_fence.overtook(landed.began, tags) else { return Vec::new() };
        landed.ticket = None;
        landed.waiters.extract_if(.., |asked| asked.at >= since).collect()
    }

    /// Those who could not be given what a load brought ask once more; none of them led it.
    fn ask_again(
        &mut self,
        key: &Key,
        terms: &Terms,
        waiters: Vec<Asked<W>>,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        let (leaders, others): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|asked| asked.who.can_lead());
        let can_join = !leaders.is_empty() || self.flights.attached(key.as_str()).is_some();
        for asked in leaders {
            // As if nested: they had a place, so they are not refused now.
            self.ask(key, terms, &mut Group::single(Class::Nested), asked, now, fx);
        }
        for asked in others {
            if can_join {
                self.ask(key, terms, &mut Group::single(Class::Nested), asked, now, fx);
            } else {
                fx.answers.push((asked.who, Err(Error::LoadLost { key: Shown::new(key.as_str()) })));
            }
        }
        self.start_loads(fx);
    }

    pub(super) fn count_landing(&self, outcome: &Outcome, took: Duration) {
        let counters = &self.counters;
        counters.load_times.record(took);
        match outcome {
            Outcome::Loaded(_) | Outcome::NotFound => counters.loads_ok.one(),
            Outcome::Failed(Error::LoadPanicked { .. }) => counters.loads_panicked.one(),
            Outcome::Failed(Error::LoadTimeout { .. }) => counters.loads_timed_out.one(),
            Outcome::Failed(_) | Outcome::FailedAlone(_) => counters.loads_failed.one(),
            Outcome::Lost => counters.loads_lost.one(),
        }
    }

    /// Stores what a load brought, if it may be, and makes of it what its waiters are given.
    fn given_loaded(
        &mut self,
        landed: &Landed<W>,
        brought: Brought,
        took: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) -> Given {
        let mut terms = landed.terms;
        terms.hear_loader(brought.ttl, brought.never_stale, brought.renews.as_ref());
        let (value, tags) = (brought.value.clone(), brought.tags.clone());
        let item = Item { key: landed.key.clone(), value, tags, terms };
        let can_be_read = brought.flaw().is_none();
        let not_stored = self.store_loaded(item, can_be_read, landed.ticket, took, now, fx).err();
        self.note_loaded(landed, brought.value.is_nothing(), not_stored, took, now, fx);
        Given::loaded(brought, Source::Loaded, not_stored.is_none())
    }

    /// Stores what a load brought, if nothing overtook it.
    fn store_loaded(
        &mut self,
        item: Item,
        can_be_read: bool,
        ticket: Option<u64>,
        took: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) -> Result<(), NotStored> {
        let Item { key, value, tags, terms } = &item;
        // The load may have read the source before an invalidation or a set of its key. Order that bites:
        //   1 the load starts   2 the source changes, the key is invalidated   3 the load ends with the old row
        // Storing it would serve the old row for a whole time to live. What overtook the load took its ticket. A
        // warm run or a batch does not. Order that bites, when such a value was stored while the load ran:
        //   1 the run begins   2 the load begins, and reads v2   3 the source goes to v3, which the run reads and stores
        //   4 a reader is served v3   5 the load ends with v2, and the next reader goes back to it
        // Nobody knows which of the two is newer, so neither is kept.
        let present = self.store.find(key.as_str()).map(|entry| (entry.since(), entry.seq()));
        let overlaps = |ticket: u64| present.is_some_and(|(since, seq)| since < ticket && ticket < seq);
        if ticket.is_some_and(overlaps) {
            self.displace(key, fx);
        }
        let good = |ticket: &u64| present.is_none_or(|(_, seq)| seq < *ticket);
        let Some(ticket) = ticket.filter(good).filter(|_| !self.fences.hold(key.as_str(), tags)) else {
            self.counters.revoked.one();
            return Err(NotStored::Revoked);
        };
        if !can_be_read {
            self.counters.unreadable.one();
            self.displace(key, fx);
            return Err(NotStored::Unreadable);
        }
        if let Some(reason) = self.refuses(weigh(key, value, tags), tags, fx) {
            self.displace(key, fx);
            return Err(reason);
        }
        let life = if value.is_nothing() {
            terms.life_of_nothing(now)
        } else {
            terms.life(now, self.store.draw(key, ticket))
        };
        if !self.rules.keeps(life.fresh_until.since(now)) {
            self.displace(key, fx);
            return Err(NotStored::NotKept);
        }
        self.put(item, life, took, Right::Load(ticket), now, fx);
        self.counters.stored_by_load.one();
        Ok(())
    }

    /// What a load brought for `key` is given to those who waited and not kept. Order that bites if the older value stays:
    ///   1 it is past its time   2 a caller who takes nothing stale is given the new one   3 one who does is given the old
    /// Nor may a warm run bring it back that began before.
    fn displace(&mut self, key: &Key, fx: &mut Effects<W, J>) {
        let seq = self.next_seq();
        self.journal.lost(seq, key.as_str());
        let first_gone = fx.gone.len();
        self.store.remove(key.as_str(), Cause::Displaced, self.now(), &mut fx.gone);
        self.note_gone(&fx.gone[first_gone..]);
    }

    fn note_failed(&mut self, key: &Key, kind: ErrorKind, now: Moment, fx: &mut Effects<W, J>) {
        self.note_absent(key, Why::LoadFailed(kind), now);
        self.tell(fx, || Happened::LoadFailed { key: key.clone(), kind });
    }

    fn note_loaded(
        &mut self,
        landed: &Landed<W>,
        nothing: bool,
        not_stored: Option<NotStored>,
        took: Duration,
        now: Moment,
        fx: &mut Effects<W, J>,
    ) {
        let Landed { key, class, .. } = landed;
        if let Some(reason) = not_stored {
            self.note_absent(key, reason.into(), now);
        }
        self.tell(fx, || Happened::Loaded {
            key: key.clone(),
            class: *class,
            took,
            found: !nothing,
            not_stored,
        });
    }
}
