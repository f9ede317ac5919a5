//! The one error type: sentences for people, kinds for programs.
//!
//! Owns: every way a call can fail, worded as what was tried, on what, and what to do now.
//! Never: holds a cached value, or names another module of this crate: everything may name this one. Keys are shown, escaped and cut, because the host typed them; the cache's own
//! log lines name no key.

mod problem;
mod shown;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use problem::{Problem, SettingsError};
pub use shown::Shown;

/// What every fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error, as a loader or a warm source may return it: `?` makes one of whatever your code fails with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error that a loader or a warm source returned, shared by all who waited for it.
pub type SharedError = Arc<dyn std::error::Error + Send + Sync + 'static>;

/// Why a call had no result. Match on the variant, or on [`Error::kind`] when the fields do not matter.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no key: see [`Key::parse`](crate::Key::parse) for the rules.
    #[error("{key} is not a key: {reason}; build keys with Key::of(..) so that parts are encoded")]
    InvalidKey {
        /// The text, escaped and cut.
        key: Shown,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A part of the key was asked for and cannot be told: see [`Key::part`](crate::Key::part).
    #[error(
        "part {place} of {key} is not known: {reason}; build the key with Key::of(..) where its id is known, or \
         load from where it is"
    )]
    UnknownPart {
        /// The key, escaped and cut.
        key: Shown,
        /// Which segment, counted from 0.
        place: usize,
        /// Why it is not known.
        reason: &'static str,
    },
    /// The text is no pattern: see [`Pattern::parse`](crate::Pattern::parse) for the grammar.
    #[error("{pattern} is not a pattern: {reason}")]
    InvalidPattern {
        /// The text, escaped and cut.
        pattern: Shown,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The text is no tag: see [`Tag`](crate::Tag).
    #[error("{tag} cannot be a tag: {reason}; a tag is any other text")]
    InvalidTag {
        /// The text, escaped and cut.
        tag: Shown,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The entry is larger than `max_entry_size`; it was not stored and nobody was evicted for it.
    #[error(
        "{key} was not stored: the entry weighs {bytes} bytes and max_entry_size is {limit}; raise \
         max_entry_size, or split the value"
    )]
    TooLarge {
        /// The key, escaped and cut.
        key: Shown,
        /// Weight of the entry: key, value and overhead.
        bytes: u64,
        /// The limit in force.
        limit: u64,
    },
    /// The key holds a value of another type than the one asked for.
    #[error("{key} holds {held} {asked}; use one type per key, or remove the key first")]
    WrongType {
        /// The key, escaped and cut.
        key: Shown,
        /// What the key holds, in words that go before the type that was asked for.
        held: &'static str,
        /// The type that was asked for.
        asked: &'static str,
    },
    /// The value could not be encoded: its `Serialize` fails, or it is nested deeper than 128 levels.
    #[error("a value of type {type_name} could not be encoded: {reason}")]
    Encode {
        /// The type of the value.
        type_name: &'static str,
        /// What its `Serialize` said, without any of the value.
        reason: Arc<str>,
    },
    /// The bytes stored under the key could not be read back as the type they were written from.
    #[error(
        "the value could not be decoded as {type_name}: {reason}; what its Serialize writes must be what its \
         Deserialize reads, at most 128 levels deep"
    )]
    Decode {
        /// The type that was asked for.
        type_name: &'static str,
        /// What its `Deserialize` said and in which field, without any of the value.
        reason: Arc<str>,
    },
    /// A bound of the tier is reached; nothing was queued. Try again later, or raise the bound.
    #[error("tier {tier} is full: no room for more {what}; try again later or raise {setting}")]
    Overloaded {
        /// The tier that refused.
        tier: Arc<str>,
        /// What there is no room for.
        what: &'static str,
        /// The setting that bounds it.
        setting: &'static str,
    },
    /// The tier broke while the call was under way and is being put back in place.
    #[error("tier {tier} broke and is starting again, empty; whether this call took effect is unknown")]
    TierRestarting {
        /// The tier.
        tier: Arc<str>,
    },
    /// The tier broke too often and is bypassed until somebody revives it.
    #[error(
        "tier {tier} broke {crashes} times within a minute and is bypassed; find the cause in the log, then /cache-revive {tier}"
    )]
    TierFailed {
        /// The tier.
        tier: Arc<str>,
        /// How often it broke.
        crashes: u32,
    },
    /// The budget cannot be so small, or so large; the one before holds.
    #[error(
        "a budget of {bytes} bytes was not set: the tiers of this cache need at least {least}, and {most} is the most; \
         choose one between"
    )]
    Budget {
        /// What was asked for.
        bytes: u64,
        /// The least that gives every tier its floor.
        least: u64,
        /// The most that a cache may have.
        most: u64,
    },
    /// The loader returned an error; every waiter gets this one.
    #[error("loading {key} failed: {source}")]
    LoadFailed {
        /// The key, escaped and cut.
        key: Shown,
        /// What the loader returned.
        source: SharedError,
    },
    /// The loader panicked; the key can be loaded again at once.
    #[error("the loader of {key} panicked; the panic message is in the log of the host")]
    LoadPanicked {
        /// The key, escaped and cut.
        key: Shown,
    },
    /// The loader did not end within its time limit and was dropped; the key can be loaded again at once.
    #[error("loading {key} gave no value within {after:?}; raise load_timeout or make the source faster")]
    LoadTimeout {
        /// The key, escaped and cut.
        key: Shown,
        /// The limit.
        after: Duration,
    },
    /// The task that ran the load was lost with its runtime and no other caller could take over.
    #[error("the load of {key} was lost with the runtime it ran on; call again")]
    LoadLost {
        /// The key, escaped and cut.
        key: Shown,
    },
    /// The call had no answer within its deadline. What it had begun goes on without it: a change that was accepted is
    /// applied, and a load is kept for whoever asks next.
    #[error(
        "no answer within the deadline of {after:?}; a change or a load that has begun goes on without this call"
    )]
    Timeout {
        /// The deadline.
        after: Duration,
    },
    /// A loader asked for a key whose load waits for that loader: for its own, or for one of a cycle of loads.
    #[error(
        "a loader asks for {key}, whose load waits for that loader; load what it needs from the source instead"
    )]
    Reentrant {
        /// The key, escaped and cut.
        key: Shown,
    },
    /// There is no tier of that name.
    #[error("there is no tier {name}; there are {known}")]
    UnknownTier {
        /// The name, escaped and cut.
        name: Shown,
        /// The names that exist, with commas.
        known: String,
    },
    /// No route has this first segment, and `unknown_prefix` is `refuse`.
    #[error(
        "no tier takes keys that begin with {prefix}; add it to the prefixes of a tier, or set \
         unknown_prefix to a tier"
    )]
    UnknownPrefix {
        /// The first segment, escaped and cut.
        prefix: Shown,
    },
    /// There is nothing to warm under that name.
    #[error("there is nothing to warm under {scope}; there are {known}")]
    UnknownScope {
        /// What was asked for, escaped and cut.
        scope: Shown,
        /// The scopes that exist, with commas.
        known: String,
    },
    /// The cache did not become ready in the time that the host gave it. It serves all the same.
    #[error("not ready within {after:?}, waiting for warm {waiting}")]
    NotReady {
        /// The time.
        after: Duration,
        /// The required sources that have not succeeded yet, each with its last error.
        waiting: String,
    },
    /// The line is no command; the text says what the commands are.
    #[error("{reason}")]
    InvalidCommand {
        /// What is wrong and what is right.
        reason: String,
    },
    /// The setting cannot be changed to that; nothing was changed.
    #[error("{setting} was not changed: {reason}")]
    InvalidSetting {
        /// Which setting.
        setting: String,
        /// What is wrong and what is right.
        reason: String,
    },
    /// The invalidation took effect in all tiers but those; there, nothing older is served either.
    #[error("these tiers did not confirm: {tiers}; they serve nothing older, and start again empty")]
    Partial {
        /// Names, with commas.
        tiers: String,
    },
    /// The settings are wrong; the text lists every problem.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The settings were read again and have problems, or say what cannot change while the cache runs; nothing was changed.
    #[error("nothing was changed, the settings before stay in force; {problems}")]
    NotReloaded {
        /// Every problem.
        problems: SettingsError,
    },
    /// The cache could not be started.
    #[error("the cache did not start: {reason}")]
    Start {
        /// What went wrong and what to do.
        reason: String,
    },
    /// The cache was shut down.
    #[error("the cache was shut down; start a new one")]
    Closed,
}

