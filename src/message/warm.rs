//! Bringing values in before somebody asks.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;

use crate::error::{Error, Result};

/// Runs warm sources now: all of them, or those of one tier. What they bring replaces what is there.
///
/// Reply: what each source came to; a tier without sources reports none. A source whose run is under way is not run
/// again; its run is waited for. Errors: `UnknownScope`. Order: what is invalidated or set while a run reads its source
/// is not brought back by it. Cost: the sources' own.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<WarmReport, Error>")]
#[non_exhaustive]
pub struct Warm {
    /// Which sources.
    pub scope: WarmScope,
}

impl Warm {
    /// Runs the sources of `scope`.
    pub fn new(scope: WarmScope) -> Self {
        Self { scope }
    }
}

/// Which warm sources.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WarmScope {
    /// All; those of users for the users that were active of late.
    All,
    /// Those that fill the tier of this name.
    Tier(Arc<str>),
}

/// What a [`Warm`] came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmReport {
    /// One for each source that was run, in the order in which they were given.
    pub sources: Vec<SourceReport>,
}

impl WarmReport {
    /// Entries stored by all sources.
    pub fn stored(&self) -> u64 {
        self.sources.iter().map(|source| source.stored).sum()
    }
}

/// What one source came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceReport {
    /// The name of the source.
    pub source: Arc<str>,
    /// The tier that it fills.
    pub tier: Arc<str>,
    /// Entries stored.
    pub stored: u64,
    /// Entries not stored because they were invalidated or set meanwhile.
    pub revoked: u64,
    /// Entries not stored because there was no room without evicting what is in use, or because they were too large.
    pub refused: u64,
    /// How long it took.
    pub took: Duration,
    /// What went wrong, if something did.
    pub error: Option<Arc<str>>,
}

impl SourceReport {
    pub(crate) fn new(source: &Arc<str>, tier: &Arc<str>) -> Self {
        let (source, tier) = (Arc::clone(source), Arc::clone(tier));
        Self { source, tier, stored: 0, revoked: 0, refused: 0, took: Duration::ZERO, error: None }
    }

    /// Adds what another run of the same source came to.
    pub(crate) fn add(&mut self, run: &Self) {
        self.stored += run.stored;
        self.revoked += run.revoked;
        self.refused += run.refused;
        self.took = self.took.max(run.took);
        if run.error.is_some() {
            self.error.clone_from(&run.error);
        }
    }
}

/// A user did something: the first time within the user tier's time to live, the sources for users run for them, behind
/// the caller's back.
///
/// Reply: whether a run was begun; it is not waited for. `false`: there is no such source, or the user was active within
/// that time already (also when what was warmed has been invalidated since, but not cleared), or a run for the user failed in the last 10 s.
/// Order: none. Cost: a message; the run has its own bound. 100,000 users are remembered, by a hash; for those of them whose ids
/// have room in 4 MiB, the last ones, a [`Warm`] runs the source again. As many bytes of ids wait for their runs.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<bool, Error>")]
#[non_exhaustive]
pub struct UserActive {
    /// Who.
    pub user: Arc<str>,
}

impl UserActive {
    /// `user` did something.
    pub fn new(user: impl std::fmt::Display) -> Self {
        Self { user: user.to_string().into() }
    }
}
