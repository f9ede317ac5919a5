//! A load for a cached function: its future run once, and what it brought split between its own caller and the rest.
//!
//! Owns: who is given an error, a panic, or a value that could not be written. Never: waits for the cache.
//!
//! Errors need not be errors to Rust, nor shareable. So the caller who leads is handed what its body returned through a
//! slot of its own; through the cache goes a copy of it where there can be one.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::outcome::{Absence, Copies, Outcome, Share};
use super::tags::Tagging;
use crate::codec::value::Value;
use crate::engine::key::Key;
use crate::engine::tier::{self, Brought};
use crate::error::{Error, SharedError, Shown};
use crate::telemetry;

/// What the body of a cached function came to, other than a value.
pub(super) enum Ended<E> {
    /// It returned an error.
    Failed(E),
    /// It panicked.
    Panicked(Box<dyn Any + Send>),
}

/// What the caller who leads is given: its value, or how it ended without one.
pub(super) type Own<V, E> = Result<Arc<V>, Ended<E>>;

/// Where the caller who leads finds how its own load ended.
pub(super) type Slot<E> = Arc<Mutex<Option<Ended<E>>>>;

/// How a function's result is told to the cache.
pub(super) struct Telling<V, E> {
    pub(super) key: Key,
    /// The names by which the value can be taken away.
    pub(super) tags: Tagging<V>,
    pub(super) share: Share<E>,
}

impl<V, E> Clone for Telling<V, E> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), tags: self.tags.clone(), share: self.share }
    }
}

/// Drives `body`; `Err` with what it panicked with.
pub(super) async fn caught<F: Future>(body: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut body = pin!(body);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

impl<V: 'static, E: Send + 'static> Telling<V, E> {
    /// What the cache is told of `value`, with its tags. It is not stored when these cannot be told.
    pub(super) fn tagged(&self, value: &V, brought: Brought) -> Brought {
        match self.tags.of(value) {
            Ok(tags) => Brought { tags, ..brought },
            Err(error) => {
                telemetry::not_tagged(&error);
                Brought { ttl: Some(Duration::ZERO), tags: self.tags.known(), ..brought }
            }
        }
    }

    /// Splits what the body came to into what the cache is told, and what only the caller who leads is given.
    pub(super) fn split<O, A>(
        &self,
        returned: Result<O::Returned, Box<dyn Any + Send>>,
    ) -> (tier::Outcome, Own<O::Value, E>)
    where
        O: Outcome<Value = V, Error = E>,
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
        A: Absence<O::Value>,
    {
        let returned = match returned {
            Ok(returned) => O::split(returned),
            Err(panic) => {
                return (self.panicked(), Err(Ended::Panicked(panic)));
            }
        };
        match returned {
            Ok(value) => {
                let value = Arc::new(value);
                let brought = if A::is_none(&value) {
                    Value::nothing().into()
                } else {
                    let mut brought = Brought::of(Arc::clone(&value));
                    brought.value.count_as::<A::Shared>();
                    brought
                };
                (tier::Outcome::Loaded(self.tagged(&value, brought)), Ok(value))
            }
            Err(error) => {
                let (told, error) = self.failed(error);
                (told, Err(Ended::Failed(error)))
            }
        }
    }

    /// What the cache is told of a body that panicked.
    pub(super) fn panicked(&self) -> tier::Outcome {
        tier::Outcome::FailedAlone(Error::LoadPanicked { key: Shown::new(self.key.as_str()) })
    }

    /// What the cache is told of a body that returned `error`, with copies of it where there can be any; and the error for
    /// its own caller.
    pub(super) fn failed(&self, error: E) -> (tier::Outcome, E) {
        let (error, copies) = match self.share {
            Share::Alone => (error, None),
            Share::Copied(copy) => {
                let copied = copy(&error);
                (error, Some(Box::new(move || copy(&copied)) as Copies<E>))
            }
            Share::Kept(keep) => {
                let (error, copies) = keep(error);
                (error, Some(copies))
            }
        };
        let alone = copies.is_none();
        let source: SharedError = Arc::new(Carried(Mutex::new(copies)));
        let failed = Error::LoadFailed { key: Shown::new(self.key.as_str()), source };
        (if alone { tier::Outcome::FailedAlone(failed) } else { tier::Outcome::Failed(failed) }, error)
    }
}

/// The error of a cached function on its way through the cache, which wants an [`std::error::Error`].
struct Carried<E>(Mutex<Option<Copies<E>>>);

impl<E> fmt::Debug for Carried<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried")
    }
}

impl<E> fmt::Display for Carried<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cached function returned an error, which its caller has")
    }
}

impl<E> std::error::Error for Carried<E> {}

/// Whether another caller's load ended with an error of which there are copies of this type.
pub(super) fn is_shared<E: Send + 'static>(error: &Error) -> bool {
    let Error::LoadFailed { source, .. } = error else { return false };
    source.downcast_ref::<Carried<E>>().is_some_and(|carried| carried.0.lock().is_some())
}

/// A copy of the error that another caller's load carries, if it is of this type.
pub(super) fn copy_of<E: Send + 'static>(error: &SharedError) -> Option<E> {
    let carried = error.downcast_ref::<Carried<E>>()?;
    let held = carried.0.lock();
    held.as_ref().map(|copy| copy())
}
