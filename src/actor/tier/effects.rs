//! What the turns of a tier leave to be done outside of its lock, and how that is done.
//!
//! Owns: the order of these things. Places in front of the tier are free before anybody is answered, and
//! answers go out before values are dropped. Never: touches the tier's state.

use std::cell::Cell;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::worker::{TierContext, Wreck};
use crate::actor::batch_run;
use crate::actor::guard::{drop_guarded, guarded};
use crate::actor::load::{self, Waiter};
use crate::actor::permit::Permit;
use crate::actor::reply::Reply;
use crate::actor::request::{TierRequest, ToSupervisor, ToTier};
use crate::actor::wiring::tell;
use crate::aside::Later;
use crate::engine::budget::Told;
use crate::engine::entry::{Entry, ReadEntry};
use crate::engine::given::Given;
use crate::engine::slice::CHANGES;
use crate::engine::store::{Gone, Remains};
use crate::engine::tag::Tag;
use crate::engine::tier::{Stored, Taken};
use crate::error::Result;
use crate::loader::LoadCell;
use crate::telemetry::{self, spans};

/// Bytes of entries that whoever ran the turn drops itself at most; the rest goes to a thread that runs no
/// turns.
const DROPPED_HERE: u64 = 256 << 10;

thread_local! {
    /// An empty list with room: a set that takes the place of another entry need not allocate one.
    static SPARE: Cell<Vec<Gone>> = const { Cell::new(Vec::new()) };
}

/// See the module.
pub(crate) struct TierEffects {
    /// Places of what was carried out.
    pub(super) permit: Option<Permit>,
    pub(super) starts: Vec<load::Start>,
    pub(super) batches: Vec<batch_run::Start>,
    pub(super) loaded: Vec<(Waiter, Result<Given>)>,
    pub(super) stored: Vec<(Reply<Stored>, Result<Stored>)>,
    pub(super) taken: Vec<(Reply<Taken>, Taken)>,
    /// Answers of other kinds.
    pub(super) answers: Vec<Later>,
    /// Loaders that are to be dropped, as nobody waits for them any more.
    pub(super) stopped: Vec<Arc<LoadCell>>,
    pub(super) gone: Vec<Gone>,
    pub(super) husks: Vec<Entry>,
    /// Stores that were cleared.
    pub(super) remains: Vec<Remains>,
    pub(super) aside: Vec<Later>,
    pub(super) told: Vec<ToSupervisor>,
    /// Grants of other tiers.
    pub(super) grants: Vec<Told>,
    /// Events were added to the queues of listeners.
    pub(super) has_events: bool,
    /// There is work for the actor, which does not know of it.
    pub(super) wakes_actor: bool,
    /// A place for a load may be free that the tier does not need.
    pub(super) serves_callers: bool,
    /// Dropped last: the task of a load then drops what it still holds of the outcome.
    pub(super) done: Vec<oneshot::Sender<()>>,
    pub(super) too_many_tags: u64,
    /// More bytes than are granted: in use, and granted.
    pub(super) over_grant: Option<(u64, u64)>,
    pub(super) broke: Vec<Broke>,
}

/// A turn that panicked.
pub(super) struct Broke {
    /// What the panic said.
    pub(super) words: String,
    /// Entries that were lost.
    pub(super) lost: u64,
    /// Whether it was one time too many.
    pub(super) has_failed: bool,
    /// What it left half changed.
    pub(super) wreck: Wreck,
}

impl Default for TierEffects {
    fn default() -> Self {
        Self {
            permit: None,
            starts: Vec::new(),
            batches: Vec::new(),
            loaded: Vec::new(),
            stored: Vec::new(),
            taken: Vec::new(),
            answers: Vec::new(),
            stopped: Vec::new(),
            gone: SPARE.try_with(Cell::take).unwrap_or_default(),
            husks: Vec::new(),
            remains: Vec::new(),
            aside: Vec::new(),
            told: Vec::new(),
            grants: Vec::new(),
            has_events: false,
            wakes_actor: false,
            serves_callers: false,
            done: Vec::new(),
            too_many_tags: 0,
            over_grant: None,
            broke: Vec::new(),
        }
    }
}

