//! A call with a loader, from the host's side: a look at the view, a request to the tier, and when the cache
//! is in trouble the loader itself.
//!
//! Owns: that such a call has an answer within its deadline whatever breaks. Never: stores anything.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::dispatch::{Pending, Request};
use super::limit::Limit;
use super::load::Start;
use super::look::{Found, KeyAt};
use super::mailbox::Sent;
use super::permit::Lane;
use super::reply::Reply;
use super::request::{Envelope, LoadRequest, TierRequest};
use super::tier::{TierContext, TierEffects, TierWorker};
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::codec::value::Wanted;
use crate::deadline::Deadline;
use crate::engine::flight::Class;
use crate::engine::given::{Given, Source};
use crate::engine::key::Key;
use crate::engine::provenance::SaidBy;
use crate::engine::route::TierId;
use crate::engine::stamp::{At, Stamp};
use crate::engine::terms::Terms;
use crate::env::Spawner;
use crate::error::{Error, ErrorKind, Result};
use crate::load_policy::LoadPolicy;
use crate::loader::{LoadCell, Loader, wait_for};
use crate::message::GetOrLoad;
use crate::telemetry::{self, spans, spans::For};
use crate::waits::Waiting;

/// How long a call with a loader waits for a place in front of a tier that is flooded, so that a herd of
/// callers still loads once. A tier that works takes thousands of requests in some milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Waits for a tier. A slot answers when it is dropped, so a lost sender means that the cache is gone.
pub(super) async fn told<R>(answer: oneshot::Receiver<Result<R>>) -> Result<R> {
    answer.await.unwrap_or(Err(Error::Closed))
}

/// What a call with a loader asks for.
pub(crate) struct LoadCall {
    pub(crate) key: Key,
    pub(crate) loader: Loader,
    pub(crate) policy: LoadPolicy,
    pub(crate) deadline: Option<Duration>,
    /// The deadline of the caller's task, for callers that can be told when it has passed.
    pub(crate) task: Option<Deadline>,
    pub(crate) wanted: Wanted,
    /// What is older than this counts as absent.
    pub(crate) after: Option<Stamp>,
    /// How long it waits for a place in front of a tier that is full. Zero: its loader runs in the caller at
    /// once.
    pub(crate) patience: Duration,
}

/// A call with a loader while it waits.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(super) key: Key,
    pub(super) cell: Arc<LoadCell>,
    /// That a loader waits for it, if one asks.
    pub(super) waiting: Option<Arc<Waiting>>,
    pub(super) wanted: Wanted,
    pub(super) after: Option<At>,
    pub(super) terms: Terms,
}

impl Asked {
    /// Bytes of its request in front of the tier.
    fn bytes(&self) -> u64 {
        self.key.as_str().len() as u64
    }

    /// What it asks of the tier, with its own loader to be run by `spawner`.
    fn request(&self, spawner: Spawner, mut reply: Reply<Given>) -> Box<LoadRequest> {
        reply.ends(self.waiting.as_deref());
        let Self { key, cell, waiting, wanted, after, terms } = self.clone();
        let class = if waiting.is_some() { Class::Nested } else { Class::Caller };
        Box::new(LoadRequest { key, terms, wanted, after, class, cell, spawner, reply: Some(reply) })
    }
}

/// A call with a loader that was sent.
pub(crate) struct SentLoad<F> {
    pub(super) tier: TierId,
    pub(super) asked: Asked,
    pub(super) limit: Limit,
    /// Its answer, without any limit on the wait.
    pub(super) answered: F,
}

/// A call that waits for the answer of a tier. When it is dropped without one, it notes that: perhaps nobody
/// else needs the load that it waited for.
struct Leaving<'a> {
    wiring: &'a Arc<Wiring>,
    tier: &'a TierShared,
    waits: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.wiring.note_left(self.tier);
        }
    }
}

impl Wiring {
    /// A caller that waited for a load went away without an answer.
    fn note_left(self: &Arc<Self>, tier: &TierShared) {
        if tier.has_overdue.load(Ordering::SeqCst) && !tier.told_left.swap(true, Ordering::SeqCst) {
            self.leave(tier.id, TierRequest::CallerLeft);
        }
    }

    /// Has `key` loaded anew with `loader` while its value is served; nobody waits. Where there is no room it
    /// is left to a later reader.
    pub(crate) fn refresh(self: &Arc<Self>, key: Key, loader: Loader, policy: LoadPolicy, wanted: Wanted) {
        let Ok((tier, terms)) = self.route(key.as_str()) else { return };
        let bytes = key.as_str().len() as u64;
        let Ok(permit) = self.open().and_then(|()| tier.permits.take(Lane::Data, bytes)) else { return };
        let request = LoadRequest {
            key,
            terms: policy.said_over(&terms.now(), SaidBy::Call),
            wanted,
            after: None,
            class: Class::Refresh,
            cell: LoadCell::alone(loader.of_cache(self.id)),
            spawner: Spawner::current().unwrap_or_else(|| self.spawner.clone()),
            reply: None,
        };
        self.deliver(tier.id, Envelope::new(TierRequest::Load(Box::new(request)), permit));
    }

