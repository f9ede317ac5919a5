//! A call with a loader, from the host's side: a look at the view, a request to the tier, and when the cache is in
//! trouble the loader itself.
//!
//! Owns: that such a call has an answer within its deadline whatever breaks. Never: stores anything.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::dispatch::{Pending, Request};
use super::permit::{Lane, Permit};
use super::request::{LoadRequest, TierRequest};
use super::wiring::{TierShared, Wiring};
use crate::codec::fingerprint::Fingerprint;
use crate::deadline::Deadline;
use crate::engine::given::{Given, Source};
use crate::engine::key::Key;
use crate::engine::route::TierId;
use crate::env::Spawner;
use crate::error::{Error, ErrorKind, Result, Shown};
use crate::loader::{LoadCell, Loader, Nesting, nesting};
use crate::message::GetOrLoad;
use crate::telemetry;

/// Waits for a tier. A slot answers when it is dropped, so a lost sender means that the cache is gone.
async fn told<R>(answer: oneshot::Receiver<Result<R>>) -> Result<R> {
    answer.await.unwrap_or(Err(Error::Closed))
}

/// What a call with a loader asks for.
pub(crate) struct LoadCall {
    pub(crate) key: Key,
    pub(crate) loader: Loader,
    pub(crate) ttl: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    /// The deadline of the caller's task, for callers that can be told when it has passed.
    pub(crate) task: Option<Deadline>,
    /// The type that is wanted; `None`: any.
    pub(crate) wanted: Option<Fingerprint>,
    /// How long it waits for a place in front of a tier that is full. Zero: its loader runs in the caller at once.
    pub(crate) patience: Duration,
}

/// A call with a loader while it waits.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    key: &'a Key,
    cell: &'a LoadCell,
    /// Whether a loader asks.
    nested: bool,
    /// The type that is wanted; `None`: any.
    wanted: Option<Fingerprint>,
}

/// How long a caller waits for a load, and whose limit that is.
#[derive(Debug, Clone, Copy)]
struct Limit {
    span: Duration,
    whose: Whose,
}

#[derive(Debug, Clone, Copy)]
enum Whose {
    /// The call's own deadline.
    Call,
    /// The deadline in force in the caller's task.
    Task(Deadline),
    /// `load_timeout` of the settings.
    Settings,
}

impl Limit {
    /// The call's own `deadline` or `load_timeout`, but no longer than what is left to the `task`.
    fn of(deadline: Option<Duration>, task: Option<Deadline>, load_timeout: Duration) -> Self {
        let whose = if deadline.is_some() { Whose::Call } else { Whose::Settings };
        let span = deadline.unwrap_or(load_timeout);
        match task.map(|task| (task, task.left())) {
            Some((task, left)) if left < span => Self { span: left, whose: Whose::Task(task) },
            _ => Self { span, whose },
        }
    }

    /// What is said when it is over.
    fn over(self, key: &Key) -> Error {
        match self.whose {
            Whose::Call => Error::Timeout { after: self.span },
            Whose::Task(task) => Error::Timeout { after: task.limit() },
            Whose::Settings => Error::LoadTimeout { key: Shown::new(key.as_str()), after: self.span },
        }
    }

    /// Whether the task's deadline has passed, so that no load should be begun for it.
    fn has_passed(self) -> bool {
        self.span.is_zero() && matches!(self.whose, Whose::Task(_))
    }
}

/// Whether a loader asks. Errors: `Reentrant`, when it is that of `key` itself.
fn asked_inside(key: &Key) -> Result<bool> {
    match nesting(key.as_str()) {
        Nesting::Itself => Err(Error::Reentrant { key: Shown::new(key.as_str()) }),
        Nesting::Inside => Ok(true),
        Nesting::Outside => Ok(false),
    }
}

impl Wiring {
    /// What the view holds under `key`, counted as a read. `wanted`: a value of another type counts as absent.
    pub(crate) fn look(&self, tier: &TierShared, key: &str, wanted: Option<Fingerprint>) -> Option<Given> {
        let now = self.env.now();
        let entry = tier.view.read(key, now).filter(|entry| {
            let fits = wanted.is_none_or(|wanted| wanted == entry.value().fingerprint());
            if !fits {
                tier.counters.wrong_type.one();
            }
            fits
        });
        if self.plan.enabled {
            if entry.is_some() { tier.counters.hit() } else { tier.counters.miss() }
        }
        entry.map(|entry| Given {
            value: entry.value().clone(),
            source: Source::Memory,
            age: now.since(entry.stored()),
            stored: true,
        })
    }

