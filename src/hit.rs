//! What a read returns: a value, and where it came from.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::engine::given::{Given, Source};
use crate::error::Result;

/// A value that was read. Use it like the value itself; take the value out with [`Hit::into_value`].
#[derive(Clone, PartialEq, Eq)]
pub struct Hit<T> {
    value: T,
    source: Source,
    age: Duration,
    stored: bool,
}

impl<T: DeserializeOwned> Hit<T> {
    pub(crate) fn decode(key: &str, given: &Given) -> Result<Self> {
        Ok(Self::given(given.value.decode(key)?, given))
    }
}

impl<T> Hit<T> {
    /// The value of `given`, taken out.
    pub(crate) fn given(value: T, given: &Given) -> Self {
        Self { value, source: given.source, age: given.age, stored: given.stored }
    }

    /// A value that is not in the cache.
    pub(crate) fn unstored(value: T) -> Self {
        Self { value, source: Source::Bypass, age: Duration::ZERO, stored: false }
    }

    /// Where it came from: memory, a load of this call or of another, or a loader that ran past the cache.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether it is past its time to live; only where `stale` allowed that.
    pub fn is_stale(&self) -> bool {
        self.source == Source::Stale
    }

    /// Time since it was set, or since its load ended; exact to some milliseconds.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Whether the cache held it when it was read. `false` for a load that an invalidation or a set overtook.
    pub fn is_stored(&self) -> bool {
        self.stored
    }

    /// Whether it was loaded for this call or one that it joined, rather than found in memory.
    pub fn was_loaded(&self) -> bool {
        !matches!(self.source, Source::Memory | Source::Stale)
    }

    /// The value itself. `Clone`, because others may share it.
    pub fn into_value(self) -> T
    where
        T: Clone,
    {
        self.value
    }
}

impl<T> Deref for Hit<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> AsRef<T> for Hit<T> {
    fn as_ref(&self) -> &T {
        &self.value
    }
}

/// Writes the value alone, as if there were no `Hit` around it: a handler can return one as JSON, and a cache
/// stores one as a `T`. Where it came from and how old it is are not written.
impl<T: Serialize> Serialize for Hit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl Source {
    /// One word for a log or a header: `memory`, `stale`, `loaded`, `joined` or `bypass`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Stale => "stale",
            Self::Loaded => "loaded",
            Self::Joined => "joined",
            Self::Bypass => "bypass",
        }
    }
}

/// The word of [`Source::as_str`].
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Shows where it came from, and not the value.
impl<T> fmt::Debug for Hit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hit").field("source", &self.source).field("age", &self.age).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::value::Value;

    #[test]
    fn a_hit_is_written_as_its_value_and_where_it_came_from_as_a_word() {
        let hit = Hit::unstored(vec![1, 2]);
        assert_eq!(serde_json::to_string(&hit).expect("numbers can be written"), "[1,2]");
        let words =
            [Source::Memory, Source::Loaded, Source::Joined, Source::Bypass].map(|s| format!("{s:>7}"));
        assert_eq!(words, [" memory", " loaded", " joined", " bypass"]);
        assert_eq!(hit.source().as_str(), "bypass");
        // So it can be stored again, as what it holds.
        let again = Value::encode(&Hit::unstored("text")).expect("a text can be written");
        assert_eq!(again.decode::<String>("k").expect("it is one"), "text");
    }
}
