//! What actors tell each other: the inner side of the public messages.
//!
//! Owns: the shape of requests on their way, each with its reply slot. Never: knows what an actor does with
//! them. Public so that an actor can be driven alone, with recorded neighbours.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use tokio::sync::oneshot;

use super::change::Was;
use super::mailbox::Room;
use super::permit::Permit;
use super::reply::Reply;
use crate::batch_loader::BatchLoader;
use crate::codec::value::Wanted;
use crate::engine::explain::Explanation;
use crate::engine::fences::{End, FenceId};
use crate::engine::flight::{Class, RunId};
use crate::engine::given::Given;
use crate::engine::journal::Ticket;
use crate::engine::key::Key;
use crate::engine::scope::{How, Scope};
use crate::engine::stamp::At;
use crate::engine::terms::Terms;
use crate::engine::tier::{BatchLanded, Outcome, Stored, Taken, Warmed};
pub use crate::engine::tier::{Item, Made};
use crate::env::Spawner;
use crate::error::{Error, Result};
use crate::loader::LoadCell;
use crate::message::{
    Advice, AdviceSnapshot, Change, History, Info, InfoSnapshot, ReviveTier, Sample, SourceReport,
    StatsSnapshot, UserActive, Warm, WarmReport,
};

/// A request with its place in front of the tier, which is given back when the request has been carried out.
#[derive(Debug)]
pub struct Envelope {
    /// What to do.
    pub request: TierRequest,
    /// The place; none for what is bounded elsewhere.
    pub(crate) permit: Option<Permit>,
}

impl From<TierRequest> for Envelope {
    /// A request that needs no place: what causes it bounds it.
    fn from(request: TierRequest) -> Self {
        Self { request, permit: None }
    }
}

impl Envelope {
    pub(crate) fn new(request: TierRequest, permit: Permit) -> Self {
        Self { request, permit: Some(permit) }
    }
}

/// Something to be done with each of several, which may take several turns.
#[derive(Debug)]
pub struct Bulk<I, R: Send + 'static> {
    /// What is left to be done.
    pub left: std::vec::IntoIter<I>,
    /// What was done came to.
    pub done: Vec<R>,
    /// Who waits for all of it.
    pub reply: Reply<Vec<R>>,
}

impl<I, R: Send + 'static> Bulk<I, R> {
    /// Of which nothing is done.
    pub fn new(items: Vec<I>, reply: Reply<Vec<R>>) -> Self {
        Self { done: Vec::with_capacity(items.len()), left: items.into_iter(), reply }
    }
}

/// What a tier can be asked.
#[derive(Debug)]
#[allow(missing_docs)] // the names of the fields say what they are
pub enum TierRequest {
    /// Read.
    Get { key: Key, reply: Reply<Option<Given>> },
    /// Look, without counting it as a read.
    Contains { key: Key, reply: Reply<bool> },
    /// Tell what is known of a key, without counting it as a read.
    Explain { key: Key, route: Option<Arc<str>>, reply: Reply<Explanation> },
    /// Store one.
    Set { item: Made, reply: Reply<Stored> },
    /// Store several, one after the other, between two messages.
    SetMany(Bulk<Made, Result<Stored>>),
    /// Take one away.
    Remove { key: Key, reply: Reply<Taken> },
    /// Take several away, between two messages.
    RemoveMany(Bulk<Key, Taken>),
    /// Read, or wait for a load, or lead one.
    Load(Box<LoadRequest>),
    /// The same for several keys, with one load for all that are left.
    LoadMany(Box<LoadManyRequest>),
    /// Take away what a scope matches.
    Invalidate { scope: Scope, how: How, dry_run: bool, reply: Reply<Taken> },
    /// Store nothing any more that a scope matches, but sets.
    OpenFence { id: FenceId, scope: Scope, reply: Reply<()> },
    /// End that, and for a commit take away what the scope matches.
    CloseFence { id: FenceId, scope: Scope, end: End, reply: Reply<Taken> },
    /// Give a warm run its right to store.
    BeginWarm { reply: Reply<Ticket> },
    /// Store a part of what a warm run brought.
    StoreWarm { ticket: Ticket, items: Vec<Item>, reply: Reply<Vec<Warmed>> },
    /// End a warm run.
    EndWarm { ticket: Ticket },
    /// Hold at most so many bytes from now on, and tell `order` back once that is so.
    Grant { bytes: u64, order: u64 },
    /// Keep things from now on, or nothing.
    Enable { enabled: bool, reply: Reply<Taken> },
    /// Serve again.
    Revive { reply: Reply<bool> },
    /// Answered when all that came before it is applied, invalidations that go on in slices included.
    Written { reply: Reply<()> },
    /// Pending when nothing is left to be done.
    Drain { reply: Reply<()> },
    /// A load has ended. Never refused: the number of loads bounds it.
    Landed {
        /// Which run.
        id: RunId,
        /// In which life of the tier it began.
        incarnation: u64,
        /// How it ended. In a box, as it is much larger than the other requests.
        outcome: Box<Outcome>,
        /// How long it took.
        took: Duration,
        /// Dropped when nothing of the outcome is left here.
        done: Option<oneshot::Sender<()>>,
    },
    /// A load of several keys has ended, or here is a part of what it brought; with the last part what is
    /// dropped when nothing of it is left here.
    BatchLanded(Box<BatchLanded>, Option<oneshot::Sender<()>>),
    /// A load has taken longer than it may, and goes on. At most one for each load and `load_timeout`.
    Overdue { id: RunId, incarnation: u64 },
    /// A caller gave up while a load takes longer than it may. Sent again only after the last one arrived.
    CallerLeft,
    /// A place for a load is free that the tier waited for.
    PlaceFree,
    /// A reader found no room for a decoded copy. Sent once for each grant.
    NoRoom,
    /// Take out what has expired.
    Sweep,
    /// Let go of everything: the tier's actor died too often.
    GiveUp,
    /// Panic in the turn, to see what happens.
    #[cfg(feature = "fault-injection")]
    Break,
}