    /// Carries out a call with a loader after the view had nothing for it. The request is in the inbox when this
    /// returns.
    pub(crate) fn load(self: &Arc<Self>, call: LoadCall) -> Pending<Given> {
        let LoadCall { key, loader, ttl, deadline, task, wanted, patience } = call;
        let known = asked_inside(&key).and_then(|nested| Ok((nested, self.route_told(key.as_str())?)));
        let (nested, (tier, route_ttl)) = match known {
            Ok(known) => known,
            Err(error) => return Pending::known(Err(error)),
        };
        let limit = Limit::of(deadline, task, self.plan.load_timeout);
        if limit.has_passed() {
            return Pending::known(Err(limit.over(&key)));
        }
        let (id, cell) = (tier.id, LoadCell::new(loader));
        let spawner = Spawner::current().unwrap_or_else(|| self.spawner.clone());
        let bytes = key.as_str().len() as u64;
        let ttl = ttl.unwrap_or(route_ttl);
        let wiring = Arc::clone(self);
        let post = {
            let (wiring, key, cell) = (Arc::clone(self), key.clone(), Arc::clone(&cell));
            move |permit: Permit| {
                wiring.post_with(id, permit, |reply| {
                    let request = LoadRequest { key, ttl, wanted, nested, cell, spawner, reply };
                    TierRequest::Load(Box::new(request))
                })
            }
        };
        let (posted, waiting) = match self.open().and_then(|()| self.permit(id, Lane::Data, bytes)) {
            Ok(permit) => (Ok(post(permit)), None),
            Err(error) => (Err(error), (!patience.is_zero()).then_some(post)),
        };
        let timers = self.spawner.clone();
        Pending::task(async move {
            let asked = Asked { key: &key, cell: &cell, nested, wanted };
            let answered = async {
                let answer = match (posted, waiting) {
                    (Ok(answer), _) => told(answer).await,
                    (Err(full), Some(post)) if full.kind() == ErrorKind::Overloaded => {
                        let place = wiring.tier(id).permits.wait(bytes);
                        match wiring.spawner.within(patience, place).await {
                            Some(permit) => told(post(permit)).await,
                            None => Err(full),
                        }
                    }
                    (Err(error), _) => Err(error),
                };
                wiring.or_run_here(id, asked, answer).await
            };
            timers.within(limit.span, answered).await.unwrap_or_else(|| Err(limit.over(&key)))
        })
    }

    /// The answer of tier `id`, or what the loader brings where that is of no use.
    async fn or_run_here(&self, id: TierId, asked: Asked<'_>, answer: Result<Given>) -> Result<Given> {
        let tier = self.tier(id);
        match answer {
            Err(trouble) if trouble.is_cache_trouble() => self.bypass(tier, asked, &trouble).await,
            // Joined the load of another type under the same key: what it brought is of no use here.
            Ok(given) if asked.wanted.is_some_and(|wanted| wanted != given.value.fingerprint()) => {
                tier.counters.wrong_type.one();
                self.run_here(tier, asked).await
            }
            answer => answer,
        }
    }

    /// The cache cannot serve: runs the loader in the caller's task, or waits for whoever runs it. Nothing is stored.
    async fn bypass(&self, tier: &TierShared, asked: Asked<'_>, trouble: &Error) -> Result<Given> {
        // At the end of a cache this is no trouble, and nobody can do anything about it.
        if self.open().is_ok()
            && trouble.kind() != ErrorKind::Closed
            && let Some(left_out) = tier.warn_bypass.pass(self.env.now())
        {
            telemetry::bypassed(&tier.name, trouble, left_out);
        }
        self.run_here(tier, asked).await
    }

    async fn run_here(&self, tier: &TierShared, asked: Asked<'_>) -> Result<Given> {
        // No more loaders at a time than the tier would run: the source must not be flooded because the cache broke.
        tier.counters.bypassed.one();
        // A loader that asks for another key holds a place already, and would wait for itself.
        let _place = if asked.nested { None } else { Some(tier.bypass.acquire().await) };
        if asked.cell.is_loaded() {
            self.env.observe_load(asked.key);
        }
        let value = asked.cell.run_here(self.plan.load_timeout, &self.spawner).await?;
        Ok(Given { value, source: Source::Bypass, age: Duration::ZERO, stored: false })
    }
}

impl Request for GetOrLoad {
    type Reply = Given;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Self { key, loader, ttl, deadline } = self;
        let known = wiring.route(key.as_str()).map(|(tier, _)| wiring.look(tier, key.as_str(), None));
        match known {
            Ok(Some(given)) => Pending::known(Ok(given)),
            Ok(None) => {
                let (task, patience) = (Deadline::current(), Duration::ZERO);
                wiring.load(LoadCall { key, loader, ttl, deadline, task, wanted: None, patience })
            }
            Err(error) => Pending::known(Err(error)),
        }
    }
}
