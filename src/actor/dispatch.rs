//! From a public message to the inbox: routing, permits, and waiting for the answer.
//!
//! Owns: what each message becomes on its way. Never: touches a store. A request is in the inbox when [`Request::post`]
//! returns; from then on it is applied, whether its caller waits or not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix::Message;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::inbox::Parcel;
use super::permit::{Lane, Permit};
use super::reply::Reply;
use super::request::{Accepted, ControlRequest, TierRequest, ToStats, ToWarmer};
use super::wiring::Wiring;
use crate::engine::given::Given;
use crate::engine::key::Key;
use crate::engine::route::TierId;
use crate::engine::scope::How;
use crate::engine::tier::{Made, Taken};
use crate::error::{Error, Result};
use crate::message::{
    Advice, AdviceSnapshot, Contains, Get, History, Info, InfoSnapshot, Remove, RemoveMany, Removed,
    ReviveTier, Sample, Set, SetMany, Shutdown, Stats, StatsSnapshot, Stored, UserActive, Warm, WarmReport,
};

use crate::telemetry::spans::{self, Took};

/// Bytes of a bulk message that go to a tier at once.
const CHUNK: u64 = 1 << 20;
/// Entries that such a message is given room for at first, if there may be as many.
const AT_ONCE: usize = 128;

/// A message of [`crate::message`] that a cache can be sent.
pub trait Request: Message<Result = Result<Self::Reply>> + Send + Sized + 'static {
    /// What answers it.
    type Reply: Send + 'static;

    /// Routes the message, takes its permits and puts it into the inbox, all before it returns. What it returns waits
    /// for the answer; dropping that takes nothing back.
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply>;
}

/// Waits for the answer to a request.
#[must_use = "the request is under way; await this to learn what came of it"]
pub struct Pending<R>(Waiting<R>);

enum Waiting<R> {
    Known(Option<Result<R>>),
    Slot(oneshot::Receiver<Result<R>>),
    Task(Pin<Box<dyn Future<Output = Result<R>> + Send>>),
}

impl<R> std::fmt::Debug for Pending<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl<R> Pending<R> {
    pub(crate) fn known(answer: Result<R>) -> Self {
        Self(Waiting::Known(Some(answer)))
    }

    /// Why the request was refused, if it was: then it is in no inbox.
    pub(crate) fn refusal(&self) -> Option<&Error> {
        if let Waiting::Known(Some(Err(error))) = &self.0 { Some(error) } else { None }
    }

    pub(crate) fn task(task: impl Future<Output = Result<R>> + Send + 'static) -> Self {
        Self(Waiting::Task(Box::pin(task)))
    }
}

impl<R> From<Result<oneshot::Receiver<Result<R>>>> for Pending<R> {
    fn from(posted: Result<oneshot::Receiver<Result<R>>>) -> Self {
        match posted {
            Ok(slot) => Self(Waiting::Slot(slot)),
            Err(error) => Self::known(Err(error)),
        }
    }
}

impl<R: Unpin> Future for Pending<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Waiting::Known(answer) => Poll::Ready(answer.take().unwrap_or(Err(Error::Closed))),
            // A slot answers when it is dropped, so a lost sender means that the cache is gone.
            Waiting::Slot(slot) => Poll::Ready(ready!(Pin::new(slot).poll(cx)).unwrap_or(Err(Error::Closed))),
            Waiting::Task(task) => task.as_mut().poll(cx),
        }
    }
}

impl Wiring {
    /// A place in front of tier `id`; a refusal is counted.
    pub(crate) fn permit(&self, id: TierId, lane: Lane, bytes: u64) -> Result<Permit> {
        let tier = self.tier(id);
        tier.permits.take(lane, bytes).inspect_err(|_| tier.counters.overloaded.one())
    }

    /// Posts what `request` makes of a reply slot to tier `id`.
    pub(crate) fn post_to<R>(
        &self,
        id: TierId,
        lane: Lane,
        bytes: u64,
        request: impl FnOnce(Reply<R>) -> TierRequest,
    ) -> Result<oneshot::Receiver<Result<R>>> {
        self.open()?;
        let permit = self.permit(id, lane, bytes)?;
        Ok(self.post_with(id, permit, request))
    }

