//! The tier actor alone, in virtual time, with a recorder in the supervisor's place.
//!
//! Owns: what a tier does with each request, with its timer, when a turn breaks, and when it dies.
//! Never: starts another actor of the cache.

mod common;
#[path = "common/recorders.rs"]
mod recorders;

#[path = "tier/data.rs"]
mod data;
#[path = "tier/failure.rs"]
mod failure;
#[path = "tier/grants.rs"]
mod grants;
#[path = "tier/invalidations.rs"]
mod invalidations;
#[path = "tier/loads.rs"]
mod loads;
#[path = "tier/lost_loads.rs"]
mod lost_loads;
#[path = "tier/slices.rs"]
mod slices;
#[path = "tier/sweep.rs"]
mod sweep;
#[path = "tier/warm.rs"]
mod warm;

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use tokio::sync::oneshot;

use apex_cache::actor::request::{Bulk, Item, LoadRequest, TierRequest, ToSupervisor, ToTier};
use apex_cache::actor::{Reply, TierActor, TierShared, Wiring};
use apex_cache::codec::value::Wanted;
use apex_cache::engine::budget::Told;
use apex_cache::engine::flight::Class;
use apex_cache::engine::scope::How;
use apex_cache::engine::terms::Terms;
use apex_cache::engine::tier::{Stored, Taken};
use apex_cache::env::Spawner;
use apex_cache::loader::{LoadCell, Loader};
use apex_cache::message::Given;
use apex_cache::{Result, Scope, Settings, TierId, Value};

use recorders::{Neighbours, Recorded, key};

const TTL: Duration = Duration::from_secs(3_600);

type Answer<R> = oneshot::Receiver<Result<R>>;

/// The tier of users, alone.
struct Alone {
    wiring: Arc<Wiring>,
    id: TierId,
    addr: Addr<TierActor>,
    supervisor: Recorded<ToSupervisor>,
}

impl Alone {
    fn new() -> Self {
        Self::with(&Settings::default())
    }

    fn with(settings: &Settings) -> Self {
        let neighbours = Neighbours::with(settings, Vec::new());
        let id = neighbours.id("user");
        neighbours.wiring.stand_in(id, false);
        let addr = TierActor::new(&neighbours.wiring, id).start();
        Self { wiring: neighbours.wiring, id, addr, supervisor: neighbours.supervisor }
    }

    /// As [`Alone::with`], where other tiers have all that is not promised to this one.
    fn at_its_floor(settings: &Settings) -> Self {
        let alone = Self::with(settings);
        alone.aim(alone.wiring.plan.floor);
        alone
    }

    /// This tier is to have so much, and another one all the rest; what tiers are told.
    fn aim(&self, bytes: u64) -> Vec<Told> {
        let mut aims = vec![self.wiring.plan.floor; self.wiring.tiers.len()];
        aims[self.id.index()] = bytes;
        aims[0] += self.wiring.plan.budget - aims.iter().sum::<u64>();
        let mut told = self.wiring.aim(&aims);
        let others: Vec<Told> = told.iter().filter(|told| told.tier != self.id.index()).copied().collect();
        others.into_iter().for_each(|other| told.extend(self.wiring.acknowledge(other)));
        told
    }

    fn shared(&self) -> &TierShared {
        self.wiring.tier(self.id)
    }