/// [`Error`] without its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // each is described on the variant of `Error` that bears its name
pub enum ErrorKind {
    InvalidKey,
    UnknownPart,
    InvalidPattern,
    InvalidTag,
    TooLarge,
    WrongType,
    Encode,
    Decode,
    Overloaded,
    TierRestarting,
    TierFailed,
    Budget,
    LoadFailed,
    LoadPanicked,
    LoadTimeout,
    LoadLost,
    Timeout,
    Reentrant,
    UnknownTier,
    UnknownPrefix,
    UnknownScope,
    NotReady,
    InvalidCommand,
    InvalidSetting,
    Partial,
    Settings,
    NotReloaded,
    Start,
    Closed,
}

/// The kind and the sentence: what a program shows that returns an error from `main`, and what `unwrap` panics with.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind())
    }
}

impl Error {
    /// The kind of this error, for `match` without fields.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidKey { .. } => ErrorKind::InvalidKey,
            Self::UnknownPart { .. } => ErrorKind::UnknownPart,
            Self::InvalidPattern { .. } => ErrorKind::InvalidPattern,
            Self::InvalidTag { .. } => ErrorKind::InvalidTag,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::WrongType { .. } => ErrorKind::WrongType,
            Self::Encode { .. } => ErrorKind::Encode,
            Self::Decode { .. } => ErrorKind::Decode,
            Self::Overloaded { .. } => ErrorKind::Overloaded,
            Self::TierRestarting { .. } => ErrorKind::TierRestarting,
            Self::TierFailed { .. } => ErrorKind::TierFailed,
            Self::Budget { .. } => ErrorKind::Budget,
            Self::LoadFailed { .. } => ErrorKind::LoadFailed,
            Self::LoadPanicked { .. } => ErrorKind::LoadPanicked,
            Self::LoadTimeout { .. } => ErrorKind::LoadTimeout,
            Self::LoadLost { .. } => ErrorKind::LoadLost,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Reentrant { .. } => ErrorKind::Reentrant,
            Self::UnknownTier { .. } => ErrorKind::UnknownTier,
            Self::UnknownPrefix { .. } => ErrorKind::UnknownPrefix,
            Self::UnknownScope { .. } => ErrorKind::UnknownScope,
            Self::NotReady { .. } => ErrorKind::NotReady,
            Self::InvalidCommand { .. } => ErrorKind::InvalidCommand,
            Self::InvalidSetting { .. } => ErrorKind::InvalidSetting,
            Self::Partial { .. } => ErrorKind::Partial,
            Self::Settings(_) => ErrorKind::Settings,
            Self::NotReloaded { .. } => ErrorKind::NotReloaded,
            Self::Start { .. } => ErrorKind::Start,
            Self::Closed => ErrorKind::Closed,
        }
    }

    /// The host's own error in a [`LoadFailed`](Self::LoadFailed), if it is an `E` or was caused by one.
    ///
    /// `None` for every other error. Also found is what the loader of another key returned, when this one asked for
    /// that, and an `E` that another error names as its source. Cost: a comparison for each error in the chain.
    ///
    /// ```
    /// # use apex_cache::{Cache, Error};
    /// # use std::io;
    /// # async fn example(cache: Cache) {
    /// # async fn query() -> io::Result<String> { Ok("Ann".to_owned()) }
    /// match cache.get_or_load("user::42::name", query).await {
    ///     Ok(name) => println!("{}", *name),
    ///     Err(error) => match error.loader_error::<io::Error>() {
    ///         Some(own) if own.kind() == io::ErrorKind::NotFound => println!("there is no such user"),
    ///         _ => eprintln!("{error}"),
    ///     },
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn loader_error<E: std::error::Error + 'static>(&self) -> Option<&E> {
        let Self::LoadFailed { source, .. } = self else { return None };
        let mut error: &(dyn std::error::Error + 'static) = &**source;
        loop {
            // The `Arc` of a load inside this one stands for its content, and its own `source` skips that.
            if let Some(shared) = error.downcast_ref::<SharedError>() {
                error = &**shared;
            }
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            error = error.source()?;
        }
    }

    /// A `T` whose `Serialize` or `Deserialize` panicked.
    pub(crate) fn encode_panicked<T>() -> Self {
        let reason = "its Serialize or Deserialize panicked".into();
        Self::Encode { type_name: std::any::type_name::<T>(), reason }
    }

    /// A load of `key` that failed in a way that is told in `words`.
    pub(crate) fn load_failed(key: &str, words: &'static str) -> Self {
        Self::LoadFailed { key: Shown::new(key), source: SharedError::from(BoxError::from(words)) }
    }

    /// Whether the cache itself is in trouble, rather than the input or the loader.
    ///
    /// A call with a loader never returns such an error while its loader can still run.
    #[must_use]
    pub fn is_cache_trouble(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Overloaded | ErrorKind::TierRestarting | ErrorKind::TierFailed | ErrorKind::Closed
        )
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