    /// As [`Wiring::post_to`], with a place that was taken before.
    pub(crate) fn post_with<R>(
        &self,
        id: TierId,
        permit: Permit,
        request: impl FnOnce(Reply<R>) -> TierRequest,
    ) -> oneshot::Receiver<Result<R>> {
        let (reply, answer) = Reply::of(&self.tier(id).answerer);
        self.post(Parcel::Tier(id, Accepted::with(request(reply), permit)));
        answer
    }

    /// Posts a request on one key, which is routed here.
    fn post_key<R>(
        &self,
        key: Key,
        lane: Lane,
        request: impl FnOnce(Key, Reply<R>) -> TierRequest,
    ) -> Result<oneshot::Receiver<Result<R>>> {
        let id = self.route_told(key.as_str())?.0.id;
        let bytes = key.as_str().len() as u64;
        self.post_to(id, lane, bytes, |reply| request(key, reply))
    }

    /// Posts what `request` makes of a reply slot to the supervisor.
    pub(super) fn post_control<R>(&self, request: impl FnOnce(Reply<R>) -> ControlRequest) -> Pending<R> {
        let permit = match self.open().and_then(|()| self.control.take(Lane::Data, 0)) {
            Ok(permit) => permit,
            Err(error) => return Pending::known(Err(error)),
        };
        let (mut reply, answer) = Reply::new("control".into());
        // Held until the answer, not until the caller goes: what was accepted and not answered is what the bound counts.
        reply.hold(permit);
        self.post(Parcel::Control(request(reply)));
        Ok(answer).into()
    }
}

impl Request for Get {
    type Reply = Option<Given>;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_key(self.key, Lane::Data, |key, reply| TierRequest::Get { key, reply }).into()
    }
}

impl Request for Contains {
    type Reply = bool;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_key(self.key, Lane::Data, |key, reply| TierRequest::Contains { key, reply }).into()
    }
}

impl Request for Set {
    type Reply = Stored;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        match wiring.make(self) {
            Ok(ready) => wiring.post_set(ready),
            Err(error) => Pending::known(Err(error)),
        }
    }
}

impl Request for Remove {
    type Reply = Removed;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Self { key } = self;
        let bytes = key.as_str().len() as u64;
        let posted = wiring.route_removal(key.as_str()).and_then(|tier| {
            wiring.post_to(tier.id, Lane::Control, bytes, |reply| TierRequest::Remove { key, reply })
        });
        match posted {
            Ok(answer) => Pending::task(async move {
                let span = spans::invalidation("key", How::Remove.as_str(), false, true);
                let taken = answer.instrument(span.clone()).await;
                let taken = taken.unwrap_or(Err(Error::Closed)).map_err(partial);
                let took =
                    |&Taken { matched, revoked_loads, .. }: &_| Took { tiers: 1, matched, revoked_loads };
                spans::invalidated(&span, taken.as_ref().map(took));
                let taken = taken?;
                Ok(Removed::new(taken.matched > 0, taken.revoked_loads))
            }),
            Err(error) => Pending::known(Err(error)),
        }
    }
}

impl Request for RemoveMany {
    type Reply = Vec<Removed>;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        match super::remove_many::remove(wiring, self.keys) {
            Ok(answer) => Pending::task(answer),
            Err(error) => Pending::known(Err(error)),
        }
    }
}

/// A tier that broke starts again empty: nothing older is served there, and that is what was asked for.
fn partial(error: Error) -> Error {
    match error {
        Error::TierRestarting { tier } => Error::Partial { tiers: tier.to_string() },
        error => error,
    }
}

/// One message of a [`SetMany`] to one tier, and where its results belong in the reply.
struct Chunk {
    tier: TierId,
    bytes: u64,
    items: Vec<Made>,
    places: Vec<usize>,
}

/// The entries of a [`SetMany`] as messages.
struct Chunks {
    chunks: Vec<Chunk>,
    /// Entries that cannot be routed, by their places.
    refused: Vec<(usize, Error)>,
    /// Number of entries.
    len: usize,
}