    /// Sends one request; what is returned waits for the answer.
    fn post<R: Send + 'static>(&self, request: impl FnOnce(Reply<R>) -> TierRequest) -> Answer<R> {
        let (reply, answer) = Reply::new("user".into());
        self.tell(request(reply));
        answer
    }

    fn tell(&self, request: TierRequest) {
        self.wiring.deliver(self.id, request);
    }

    /// Has `requests` wait together in the mailbox, and then carried out.
    fn queue(&self, requests: Vec<TierRequest>) {
        self.wiring.stand_in(self.id, true);
        requests.into_iter().for_each(|request| self.tell(request));
        self.wiring.stand_in(self.id, false);
        self.addr.do_send(ToTier::Wake);
    }

    async fn ask<R: Send + 'static>(&self, request: impl FnOnce(Reply<R>) -> TierRequest) -> Result<R> {
        self.post(request).await.expect("a reply slot always answers")
    }

    async fn set(&self, text: &str, value: Value) -> Result<Stored> {
        self.set_for(text, value, TTL).await
    }

    async fn set_for(&self, text: &str, value: Value, ttl: Duration) -> Result<Stored> {
        let item = Item::new(key(text), value, ttl);
        self.ask(|reply| TierRequest::Set { item: item.into(), reply }).await
    }

    async fn get(&self, text: &str) -> Option<u64> {
        self.given(text).await.map(|given| recorders::number(&given.value))
    }

    async fn given(&self, text: &str) -> Option<Given> {
        self.ask(|reply| TierRequest::Get { key: key(text), reply }).await.expect("the tier serves")
    }

    fn post_invalidate(&self, scope: impl Into<Scope>, dry_run: bool) -> Answer<Taken> {
        let scope = scope.into();
        self.post(|reply| TierRequest::Invalidate { scope, how: How::Remove, dry_run, reply })
    }

    async fn invalidate(&self, scope: impl Into<Scope>) -> Taken {
        let answer = self.post_invalidate(scope, false);
        answer.await.expect("a reply slot always answers").expect("an invalidation is carried out")
    }

    /// Sets `count` values under `user::N::x`, in messages of a thousand.
    async fn fill(&self, count: u64) {
        for first in (0..count).step_by(1_000) {
            let item = |number: u64| {
                Item::new(key(&format!("user::{number}::x")), recorders::value(number), TTL).into()
            };
            let items = (first..count.min(first + 1_000)).map(item).collect();
            let stored = self.ask(|reply| TierRequest::SetMany(Bulk::new(items, reply))).await;
            assert!(stored.expect("the tier serves").iter().all(Result::is_ok));
        }
    }

    /// Waits until the tier has done all it was asked.
    async fn drained(&self) {
        self.ask(|reply| TierRequest::Drain { reply }).await.expect("a tier can always be drained");
    }

    /// Asks for `text`, to be loaded by `load` if need be.
    fn load(&self, text: &str, load: Source) -> Answer<Given> {
        self.load_as(text, load, |_request| {})
    }

    fn load_as(
        &self,
        text: &str,
        Source(load): Source,
        change: impl FnOnce(&mut LoadRequest),
    ) -> Answer<Given> {
        let key = key(text);
        let cell = LoadCell::new(load(key.clone()));
        let spawner = Spawner::current().expect("a test runs within a runtime");
        self.post(|reply| {
            let mut request = LoadRequest {
                key,
                terms: Terms { ttl: TTL, ..self.shared().terms.now() },
                wanted: Wanted::ANY,
                after: None,
                class: Class::Caller,
                cell,
                spawner,
                reply: Some(reply),
            };
            change(&mut request);
            TierRequest::Load(Box::new(request))
        })
    }
}

/// Makes the loader of a key.
struct Source(Box<dyn FnOnce(apex_cache::Key) -> Loader>);

impl Source {
    fn of<F, Fut>(load: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Value, std::io::Error>> + Send + 'static,
    {
        Self(Box::new(|key| Loader::of_value(key, load)))
    }

    /// Brings `number` at once.
    fn brings(number: u64) -> Self {
        Self::of(move || async move { Ok(recorders::value(number)) })
    }

    /// Must not be asked.
    fn never() -> Self {
        Self::of(|| async { panic!("this loader must not run") })
    }

    /// Brings what is sent, when it is sent; the other end tells when it runs.
    fn gated() -> (Self, Gate) {
        let (value, gate) = oneshot::channel();
        let (began, begun) = oneshot::channel();
        let load = || async move {
            let _ = began.send(());
            gate.await.map_err(|_| std::io::Error::other("nobody opened the gate"))
        };
        (Self::of(load), Gate { value, begun })
    }
}

/// Holds back what a loader brings.
struct Gate {
    value: oneshot::Sender<Value>,
    begun: oneshot::Receiver<()>,
}

impl Gate {
    /// Waits until the loader runs.
    async fn begun(&mut self) {
        (&mut self.begun).await.expect("the loader runs");
    }

    fn has_begun(&mut self) -> bool {
        self.begun.try_recv().is_ok()
    }

    fn open(self, number: u64) {
        assert!(self.value.send(recorders::value(number)).is_ok(), "the loader waits");
    }
}

/// What came of a load.
async fn answer<R>(answer: Answer<R>) -> Result<R> {
    answer.await.expect("a reply slot always answers")
}
