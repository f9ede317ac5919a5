//! Neighbours that write down what they are told, so that one actor can be driven alone.
//!
//! Owns: a wiring whose places are all taken by recorders, and ways to end an actor. Never: handles a request; a test
//! answers what it finds written down.
#![allow(dead_code, unreachable_pub)] // every test binary uses its own part

use std::collections::VecDeque;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Recipient};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use apex_cache::actor::Wiring;
use apex_cache::actor::request::{Envelope, TierRequest, ToStats, ToSupervisor, ToTier, ToWarmer};
use apex_cache::{Env, Key, Settings, TierId, Value, WarmSource};

/// The messages that a recorder was told, the oldest first.
pub struct Recorded<M>(Arc<(Mutex<VecDeque<M>>, Notify)>);

impl<M> Clone for Recorded<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Recorded<M> {
    /// All that came since the last look.
    pub fn take(&self) -> Vec<M> {
        self.0.0.lock().drain(..).collect()
    }

    /// The next message; waits until there is one.
    pub async fn next(&self) -> M {
        loop {
            if let Some(message) = self.0.0.lock().pop_front() {
                return message;
            }
            self.0.1.notified().await;
        }
    }

    /// Whether nothing came since the last look.
    pub fn is_empty(&self) -> bool {
        self.0.0.lock().is_empty()
    }
}

/// A tier that keeps what it is sent.
pub struct RecordedTier {
    wiring: Arc<Wiring>,
    id: TierId,
    woken: Recorded<ToTier>,
}

impl RecordedTier {
    /// All that came since the last look.
    pub fn take(&self) -> Vec<Envelope> {
        self.woken.take();
        self.wiring.take_envelopes(self.id)
    }

    /// All that came since the last look; waits until there is something.
    pub async fn batch(&self) -> Vec<Envelope> {
        loop {
            let batch = self.take();
            if !batch.is_empty() {
                return batch;
            }
            self.woken.next().await;
        }
    }

    /// The request that came since the last look, which must be one.
    pub async fn request(&self) -> TierRequest {
        let mut batch = self.batch().await;
        assert_eq!(batch.len(), 1, "one request was expected: {batch:?}");
        batch.remove(0).request
    }

    /// Whether nothing came since the last look.
    pub fn is_empty(&self) -> bool {
        self.woken.is_empty()
    }
}

/// Puts somebody in the place of tier `id` who does `act` with each envelope that it is sent.
pub fn stand_for_tier(wiring: &Arc<Wiring>, id: TierId, mut act: impl FnMut(Envelope) + 'static) {
    wiring.stand_in(id, true);
    let envelopes = Arc::clone(wiring);
    wiring.connect_tier(
        id,
        stand(move |_: ToTier| envelopes.take_envelopes(id).into_iter().for_each(&mut act)),
    );
}

/// An actor that does with messages what a test says.
struct Stand<M>(Box<dyn FnMut(M)>);

impl<M: 'static> Actor for Stand<M> {
    type Context = Context<Self>;
}

impl<M> Handler<M> for Stand<M>
where
    M: actix::Message<Result = ()> + Send + 'static,
{
    type Result = ();

    fn handle(&mut self, message: M, _: &mut Self::Context) {
        (self.0)(message);
    }
}

/// Somebody who does `act` with what he is told.
pub fn stand<M>(act: impl FnMut(M) + 'static) -> Recipient<M>
where
    M: actix::Message<Result = ()> + Send + 'static,
{
    Stand(Box::new(act)).start().recipient()
}

/// Somebody who writes down what he is told.
pub fn recorder<M>() -> (Recipient<M>, Recorded<M>)
where
    M: actix::Message<Result = ()> + Send + 'static,
{
    let recorded = Recorded(Arc::new((Mutex::default(), Notify::new())));
    let book = recorded.clone();
    let write = move |message| {
        book.0.0.lock().push_back(message);
        book.0.1.notify_one();
    };
    (stand(write), recorded)
}

/// A wiring in which everybody is a recorder, until the actor under test takes its place.
pub struct Neighbours {
    pub wiring: Arc<Wiring>,
    pub supervisor: Recorded<ToSupervisor>,
    pub warmer: Recorded<ToWarmer>,
    pub stats: Recorded<ToStats>,
    pub tiers: Vec<RecordedTier>,
}

impl Neighbours {
    /// Recorders in all places of a cache with `settings` and `sources`, in simulated time.
    pub fn with(settings: &Settings, sources: Vec<WarmSource>) -> Self {
        let plan = settings.check().expect("the settings of a test are right");
        let wiring = Wiring::new(plan, Env::simulated(7), sources);
        let (recipient, supervisor) = recorder();
        wiring.connect_supervisor(recipient);
        let (recipient, warmer) = recorder();
        wiring.connect_warmer(recipient);
        let (recipient, stats) = recorder();
        wiring.connect_stats(recipient);
        let tier = |tier: &apex_cache::actor::TierShared| {
            let (recipient, recorded) = recorder();
            wiring.connect_tier(tier.id, recipient);
            wiring.stand_in(tier.id, true);
            RecordedTier { wiring: Arc::clone(&wiring), id: tier.id, woken: recorded }
        };
        let tiers = wiring.tiers.iter().map(tier).collect();
        Self { wiring, supervisor, warmer, stats, tiers }
    }

    /// The number of the tier called `name`.
    pub fn id(&self, name: &str) -> TierId {
        self.wiring.routes.tier(name).expect("a tier of the settings")
    }

    /// What the tier called `name` was told.
    pub fn tier(&self, name: &str) -> &RecordedTier {
        &self.tiers[self.id(name).index()]
    }
}

/// Starts `actor` so that it panics, outside of every guard, when what is returned beside its address is sent.
pub fn mortal<A: Actor<Context = Context<A>>>(actor: A) -> (Addr<A>, oneshot::Sender<()>) {
    let (die, told) = oneshot::channel::<()>();
    let addr = A::create(|ctx| {
        let death = actix::fut::wrap_future::<_, A>(told).map(|told, _, _| {
            assert!(told.is_err(), "asked to die");
        });
        ctx.spawn(death);
        actor
    });
    (addr, die)
}

pub fn key(text: &str) -> Key {
    Key::parse(text).expect("the key of a test is right")
}

pub fn value(number: u64) -> Value {
    Value::encode(&number).expect("a number can be encoded")
}

/// A value that weighs about `bytes`.
pub fn bulk(bytes: usize) -> Value {
    Value::encode(&crate::common::noise(bytes)).expect("a text can be encoded")
}

pub fn number(value: &Value) -> u64 {
    value.decode("a::test").expect("the number that was encoded")
}