impl SetMany {
    /// Makes the entries, and cuts them into messages.
    fn chunks(self, wiring: &Wiring) -> Chunks {
        let len = self.entries.len();
        let (mut chunks, mut refused): (Vec<Chunk>, _) = (Vec::new(), Vec::new());
        let mut left = Vec::new();
        for (place, set) in self.entries.into_iter().enumerate() {
            left.pop(); // dropped here, where the next is allocated: see `permit`
            let (tier, item) = match wiring.make(set) {
                Ok(ready) => (ready.tier.id, ready.made()),
                Err(error) => {
                    refused.push((place, error));
                    continue;
                }
            };
            let bytes = item.weight();
            match chunks.iter_mut().rev().find(|chunk| chunk.tier == tier) {
                Some(chunk) if chunk.bytes + bytes <= CHUNK => {
                    chunk.bytes += bytes;
                    chunk.items.push(item);
                    chunk.places.push(place);
                }
                _ => {
                    let room = (len - place).min(AT_ONCE);
                    let (mut items, mut places) = (Vec::with_capacity(room), Vec::with_capacity(room));
                    items.push(item);
                    places.push(place);
                    chunks.push(Chunk { tier, bytes, items, places });
                    left = wiring.tier(tier).permits.leftovers(room);
                }
            }
        }
        Chunks { chunks, refused, len }
    }
}

impl Request for SetMany {
    type Reply = Vec<Result<Stored>>;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Chunks { mut chunks, refused, len } = self.chunks(wiring);
        // Mostly all go to one tier at once, and its answer is that of all.
        if chunks.len() == 1
            && refused.is_empty()
            && let Some(Chunk { tier, bytes, items, .. }) = chunks.pop()
        {
            let request = |reply| TierRequest::SetMany { items, reply };
            return match wiring.post_to(tier, Lane::Data, bytes, request) {
                Ok(answer) => Pending::task(async move {
                    let stored = answer.await.unwrap_or(Err(Error::Closed));
                    Ok(stored.unwrap_or_else(|error| vec![Err(error); len]))
                }),
                Err(error) => Pending::known(Err(error)),
            };
        }
        // All permits before anything is queued: it is accepted whole or not at all.
        let permits: Result<Vec<Permit>> = wiring.open().and_then(|()| {
            let take = |chunk: &Chunk| wiring.permit(chunk.tier, Lane::Data, chunk.bytes);
            chunks.iter().map(take).collect()
        });
        let permits = match permits {
            Ok(permits) => permits,
            Err(error) => return Pending::known(Err(error)),
        };
        let mut results: Vec<Option<Result<Stored>>> = (0..len).map(|_| None).collect();
        refused.into_iter().for_each(|(place, error)| results[place] = Some(Err(error)));
        let mut parts = Vec::new();
        let mut waits = Vec::new();
        for (Chunk { tier, items, places, .. }, permit) in chunks.into_iter().zip(permits) {
            let (reply, answer) = Reply::of(&wiring.tier(tier).answerer);
            parts.push((tier, Accepted::with(TierRequest::SetMany { items, reply }, permit)));
            waits.push((places, answer));
        }
        wiring.post(Parcel::Tiers(parts));
        Pending::task(async move {
            for (places, answer) in waits {
                match answer.await.unwrap_or(Err(Error::Closed)) {
                    Ok(stored) => {
                        places.into_iter().zip(stored).for_each(|(place, one)| results[place] = Some(one));
                    }
                    Err(error) => {
                        places.into_iter().for_each(|place| results[place] = Some(Err(error.clone())));
                    }
                }
            }
            Ok(results.into_iter().map(|result| result.unwrap_or(Err(Error::Closed))).collect())
        })
    }
}

impl Request for Warm {
    type Reply = WarmReport;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_control(|reply| ControlRequest::Warm(ToWarmer::Warm(self, reply)))
    }
}

impl Request for UserActive {
    type Reply = bool;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_control(|reply| ControlRequest::Warm(ToWarmer::UserActive(self, reply)))
    }
}

impl Request for Stats {
    type Reply = StatsSnapshot;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_control(|reply| ControlRequest::Stats(ToStats::Snapshot(reply)))
    }
}

impl Request for History {
    type Reply = Vec<Sample>;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_control(|reply| ControlRequest::Stats(ToStats::History(self, reply)))
    }
}

impl Request for Advice {
    type Reply = AdviceSnapshot;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_control(|reply| ControlRequest::Stats(ToStats::Advise(self, reply)))
    }
}

impl Request for Info {
    type Reply = InfoSnapshot;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_control(|reply| ControlRequest::Info(self, reply))
    }
}

impl Request for ReviveTier {
    type Reply = bool;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        wiring.post_control(|reply| ControlRequest::Revive(self, reply))
    }
}

impl Request for Shutdown {
    type Reply = ();
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let wiring = Arc::clone(wiring);
        super::shutdown::begin(&wiring);
        Pending::task(async move {
            super::shutdown::ended(&wiring).await;
            Ok(())
        })
    }
}