impl TierRequest {
    /// How much whoever sends it carries out.
    pub(super) fn room(&self) -> Room {
        match self {
            Self::SetMany(_) | Self::RemoveMany(_) => Room::BULK,
            _ => Room::CALL,
        }
    }
}

/// A request to load.
#[derive(Debug)]
pub struct LoadRequest {
    /// Which key.
    pub key: Key,
    /// On what terms.
    pub terms: Terms,
    /// What is wanted; all else counts as absent.
    pub wanted: Wanted,
    /// What is older than this counts as absent, and a load that began before is not joined.
    pub after: Option<At>,
    /// For whom.
    pub class: Class,
    /// Where the loader is.
    pub cell: Arc<LoadCell>,
    /// Where to run it.
    pub spawner: Spawner,
    /// Who waits; nobody for a refresh.
    pub reply: Option<Reply<Given>>,
}

impl LoadRequest {
    /// Refuses it.
    pub(crate) fn refuse(self, error: &Error) {
        self.reply.into_iter().for_each(|reply| reply.answer(Err(error.clone())));
    }
}

/// A request to load several keys.
#[derive(Debug)]
pub struct LoadManyRequest {
    /// Which.
    pub members: Vec<LoadMember>,
    /// What is wanted; all else counts as absent.
    pub wanted: Wanted,
    /// For whom.
    pub class: Class,
    /// What brings those that are missing.
    pub loader: Arc<BatchLoader>,
    /// Where to run it.
    pub spawner: Spawner,
}

impl LoadManyRequest {
    /// Refuses it.
    pub(crate) fn refuse(self, error: &Error) {
        let replies = self.members.into_iter().filter_map(|member| member.reply);
        replies.for_each(|reply| reply.answer(Err(error.clone())));
    }
}

/// One key of a [`LoadManyRequest`].
#[derive(Debug)]
pub struct LoadMember {
    /// Which key.
    pub key: Key,
    /// On what terms.
    pub terms: Terms,
    /// What its source has to be read after.
    pub after: Option<At>,
    /// Where its own loader is, should it have to be loaded alone.
    pub cell: Arc<LoadCell>,
    /// Who waits; nobody for a refresh.
    pub reply: Option<Reply<Given>>,
}

/// What a tier actor takes: the requests themselves are in the tier's mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub enum ToTier {
    /// There is work in the mailbox.
    Wake,
    /// Take the next slice of it.
    GoOn,
    /// A reader found no room for a decoded copy. Sent once for each grant.
    NoRoom,
    /// Die, to see what happens.
    #[cfg(feature = "fault-injection")]
    Die,
    /// The cache has ended: stop, for a timer would keep the actor alive.
    End,
}

/// What the supervisor takes beside the public messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub enum ToSupervisor {
    /// There are control requests.
    Wake,
    /// A tier has little room left.
    NearGrant {
        /// Which.
        tier: usize,
    },
    /// A tier holds to its grant.
    Holds {
        /// Which.
        tier: usize,
        /// The number under which it was told its grant.
        order: u64,
    },
    /// What readers left was looked at.
    Looked {
        /// Whether it should be looked soon again, because much is read.
        soon: bool,
    },
    /// The cache has ended: stop, for a timer would keep the actor alive.
    End,
}

/// What the supervisor does itself, or hands to the warmer or the stats actor.
#[derive(Debug)]
pub enum ControlRequest {
    /// For the warmer.
    Warm(ToWarmer),
    /// For the stats actor.
    Stats(ToStats),
    /// Settings and status.
    Info(Info, Reply<InfoSnapshot>),
    /// Change settings.
    Change(ChangeRequest),
    /// Put a tier back into service.
    Revive(ReviveTier, Reply<bool>),
    /// Die, to see what happens.
    #[cfg(feature = "fault-injection")]
    Die,
}

/// Settings to be changed, all or none.
#[derive(Debug)]
pub struct ChangeRequest {
    /// What they are to be.
    pub changes: Vec<Change>,
    /// Where each tier tells that it was switched on or off, if that is among them.
    pub tiers: Vec<Reply<Taken>>,
    /// Who waits for what was before, until a budget holds that is among them.
    pub reply: Reply<Vec<Was>>,
}

/// What the warmer takes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum ToWarmer {
    /// Run sources.
    Warm(Warm, Reply<WarmReport>),
    /// A user did something.
    UserActive(UserActive, Reply<bool>),
    /// A run has ended.
    Ended {
        /// Which source.
        source: usize,
        /// For which user, if it is a source for users.
        user: Option<Arc<str>>,
        /// What it came to.
        report: SourceReport,
    },
    /// Everything was taken: forget who was warmed.
    Cleared,
    /// Die, to see what happens.
    #[cfg(feature = "fault-injection")]
    Die,
    /// The cache has ended: stop, for a timer would keep the actor alive.
    End,
}

/// What the stats actor takes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum ToStats {
    /// All counters now.
    Snapshot(Reply<StatsSnapshot>),
    /// The counters at past moments.
    History(History, Reply<Vec<Sample>>),
    /// What should be changed.
    Advise(Advice, Reply<AdviceSnapshot>),
    /// Die, to see what happens.
    #[cfg(feature = "fault-injection")]
    Die,
    /// The cache has ended: stop, for a timer would keep the actor alive.
    End,
}
