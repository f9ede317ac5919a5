//! Native values: a host's own value behind an `Arc`, kept as it is.
//!
//! Owns: the way back to its type, what it is charged with, and where its `Drop` runs: a panic in there ends
//! here, and within an actor's turn the value is put aside until the turn is over. Never: encodes one.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::aside::after_turn;

/// Bytes around the value itself: the counts of two `Arc`s, and the pointer between them.
const AROUND: usize = 5 * size_of::<usize>();

/// A native value. A clone shares it.
pub(crate) struct Native {
    /// An `Arc<Arc<T>>`, so that a `T` without a size can be kept too. Taken out by the drop alone.
    value: Option<Arc<dyn Any + Send + Sync>>,
    size: u32,
    is_stated: bool,
}

impl Native {
    pub(crate) fn new<T: ?Sized + Send + Sync + 'static>(value: Arc<T>) -> Self {
        let size = narrow((size_of_val(&*value) + AROUND) as u64);
        Self { value: Some(Arc::new(value)), size, is_stated: false }
    }

    /// The value, if it is a `T`.
    pub(crate) fn of<T: ?Sized + Send + Sync + 'static>(&self) -> Option<&Arc<T>> {
        self.value.as_ref()?.downcast_ref()
    }

    /// What it is charged with where no weigher says anything.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// Whether the host said what it is charged with.
    pub(crate) fn is_stated(&self) -> bool {
        self.is_stated
    }

    /// Charges it with `bytes`.
    pub(crate) fn state_size(&mut self, bytes: u64) {
        (self.size, self.is_stated) = (narrow(bytes), true);
    }

    /// Whether both share one value.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

fn narrow(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Clone for Native {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), ..*self }
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Native({} bytes)", self.size)
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            // Half dropped or not, nobody sees it any more.
            after_turn(move || drop(catch_unwind(AssertUnwindSafe(|| drop(value)))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aside::within_turn;

    struct Loud(Arc<()>);

    impl Drop for Loud {
        fn drop(&mut self) {
            assert!(Arc::strong_count(&self.0) > 100, "its Drop panics");
        }
    }

    #[test]
    fn its_drop_runs_once_after_the_turn_and_a_panic_in_it_ends_there() {
        let alive = Arc::new(());
        let native = Native::new(Arc::new(Loud(Arc::clone(&alive))));
        let ((), aside) = within_turn(|| drop((native.clone(), native)));
        assert_eq!((aside.len(), Arc::strong_count(&alive)), (2, 2), "it is kept until the turn is over");
        aside.into_iter().for_each(|later| later());
        assert_eq!(Arc::strong_count(&alive), 1);
        drop(Native::new(Arc::new(Loud(Arc::clone(&alive)))));
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn it_is_known_by_its_type_also_where_that_has_no_size() {
        let text: Arc<str> = Arc::from("four");
        let native = Native::new(Arc::clone(&text));
        assert!(native.of::<str>().is_some_and(|held| Arc::ptr_eq(held, &text)));
        assert!(native.of::<String>().is_none());
        assert_eq!(native.size(), (4 + AROUND) as u32);
    }
}
