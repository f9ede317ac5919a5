//! Reservations: a flight whose loader waits for the host.
//!
//! Owns: how such a flight begins and ends. Never: stores anything; the tier does, if the flight's ticket is still good.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::call::{LoadCall, SentLoad};
use super::wiring::Wiring;
use crate::codec::value::Wanted;
use crate::deadline::Deadline;
use crate::engine::given::{Given, Source};
use crate::engine::key::Key;
use crate::engine::stamp::Stamp;
use crate::engine::tier::Outcome;
use crate::error::Result;
use crate::load_policy::LoadPolicy;
use crate::loader::{Loader, bring};
use crate::waits::Bringing;

/// A flight that waits for the host. Dropped, it is lost: a caller who waits for it leads, or the key is free.
pub(crate) struct Vacancy {
    tell: oneshot::Sender<Outcome>,
    answered: Pin<Box<dyn Future<Output = Result<Given>> + Send>>,
    /// That the loader brings it which reserved it, if one did: who waits for it waits for that loader.
    _bringing: Option<Bringing>,
}

/// What a reservation began with.
pub(crate) enum Begun {
    /// The value, from the store or from a load that others began.
    Given(Given),
    /// The right to bring it.
    Vacant(Vacancy),
}

impl Vacancy {
    /// Ends the flight with `outcome`. `None`: its time was over before. Else whether the value is held now.
    pub(crate) async fn end(self, outcome: Outcome) -> Option<bool> {
        let Self { tell, answered, _bringing } = self;
        tell.send(outcome).ok()?;
        // Joined: a set came first, and what it set is held. In cache trouble the answer is a bypass.
        let is_held = |given: Given| given.source == Source::Loaded && given.stored;
        Some(answered.await.is_ok_and(is_held))
    }
}

/// While it is begun.
enum Beginning {
    Given(Given),
    Tell(oneshot::Sender<Outcome>),
}

impl From<Given> for Beginning {
    fn from(given: Given) -> Self {
        Self::Given(given)
    }
}

impl Wiring {
    /// Waits for the value of `key`, or for the right to bring it.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        key: Key,
        policy: LoadPolicy,
        deadline: Option<Duration>,
        wanted: Wanted,
        after: Option<Stamp>,
    ) -> Result<Begun> {
        let (loader, mut begun) = Loader::of_caller(key.clone());
        let loader = loader.lost_when_late();
        let (task, patience) = (Deadline::current(), Duration::ZERO);
        let place = (self.id, key.clone());
        let sent = self.ask(LoadCall { key, loader, policy, deadline, task, wanted, after, patience })?;
        let SentLoad { tier, asked, limit, answered } = sent;
        let mut answered: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(answered);
        // The limit is one on the wait until it begins; how long the host may take is the limit of the load.
        let beginning = async {
            tokio::select! {
                biased;
                Ok(tell) = &mut begun => Ok(Beginning::Tell(tell)),
                given = &mut answered => given.map(Beginning::Given),
            }
        };
        Ok(match self.within(self.tier(tier), &asked, limit, Duration::ZERO, beginning).await? {
            Beginning::Given(given) => Begun::Given(given),
            Beginning::Tell(tell) => Begun::Vacant(Vacancy { tell, answered, _bringing: bring(&place) }),
        })
    }
}
