//! The edge at which a panic ends: every turn that changes a tier's state runs inside [`guarded`]. A panic elsewhere in an
//! actor ends that actor, and the root task starts another.
//!
//! Owns: catching, and the words of the panic. Never: decides what to do about it.
//!
//! Without it a panic would kill the actor and close its mailbox for good: actix restarts nothing that panicked.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(panic = "abort")]
compile_error!(
    "apex-cache needs panic = \"unwind\": a tier that breaks is put back in place, which abort makes impossible. \
     Remove panic = \"abort\" from the profile."
);

/// Runs `turn`; when it panics, `Err` with what the panic said.
///
/// `AssertUnwindSafe` holds because the caller throws away everything that the turn may have left half changed.
pub(crate) fn guarded<R>(turn: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(turn)).map_err(|panic| words(panic.as_ref()))
}

/// Drops what belongs to the host. Its `Drop` may panic; that is the host's business and ends here.
pub(crate) fn drop_guarded<T>(value: T) {
    let _ = guarded(|| drop(value));
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").chars().take(200).collect()
}