    /// Carries out a call with a loader after the view had nothing for it. The request is in the mailbox when
    /// this returns.
    pub(crate) fn load(self: &Arc<Self>, call: LoadCall) -> Pending<Given> {
        let SentLoad { tier, asked, limit, answered } = match self.ask(call) {
            Ok(sent) => sent,
            Err(error) => return Pending::known(Err(error)),
        };
        let wiring = Arc::clone(self);
        Pending::task(async move {
            wiring.within(wiring.tier(tier), &asked, limit, Duration::ZERO, answered).await
        })
    }

    /// As [`Wiring::load`], and leaves the limit on the wait to the caller.
    pub(crate) fn ask(
        self: &Arc<Self>,
        call: LoadCall,
    ) -> Result<SentLoad<impl Future<Output = Result<Given>> + Send + use<>>> {
        let LoadCall { key, loader, policy, deadline, task, wanted, after, patience } = call;
        let own_wait = wait_for(&(self.id, key.clone()))?.map(Arc::new);
        let (tier, terms) = self.route_told(key.as_str())?;
        let terms = policy.said_over(&terms.now(), SaidBy::Call);
        let after = after.and_then(|stamp| stamp.of(tier.id));
        let limit = Limit::of(deadline, task, terms.timeout, &self.spawner);
        if limit.has_passed() {
            return Err(limit.over(&key));
        }
        let asked = Asked {
            cell: LoadCell::new(loader.of_cache(self.id)),
            key,
            waiting: own_wait,
            wanted,
            after,
            terms,
        };
        let id = tier.id;
        let spawner = Spawner::current().unwrap_or_else(|| self.spawner.clone());
        let posted = self.post_load(tier, &asked, &spawner);
        let (wiring, own) = (Arc::clone(self), asked.clone());
        let answered = async move {
            let mut leaving = Leaving { wiring: &wiring, tier: wiring.tier(id), waits: true };
            let answer = match posted {
                Ok(answer) => told(answer).await,
                Err(full) if full.kind() == ErrorKind::Overloaded && !patience.is_zero() => {
                    let place = wiring.tier(id).permits.wait(own.bytes());
                    match wiring.spawner.within(patience, place).await {
                        Some(permit) => {
                            let request = |reply| TierRequest::Load(own.request(spawner, reply));
                            told(wiring.post_with(id, permit, request)).await
                        }
                        None => Err(full),
                    }
                }
                Err(error) => Err(error),
            };
            leaving.waits = false;
            wiring.or_run_here(id, &own, answer).await
        };
        Ok(SentLoad { tier: id, asked, limit, answered })
    }

    /// Has the tier load what is `asked` for; what is returned waits for the answer. Errors: `Overloaded`,
    /// `Closed`.
    fn post_load(
        self: &Arc<Self>,
        tier: &TierShared,
        asked: &Asked,
        spawner: &Spawner,
    ) -> Result<oneshot::Receiver<Result<Given>>> {
        self.open()?;
        let (reply, answer) = Reply::of(&tier.answerer);
        let at = TierContext { wiring: self, tier };
        let run = |worker: &mut TierWorker, request: Box<LoadRequest>, effects: &mut TierEffects| {
            worker.load(at, *request, effects);
            effects.take_start(&asked.cell)
        };
        let enqueue = |request| {
            let permit = self.permit(tier.id, Lane::Data, asked.bytes())?;
            Ok::<_, Error>((Envelope::new(TierRequest::Load(request), permit), ()))
        };
        match tier.mailbox.send(at, asked.request(spawner.clone(), reply), run, enqueue)? {
            Sent::Ran(start) => start.into_iter().for_each(Start::run_here),
            Sent::Queued(()) => {}
            Sent::Closed => return Err(Error::Closed),
        }
        Ok(answer)
    }

    /// Waits for the answer to a call, and serves a stale value where that is allowed and nothing better
    /// comes in time. It has `waited` already.
    pub(super) async fn within<R: From<Given>>(
        &self,
        tier: &TierShared,
        asked: &Asked,
        limit: Limit,
        waited: Duration,
        answered: impl Future<Output = Result<R>>,
    ) -> Result<R> {
        let mut answered = pin!(answered);
        let outlasts = asked.cell.outlasts_limit();
        let soft = asked.terms.soft_timeout;
        let has_soft = !asked.terms.stale.is_zero() && !soft.is_zero() && soft < limit.span;
        let first = if has_soft { soft } else { limit.span };
        let mut answer = self.spawner.within(first.saturating_sub(waited), answered.as_mut()).await;
        if has_soft && answer.is_none() {
            if let Some(stale) = self.stale(tier, asked) {
                return Ok(stale.into());
            }
            let left = limit.span.saturating_sub(first.max(waited));
            answer = self.spawner.within(left, answered.as_mut()).await;
        }
        // A caller that has no error for a time limit waits on, unless it can be served.
        if outlasts && answer.is_none() {
            if let Some(stale) = self.stale(tier, asked) {
                return Ok(stale.into());
            }
            answer = Some(answered.await);
        }
        match answer {
            Some(Ok(given)) => Ok(given),
            Some(Err(error)) if error.kind() == ErrorKind::Reentrant => Err(error),
            other => {
                let failed = other.unwrap_or_else(|| Err(limit.over(&asked.key)));
                self.stale(tier, asked).map_or(failed, |stale| Ok(stale.into()))
            }
        }
    }

