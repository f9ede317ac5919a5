//! What a tier's turn is asked with, and what it leaves to be done: the edge between decision and action.
//!
//! Owns: the words in which the engine answers. Never: acts on them; the shell does.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::flight::{Class, RunId};
use super::given::Given;
use super::journal::Ticket;
use super::key::Key;
use super::stamp::At;
use super::store::{Gone, Remains};
use super::tag::Tags;
use super::terms::Lasting;
use crate::codec::fingerprint::Fingerprint;
use crate::codec::original::Original;
use crate::codec::value::Value;
use crate::error::{Error, ErrorKind};

/// Who waits for a load.
pub trait Waiter {
    /// Whether its own loader can still be started.
    fn can_lead(&self) -> bool;

    /// Whether it waits on when a load takes longer than it may, and has no error for that.
    fn outlasts_timeouts(&self) -> bool {
        false
    }

    /// Whether it can return that error of another's load as its own, though its own loader runs.
    fn shares(&self, _error: &Error) -> bool {
        false
    }

    /// Whether nobody waits behind it any more.
    fn is_gone(&self) -> bool {
        false
    }

    /// The number in life `incarnation` of the tier after which the value it takes must have been read from its source.
    fn not_before(&self, _incarnation: u64) -> u64 {
        0
    }

    /// Whether a value of that fingerprint is of the type it wants; one of another type counts as absent.
    fn accepts(&self, _value: Fingerprint) -> bool {
        true
    }
}

/// How a load ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// With a value.
    Loaded(Brought),
    /// The source has nothing under the key.
    NotFound,
    /// With an error, a panic or at its time limit.
    Failed(Error),
    /// With an error that only its leader can be given; the others choose the next leader.
    FailedAlone(Error),
    /// Not at all: its task is gone.
    Lost,
}

/// What a load brought, with what its loader says of it.
#[derive(Debug, Clone)]
pub struct Brought {
    /// The value.
    pub value: Value,
    /// How long it lives, if the loader says so; zero: it is not kept.
    pub ttl: Option<Duration>,
    /// Whether the loader says that it must not be served past its time to live.
    pub never_stale: bool,
    /// How the value lasted until now, if the loader said that it is still right.
    pub renews: Option<Lasting>,
    /// The names it can be taken away by.
    pub tags: Tags,
    /// What the loader returned, as it is.
    pub(crate) original: Option<Original>,
}

impl From<Value> for Brought {
    fn from(value: Value) -> Self {
        Self { value, ttl: None, never_stale: false, renews: None, tags: Tags::NONE, original: None }
    }
}

impl Brought {
    /// `value`, encoded, and read once to see that others can be served it.
    pub(crate) fn of<T>(value: Arc<T>) -> Self
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let (value, original) = Original::encode(value);
        Self { original: Some(original), ..value.into() }
    }

    /// Why it cannot be written and read back, if it cannot.
    pub(crate) fn flaw(&self) -> Option<&Error> {
        self.original.as_ref().and_then(Original::flaw)
    }
}

impl Outcome {
    /// The error that it ended with, if it did.
    pub(crate) fn error(&self) -> Option<&Error> {
        if let Self::Failed(error) | Self::FailedAlone(error) = self { Some(error) } else { None }
    }

    /// In which way it failed, if it did.
    pub fn failed(&self) -> Option<ErrorKind> {
        match self {
            Self::Loaded(_) | Self::NotFound => None,
            Self::Failed(error) | Self::FailedAlone(error) => Some(error.kind()),
            Self::Lost => Some(ErrorKind::LoadLost),
        }
    }

    /// What the loader returned, as it is.
    pub(crate) fn original(&self) -> Option<Original> {
        if let Self::Loaded(brought) = self { brought.original.clone() } else { None }
    }

    /// What it brought, or the error; `None` when it did not end.
    pub fn into_result(self) -> Option<Result<Brought, Error>> {
        match self {
            Self::Loaded(brought) => Some(Ok(brought)),
            Self::NotFound => Some(Ok(Value::nothing().into())),
            Self::Failed(error) | Self::FailedAlone(error) => Some(Err(error)),
            Self::Lost => None,
        }
    }
}

/// What a set came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Whether the value is held now. `false` when its time to live is zero, or the cache is disabled.
    pub kept: bool,
    /// Whether an older value of the key was there that could still be served, past its time to live if that is allowed.
    pub replaced: bool,
}

/// What an invalidation took from one tier, or would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Entries.
    pub matched: u64,
    /// Bytes that they were charged with.
    pub bytes: u64,
    /// Loads under way whose values will not be stored.
    /// Loads whose tags are not known yet are not among them: one that lands with a tag that was taken is revoked then.
    pub revoked_loads: u64,
    /// When it took effect.
    pub at: At,
}

/// What became of one entry of a warm run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmed {
    /// It is held now.
    Stored,
    /// It was invalidated or set since the run began.
    Revoked,
    /// There is no room without evicting what is in use.
    NoRoom,
    /// It is larger than the largest entry that is kept, or nothing is kept at all.
    NotKept,
}

/// Why a value that was brought is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotStored {
    /// A set or an invalidation of its key came while it was loaded.
    Revoked,
    /// It is larger than `max_entry_size`.
    TooLarge,
    /// It has more than 32 tags.
    TooManyTags,
    /// Its time to live is zero, or the cache is switched off.
    NotKept,
    /// It cannot be written and read back as what it is.
    Unreadable,
}

/// What took place in a turn beside entries that left; told only to a tier that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A load ended with a value, or with "there is nothing".
    Loaded {
        /// Of which key.
        key: Key,
        /// For whom it ran.
        class: Class,
        /// How long it took.
        took: Duration,
        /// Whether the source had something.
        found: bool,
        /// Why the value is not held, if it is not.
        not_stored: Option<NotStored>,
    },
    /// A load ended without a value.
    LoadFailed {
        /// Of which key.
        key: Key,
        /// In which way.
        kind: ErrorKind,
    },
    /// Everything was taken.
    Cleared {
        /// Entries.
        entries: u64,
        /// Bytes that they were charged with.
        bytes: u64,
    },
}

/// A load of several keys that is to be started.
#[derive(Debug)]
pub struct Batch {
    /// A run for each of the keys.
    pub runs: Vec<RunId>,
    /// The right to store what else it brings; ended when it lands.
    pub ticket: Ticket,
}

/// What a turn leaves to be done after it.
#[derive(Debug)]
pub struct Effects<W, J> {
    /// Answers to those who waited for loads.
    pub answers: Vec<(W, Result<Given, Error>)>,
    /// Loads to be started.
    pub starts: Vec<RunId>,
    /// Loads of several keys to be started.
    pub batches: Vec<Batch>,
    /// Invalidations that are complete.
    pub taken: Vec<(J, Taken)>,
    /// Entries that left, to be dropped.
    pub gone: Vec<Gone>,
    /// What else took place, each with the number of entries in `gone` that left before it.
    pub happened: Vec<(usize, Happened)>,
    /// Whole stores that were cleared, to be dropped.
    pub remains: Vec<Remains>,
    /// Values that were not stored because they had too many tags: the host is to be warned.
    pub too_many_tags: u64,
}

impl<W, J> Default for Effects<W, J> {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            starts: Vec::new(),
            batches: Vec::new(),
            taken: Vec::new(),
            gone: Vec::new(),
            happened: Vec::new(),
            remains: Vec::new(),
            too_many_tags: 0,
        }
    }
}
