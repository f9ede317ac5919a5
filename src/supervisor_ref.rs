//! The way to the supervisor for hosts that send typed messages themselves.
//!
//! Owns: that it is good also after a restart. Never: says what a message means.

use std::sync::Arc;

use crate::actor::{Pending, Request, Supervisor};
use crate::handle::Life;

/// A way to the supervisor for typed messages, good also after the supervisor was started again. Cheap to clone; keeps
/// the cache alive as a [`Cache`](crate::Cache) does.
///
/// ```no_run
/// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
/// use apex_cache::{Key, Value, message::{Get, Set}};
///
/// let supervisor = cache.supervisor();
/// let key = Key::of("user").part(42).part("name").finish()?;
/// supervisor.send(Set::new(key.clone(), Value::encode("Ann")?)).await?;
/// let found = supervisor.send(Get::new(key.clone())).await?;
/// assert_eq!(found.map(|given| given.value.decode::<String>(key.as_str())).transpose()?.as_deref(), Some("Ann"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SupervisorRef {
    pub(crate) life: Arc<Life>,
}

impl SupervisorRef {
    /// Sends `message`. It is accepted, or refused, before this returns; what is returned waits for the answer, and
    /// dropping it takes nothing back.
    pub fn send<M: Request>(&self, message: M) -> Pending<M::Reply> {
        message.post(&self.life.wiring)
    }

    /// The supervisor's bare actix address, for hosts that are actors themselves. `None` once the cache has ended.
    ///
    /// On this address a `send` whose future is dropped before the supervisor's turn is *un-sent*, and the mailbox is no
    /// bound; after a restart of the supervisor the address is dead. [`SupervisorRef::send`] has none of these.
    pub fn addr(&self) -> Option<actix::Addr<Supervisor>> {
        self.life.wiring.address.read().clone()
    }
}