    /// The answer of tier `id`, or what the loader brings where that is of no use.
    pub(super) async fn or_run_here(
        self: &Arc<Self>,
        id: TierId,
        asked: &Asked,
        answer: Result<Given>,
    ) -> Result<Given> {
        let tier = self.tier(id);
        match answer {
            Err(trouble) if trouble.is_cache_trouble() => match self.stale(tier, asked) {
                // Spares the source, for which there is no room at the moment.
                Some(stale) => Ok(stale),
                None => self.bypass(tier, asked, &trouble).await,
            },
            // Joined the load of another type under the same key: what it brought is of no use here.
            Ok(given) if !asked.wanted.takes(given.value.fingerprint()) => {
                if !given.value.is_nothing() {
                    tier.note_wrong_type(given.value.fingerprint(), asked.wanted.fingerprint());
                }
                self.run_here(tier, asked).await
            }
            Ok(mut given) => match given.read(asked.wanted) {
                Ok(()) => Ok(given),
                Err(error) if asked.wanted.is_any() => Err(error),
                // Set while it waited, or loaded as a type that only counts as the one asked for: its own
                // loader can say more.
                Err(error) => {
                    tier.note_unreadable(given.value.fingerprint(), &error);
                    self.run_here(tier, asked).await
                }
            },
            Err(error) => Err(error),
        }
    }

    /// The cache cannot serve: runs the loader in the caller's task, or waits for whoever runs it. Nothing is
    /// stored.
    async fn bypass(self: &Arc<Self>, tier: &TierShared, asked: &Asked, trouble: &Error) -> Result<Given> {
        self.warn_of_bypass(tier, trouble);
        self.run_here(tier, asked).await
    }

    pub(super) fn warn_of_bypass(&self, tier: &TierShared, trouble: &Error) {
        // At the end of a cache this is no trouble, and nobody can do anything about it.
        if self.open().is_ok()
            && trouble.kind() != ErrorKind::Closed
            && let Some(left_out) = tier.warn_bypass.pass(self.env.now())
        {
            telemetry::bypassed(&tier.name, trouble, left_out);
        }
    }

    async fn run_here(self: &Arc<Self>, tier: &TierShared, asked: &Asked) -> Result<Given> {
        // No more loaders at a time than the tier would run: the source must not be flooded because the cache
        // broke. A loader that asks for another key holds a place already, and would wait for itself. One
        // that runs already, or has ended, needs none: its caller would wait for loads of others though its
        // value is there.
        asked.waiting.iter().for_each(|waiting| waiting.goes_on());
        let needs_place = asked.waiting.is_none() && asked.cell.is_loaded();
        let _place = if needs_place { Some(self.load_place(tier.id).await) } else { None };
        // Others may have brought it while this caller waited for its place.
        if needs_place && let Some(given) = self.fresh(tier, asked) {
            return Ok(given);
        }
        tier.counters.bypassed.one();
        let mut span = Span::none();
        if asked.cell.is_loaded() {
            self.env.observe_load(&asked.key);
            span = spans::load(&tier.name, 1, For::Bypass, &Span::current());
        }
        let run = asked.cell.run_here(asked.terms.timeout, &self.spawner);
        let value = run.instrument(span.clone()).await;
        spans::bypassed(&span, &value);
        let mut given = Given::loaded(value?, Source::Bypass, false);
        given.read(asked.wanted)?;
        Ok(given)
    }
}

impl Request for GetOrLoad {
    type Reply = Given;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Self { key, loader, policy, deadline, not_older_than: after } = self;
        let found = wiring.route(key.as_str()).map(|(tier, terms)| {
            let allowed = policy.serves_at_once(terms.planned());
            let at = KeyAt::of(tier, key.as_str());
            wiring.look_to_load(tier, allowed, at, Wanted::ANY, after.as_ref())
        });
        match found {
            Ok(Found::Hit(seen)) => Pending::known(Ok(seen.given())),
            Ok(Found::Due(seen)) => {
                let given = seen.given();
                wiring.refresh(key, loader, policy, Wanted::ANY);
                Pending::known(Ok(given))
            }
            Ok(Found::Nothing) => {
                let (task, patience, wanted) = (Deadline::current(), Duration::ZERO, Wanted::ANY);
                wiring.load(LoadCall { key, loader, policy, deadline, task, wanted, after, patience })
            }
            Err(error) => Pending::known(Err(error)),
        }
    }
}
