//! What a loader returned, as it is: it travels next to its bytes to those who wait for it.
//!
//! Invariant: a value with a flaw is never stored; whoever waits for its type is given it all the same.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::value::Value;
use crate::error::{Error, Result};

/// A value of the host's, of whatever type, shared by all who are given it.
#[derive(Clone)]
pub(crate) struct Original {
    held: Option<Arc<dyn Any + Send + Sync>>,
    /// Why it cannot be written and read back.
    flaw: Option<Arc<Error>>,
}

impl Original {
    /// `value`, of which nothing else is said.
    pub(crate) fn of<T: Send + Sync + 'static>(value: Arc<T>) -> Self {
        Self { held: Some(value), flaw: None }
    }

    /// `value`, encoded and read once: what cannot be read is not stored, so that others are never served it. A `Serialize` or
    /// `Deserialize` that panics is a flaw, too: the value is there, and its loader has done what it could.
    pub(crate) fn encode<T>(value: Arc<T>) -> (Value, Self)
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let mut written = None;
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let value = written.insert(Value::encode(&*value)?);
            value.decode::<T>("").map(drop)
        }));
        let flaw = checked.unwrap_or_else(|_| Err(Error::encode_panicked::<T>())).err();
        let mut original = Self::of(value);
        original.flaw = flaw.map(Arc::new);
        (written.unwrap_or_else(Value::unwritten::<T>), original)
    }

    /// Why it cannot be written and read back, if it cannot.
    pub(crate) fn flaw(&self) -> Option<&Error> {
        self.flaw.as_deref()
    }

    /// Whether it is a `T`.
    pub(crate) fn is<T: 'static>(&self) -> bool {
        self.held.as_deref().is_some_and(<dyn Any + Send + Sync>::is::<T>)
    }

    /// The value, if it is a `T`.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.held.clone()?.downcast().ok()
    }
}

/// Has `original` be a `T`: as it is, or read from the bytes of `value`. Errors: those of the original, and `Decode`.
pub(crate) fn read<T>(value: &Value, original: &mut Option<Original>) -> Result<()>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    if value.is_nothing() || original.as_ref().is_some_and(Original::is::<T>) {
        return Ok(());
    }
    if value.is_unwritten()
        && let Some(flaw) = original.as_ref().and_then(Original::flaw)
    {
        return Err(flaw.clone());
    }
    *original = Some(Original::of(Arc::new(value.decode_any::<T>()?)));
    Ok(())
}

impl Drop for Original {
    fn drop(&mut self) {
        // The last holder may be an actor behind its turn, which a panic of the host's must not end.
        let held = self.held.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(held)));
    }
}

impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Original").field("flaw", &self.flaw).finish_non_exhaustive()
    }
}
