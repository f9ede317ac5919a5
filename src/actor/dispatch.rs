//! From a public message to the mailboxes: routing, permits, and waiting for the answer.
//!
//! Owns: what each message becomes on its way. Never: touches a store. A request is in its mailbox, or
//! carried out, when [`Request::post`] returns; from then on it is applied, whether its caller waits or not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix::Message;
use tokio::sync::oneshot;
use tokio::task::coop::poll_proceed;

use super::mailbox::Sent;
use super::permit::{Lane, Permit};
use super::reply::Reply;
use super::request::{Bulk, ControlRequest, Envelope, TierRequest, ToStats, ToWarmer};
use super::tier::{TierContext, TierEffects, TierWorker};
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

    /// Routes the message, takes its permits and carries it out or puts it into a mailbox, all before it
    /// returns. What it returns waits for the answer; dropping that takes nothing back.
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

    /// Why the request was refused, if it was: then nothing of it is carried out.
    pub(crate) fn refusal(&self) -> Option<&Error> {
        if let Waiting::Known(Some(Err(error))) = &self.0 { Some(error) } else { None }
    }

    /// What `then` makes of the answer, once that is there.
    fn then<T: Send + 'static>(self, then: impl FnOnce(Result<R>) -> Result<T> + Send + 'static) -> Pending<T>
    where
        R: Send + Unpin + 'static,
    {
        match self.0 {
            Waiting::Known(answer) => Pending::known(then(answer.unwrap_or(Err(Error::Closed)))),
            waiting => Pending::task(async move { then(Self(waiting).await) }),
        }
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
            Waiting::Known(answer) => {
                // A task that awaits one call after the other lets others of its thread have their turn now
                // and then.
                ready!(poll_proceed(cx)).made_progress();
                Poll::Ready(answer.take().unwrap_or(Err(Error::Closed)))
            }
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

    /// Has `run` do `call` at once if tier `id` is idle. Otherwise what `request` makes of it waits in the
    /// tier's mailbox, in one of the places of its `lane`.
    pub(crate) fn call<C, R: Send + 'static>(
        self: &Arc<Self>,
        id: TierId,
        (lane, bytes): (Lane, u64),
        call: C,
        run: impl FnOnce(&mut TierWorker, TierContext<'_>, C, &mut TierEffects) -> Result<R>,
        request: impl FnOnce(C, Reply<R>) -> TierRequest,
    ) -> Pending<R> {
        if let Err(closed) = self.open() {
            return Pending::known(Err(closed));
        }
        let tier = self.tier(id);
        let at = TierContext { wiring: self, tier };
        let enqueue = |call| {
            let permit = self.permit(id, lane, bytes)?;
            let (reply, answer) = Reply::of(&tier.answerer);
            Ok::<_, Error>((Envelope::new(request(call, reply), permit), answer))
        };
        match tier.mailbox.send(at, call, |worker, call, effects| run(worker, at, call, effects), enqueue) {
            Ok(Sent::Ran(answer)) => Pending::known(answer),
            Ok(Sent::Queued(answer)) => Ok(answer).into(),
            Ok(Sent::Closed) => Pending::known(Err(Error::Closed)),
            Err(refused) => Pending::known(Err(refused)),
        }
    }

    /// Puts what `request` makes of a reply slot into the mailbox of tier `id`, in one of the places of its
    /// `lane`.
    pub(crate) fn post_to<R: Send + 'static>(
        self: &Arc<Self>,
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
    pub(crate) fn post_with<R: Send + 'static>(
        self: &Arc<Self>,
        id: TierId,
        permit: Permit,
        request: impl FnOnce(Reply<R>) -> TierRequest,
    ) -> oneshot::Receiver<Result<R>> {
        let (reply, answer) = Reply::of(&self.tier(id).answerer);
        self.deliver(id, Envelope::new(request(reply), permit));
        answer
    }

    /// Posts what `request` makes of a reply slot to the supervisor.
    pub(super) fn post_control<R: Send + 'static>(
        &self,
        request: impl FnOnce(Reply<R>) -> ControlRequest,
    ) -> Pending<R> {
        let permit = match self.open().and_then(|()| self.control.take(Lane::Data, 0)) {
            Ok(permit) => permit,
            Err(error) => return Pending::known(Err(error)),
        };
        let (mut reply, answer) = Reply::new("control".into());
        // Held until the answer, not until the caller goes: what was accepted and not answered is what the
        // bound counts.
        reply.hold(permit);
        self.post_to_supervisor(request(reply));
        Ok(answer).into()
    }
}

impl Request for Get {
    type Reply = Option<Given>;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Self { key } = self;
        let (id, bytes) = match wiring.route_told(key.as_str()) {
            Ok((tier, _)) => (tier.id, key.as_str().len() as u64),
            Err(error) => return Pending::known(Err(error)),
        };
        let run = |_: &mut TierWorker, at: TierContext<'_>, key: Key, _: &mut _| TierWorker::get(at, &key);
        wiring.call(id, (Lane::Data, bytes), key, run, |key, reply| TierRequest::Get { key, reply })
    }
}

impl Request for Contains {
    type Reply = bool;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Self { key } = self;
        let (id, bytes) = match wiring.route_told(key.as_str()) {
            Ok((tier, _)) => (tier.id, key.as_str().len() as u64),
            Err(error) => return Pending::known(Err(error)),
        };
        let run =
            |_: &mut TierWorker, at: TierContext<'_>, key: Key, _: &mut _| TierWorker::contains(at, &key);
        wiring.call(id, (Lane::Data, bytes), key, run, |key, reply| TierRequest::Contains { key, reply })
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
        let id = match wiring.route_removal(key.as_str()) {
            Ok(tier) => tier.id,
            Err(error) => return Pending::known(Err(error)),
        };
        let run = |worker: &mut TierWorker, at: TierContext<'_>, key: Key, effects: &mut _| {
            worker.remove(at, &key, effects)
        };
        let request = |key, reply| TierRequest::Remove { key, reply };
        let span = spans::invalidation("key", How::Remove.as_str(), false, true);
        let entered = span.clone().entered();
        let taken = wiring.call(id, (Lane::Control, bytes), key, run, request);
        drop(entered);
        let told = move |taken: Result<Taken>| {
            let taken = taken.map_err(partial);
            let took = |&Taken { matched, revoked_loads, .. }: &_| Took { tiers: 1, matched, revoked_loads };
            spans::invalidated(&span, taken.as_ref().map(took));
            taken.map(|taken| Removed::new(taken.matched > 0, taken.revoked_loads))
        };
        taken.then(told)
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
        for (place, set) in self.entries.into_iter().enumerate() {
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
            let posted = wiring
                .post_to(tier, Lane::Data, bytes, |reply| TierRequest::SetMany(Bulk::new(items, reply)));
            return Pending::from(posted).then(move |stored| match stored {
                Err(error @ (Error::Overloaded { .. } | Error::Closed)) => Err(error),
                stored => Ok(stored.unwrap_or_else(|error| vec![Err(error); len])),
            });
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
            parts.push((tier, Envelope::new(TierRequest::SetMany(Bulk::new(items, reply)), permit)));
            waits.push((places, answer));
        }
        wiring.deliver_all(parts);
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
