//! Bugs that are planted on purpose, to see that the simulation finds them. Only with the feature `seeded-bugs`.
//!
//! Owns: which bug is planted on this thread, and nothing else. Never: is in a release; without the feature
//! `has` is false when the program is compiled, and costs nothing.
//!
//! A bug is planted on one thread, so that tests beside it are not disturbed: a simulation runs on one.

/// One planted bug each. The places ask `has`; what stands there is what somebody could have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bug {
    /// An invalidation leaves the loads alone that are under way.
    RevocationLeftOut,
    /// A load may store by when it ended, not by when it began.
    EndForStart,
    /// What takes something away goes with its caller, as a request does that waits on actix's own reply channel.
    UnsentWithItsCaller,
    /// A key that is not in the store has no loads to revoke.
    AbsentForgotten,
    /// A warm run stores without a ticket.
    WarmWithoutTicket,
    /// The view of a tier that broke stays open, with what it showed.
    ViewLeftOpen,
    /// What a load of several keys brings beside is stored unchecked.
    ExtrasUnchecked,
    /// A fence that is dropped aborts.
    DropAborts,
    /// A decoded copy of the old value stands in front of the new one.
    CopyLeftInFront,
}

#[cfg(feature = "seeded-bugs")]
impl Bug {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RevocationLeftOut,
        Self::EndForStart,
        Self::UnsentWithItsCaller,
        Self::AbsentForgotten,
        Self::WarmWithoutTicket,
        Self::ViewLeftOpen,
        Self::ExtrasUnchecked,
        Self::DropAborts,
        Self::CopyLeftInFront,
    ];
}

#[cfg(feature = "seeded-bugs")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants `bug` on this thread, in the place of the one before; `None` takes that out.
#[doc(hidden)]
#[cfg(feature = "seeded-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether `bug` is planted here.
#[cfg(feature = "seeded-bugs")]
pub(crate) fn has(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether `bug` is planted here: never.
#[cfg(not(feature = "seeded-bugs"))]
pub(crate) const fn has(_bug: Bug) -> bool {
    false
}