impl TierEffects {
    /// Gives `reply` its answer after the lock.
    pub(super) fn answer<R: Send + 'static>(&mut self, reply: Reply<R>, answer: Result<R>) {
        self.answers.push(Box::new(move || reply.answer(answer)));
    }

    /// Gives the place of an envelope back after the lock.
    pub(super) fn give_back(&mut self, permit: Option<Permit>) {
        let Some(permit) = permit else { return };
        match &mut self.permit {
            Some(permits) => drop(permits.join(permit)),
            permits @ None => *permits = Some(permit),
        }
    }

    /// The start of the load of `cell`, if these turns started it.
    pub(crate) fn take_start(&mut self, cell: &Arc<LoadCell>) -> Option<load::Start> {
        let place = self.starts.iter().position(|start| start.is_of(cell))?;
        Some(self.starts.swap_remove(place))
    }

    /// Does all of it. Each call into what belongs to the host has a guard of its own: a waker or a `Drop`
    /// that panics keeps nothing of the rest from being done.
    pub(super) fn perform(self, at: TierContext<'_>) {
        let TierContext { wiring, tier } = at;
        if self.wakes_actor {
            tier.tell(ToTier::Wake);
        }
        drop(self.permit);
        for message in self.told {
            tell(&wiring.supervisor, message);
        }
        for Told { tier, bytes, order } in self.grants {
            wiring.deliver(wiring.tiers[tier].id, TierRequest::Grant { bytes, order });
        }
        self.starts.into_iter().for_each(load::Start::spawn);
        self.batches.into_iter().for_each(batch_run::Start::spawn);
        for (reply, stored) in self.stored {
            let _ = guarded(|| reply.answer(stored));
        }
        for (reply, taken) in self.taken {
            let _ = guarded(|| reply.answer(Ok(taken)));
        }
        for (waiter, answer) in self.loaded {
            let _ = guarded(|| waiter.answer(answer));
        }
        for answer in self.answers {
            let _ = guarded(answer);
        }
        self.stopped.iter().for_each(|cell| drop(guarded(|| cell.stop())));
        if self.serves_callers {
            let _ = guarded(|| tier.places.serve_callers());
        }
        if self.has_events {
            wiring.events.wake();
        }
        self.aside.into_iter().for_each(|later| drop(guarded(later)));
        self.broke.into_iter().for_each(|broke| broke.tell(at));
        drop_guarded(self.husks);
        drop_gone(at, self.gone);
        for remains in self.remains {
            wiring.drop_aside(remains.len(), remains);
        }
        warn(at, self.too_many_tags, self.over_grant);
        drop(self.done);
    }
}

impl Broke {
    fn tell(self, TierContext { tier, wiring }: TierContext<'_>) {
        let Self { words, lost, has_failed, wreck } = self;
        let span = spans::restart("tier", Some(&tier.name), "panic").entered();
        spans::restarted(&span, lost, has_failed);
        telemetry::tier_broke(&tier.name, &words, has_failed);
        wiring.events.restarted(&tier.name, lost);
        wiring.drop_aside(lost, wreck);
    }
}

/// Drops what left the tier: a few entries here, the rest where no turns run.
fn drop_gone(at: TierContext<'_>, mut gone: Vec<Gone>) {
    let mut bytes = 0;
    let fits = |Gone { entry, .. }: &&Gone| {
        bytes += entry.weight();
        bytes <= DROPPED_HERE
    };
    let here = gone.iter().take(CHANGES).take_while(fits).count();
    if here < gone.len() {
        let rest = gone.split_off(here);
        at.wiring.drop_aside(u64::MAX, rest);
    }
    let _ = guarded(|| gone.clear());
    if gone.capacity() <= CHANGES {
        let _ = SPARE.try_with(|spare| spare.set(gone));
    }
}

/// Warnings are calls into the host's subscriber, and so have no place within a turn.
fn warn(TierContext { wiring, tier }: TierContext<'_>, too_many_tags: u64, over_grant: Option<(u64, u64)>) {
    if too_many_tags > 0
        && let Some(left_out) = tier.warn_tags.pass(wiring.env.now())
    {
        telemetry::too_many_tags(&tier.name, Tag::PER_ENTRY_MAX, left_out + too_many_tags - 1);
    }
    if let Some((used, granted)) = over_grant {
        telemetry::over_its_grant(&tier.name, used, granted);
    }
    tier.warn_of_lost_writes(wiring.env.now());
}
