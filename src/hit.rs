//! What a read returns: a value, and where it came from.
//!
//! Owns: the decoded copy of an entry as its reader sees it. Never: changes what is held.

use std::any::{Any, TypeId};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::actor::Seen;
use crate::codec::fingerprint::Fingerprint;
use crate::codec::original::Original;
use crate::codec::value::{decode_stored, wrong_native, wrong_type};
use crate::engine::copied::{AsWritten, ReadAs};
use crate::engine::entry::{ReadEntry, packed};
use crate::engine::given::{Given, Source};
use crate::engine::moment::Moment;
use crate::engine::view::{Fronted, Served, View};
use crate::error::{Error, Result};

/// Why what was seen is of no use, and what that was. In a box: it is seldom, and the way of a hit is short.
pub(crate) type Undecoded<'w> = (Error, Seen<'w>);

/// A value that was read. Use it like the value itself; take the value out with [`Hit::into_value`].
///
/// What was found in memory is not copied: the hit keeps it alive, also when it leaves the cache meanwhile. It may be sent to
/// another thread and held across an `.await`. Each thread keeps up to eight without counting references.
pub struct Hit<T>(Inner<T>);

/// Lends what an entry keeps beside its bytes as what it is: a decoded copy, or a native value. A function
/// that is picked where the type is known to live for ever, so that those who only use a hit need not say so.
type Lend<T> = fn(&Served) -> Option<&T>;

enum Inner<T> {
    /// A copy that was found without its entry.
    InFront { copy: Fronted<T>, now: Moment },
    /// An entry with a decoded copy that is a `T`, or with a native value in a `T`.
    Found { entry: Served, now: Moment, lend: Lend<T> },
    /// A value of its own. In a box, for most hits are of the first kind, and are moved a few times on their way.
    Own(Box<Own<T>>),
}

struct Own<T> {
    /// As it was loaded, shared by all who waited for it.
    value: Arc<T>,
    source: Source,
    age: Duration,
    stored: bool,
}

impl<T: DeserializeOwned + Send + Sync + 'static> Hit<T> {
    /// The value that a typed message was answered with for `key`: what the loader returned where that is a `T`, otherwise a
    /// copy. Errors: `WrongType`, `Decode`.
    pub fn from_given(key: &str, given: &Given) -> Result<Self> {
        match given.original.as_ref().and_then(Original::get::<T>) {
            Some(original) => Ok(Self::shared(original, given)),
            None => Ok(Self::given(given.value.decode(key)?, given)),
        }
    }

    /// What was found in front at `now`, if anything was.
    #[inline(always)] // put together where it is wanted, and not moved there
    pub(crate) fn in_front(copy: Fronted<T>, now: Moment) -> Option<Self> {
        copy.is_some().then_some(Self(Inner::InFront { copy, now }))
    }

    /// What was seen under `key`, if it was written from a `T`. Errors: `WrongType`, `Decode`.
    pub(crate) fn of<'w>(key: &str, seen: Seen<'w>) -> Result<Self, Box<Undecoded<'w>>> {
        if seen.entry.fingerprint() != Fingerprint::of::<T>() {
            return Err(Box::new((wrong_type::<T>(key, seen.entry.is_native()), seen)));
        }
        Self::of_any(seen)
    }

    /// What was seen, whatever it was written from. The first reader decodes it and leaves the copy to those who follow.
    #[inline]
    pub(crate) fn of_any(seen: Seen<'_>) -> Result<Self, Box<Undecoded<'_>>> {
        let as_written = seen.entry.fingerprint() == Fingerprint::of::<T>();
        let copy = if as_written { TypeId::of::<AsWritten<T>>() } else { TypeId::of::<ReadAs<T>>() };
        if !seen.entry.has_copy(copy) {
            let (value, heap): (T, usize) = match decode_stored(seen.entry.bytes(), packed(&seen.entry)) {
                Ok(decoded) => decoded,
                Err(error) => return Err(Box::new((error, seen))),
            };
            let kept = if as_written { seen.keep_as_written(value, heap) } else { seen.keep(value, heap) };
            if let Err(value) = kept {
                return Ok(Self::given(value, &seen.given()));
            }
        } else if as_written {
            seen.put_in_front::<T>();
        }
        let lend: Lend<T> = if as_written { lend_as_written } else { lend_read_as };
        let Seen { entry, now, .. } = seen;
        Ok(Self(Inner::Found { entry, now, lend }))
    }
}

impl<T: ?Sized + Send + Sync + 'static> Hit<Arc<T>> {
    /// The native value of `given`. Errors: `WrongType`.
    pub(crate) fn native(key: &str, given: &Given) -> Result<Self> {
        Ok(Self::given(Arc::clone(given.value.native_of(key)?), given))
    }

    /// The native value that was seen under `key`. Errors: `WrongType`.
    #[inline]
    pub(crate) fn of_native<'w>(key: &str, seen: Seen<'w>) -> Result<Self, Box<Undecoded<'w>>> {
        if seen.entry.native::<T>().is_none() {
            return Err(Box::new((wrong_native::<T>(key, seen.entry.is_native()), seen)));
        }
        let Seen { entry, now, .. } = seen;
        Ok(Self(Inner::Found { entry, now, lend: Served::native::<T> }))
    }
}

fn lend_as_written<T: Send + Sync + 'static>(entry: &Served) -> Option<&T> {
    (entry.decoded()? as &dyn Any).downcast_ref::<AsWritten<T>>().map(AsWritten::value)
}

fn lend_read_as<T: Send + Sync + 'static>(entry: &Served) -> Option<&T> {
    (entry.decoded()? as &dyn Any).downcast_ref::<ReadAs<T>>().map(|ReadAs(value)| value)
}

impl<T> Hit<T> {
    /// The value of `given`, taken out.
    pub(crate) fn given(value: T, given: &Given) -> Self {
        Self::shared(Arc::new(value), given)
    }

    /// As [`Hit::given`], of a value that others have, too.
    fn shared(value: Arc<T>, given: &Given) -> Self {
        let &Given { source, age, stored, .. } = given;
        Self(Inner::Own(Box::new(Own { value, source, age, stored })))
    }

    /// A value that is not in the cache.
    pub(crate) fn unstored(value: T) -> Self {
        Self::unstored_of(Arc::new(value))
    }

    /// As [`Hit::unstored`], of a value that others have, too.
    pub(crate) fn unstored_of(value: Arc<T>) -> Self {
        Self(Inner::Own(Box::new(Own { value, source: Source::Bypass, age: Duration::ZERO, stored: false })))
    }

    /// What `change` makes of the value, from the same place.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Hit<U>
    where
        T: Clone,
    {
        let (source, age, stored) = (self.source(), self.age(), self.is_stored());
        Hit(Inner::Own(Box::new(Own { value: Arc::new(change(self.into_value())), source, age, stored })))
    }

    /// Where it came from: memory, a load of this call or of another, or a loader that ran past the cache.
    pub fn source(&self) -> Source {
        match &self.0 {
            Inner::InFront { copy, now } if copied(copy).is_fresh(*now) => Source::Memory,
            Inner::Found { entry, now, .. } if entry.is_fresh(*now) => Source::Memory,
            Inner::InFront { .. } | Inner::Found { .. } => Source::Stale,
            Inner::Own(own) => own.source,
        }
    }

    /// Whether it is past its time to live; only where `stale` allowed that.
    pub fn is_stale(&self) -> bool {
        self.source() == Source::Stale
    }

    /// Time since it was set, or since its load ended, when it was read; exact to some milliseconds.
    pub fn age(&self) -> Duration {
        match &self.0 {
            Inner::InFront { copy, now } => now.since(copied(copy).stored()),
            Inner::Found { entry, now, .. } => now.since(entry.life().stored),
            Inner::Own(own) => own.age,
        }
    }

    /// Whether the cache held it when it was read. `false` for a load that an invalidation or a set overtook.
    pub fn is_stored(&self) -> bool {
        !matches!(&self.0, Inner::Own(own) if !own.stored)
    }

    /// Whether it was loaded for this call or one that it joined, rather than found in memory.
    pub fn was_loaded(&self) -> bool {
        !matches!(self.source(), Source::Memory | Source::Stale)
    }
}

/// What a hit was found as.
#[inline]
fn copied<T>(copy: &Fronted<T>) -> &AsWritten<T> {
    copy.as_ref().expect("what was found in front is there")
}

impl<T> Hit<T> {
    #[inline]
    fn value(&self) -> &T {
        match &self.0 {
            Inner::InFront { copy, .. } => copied(copy).value(),
            // It stays with its entry as long as that lives; the tier takes it away with the entry.
            Inner::Found { entry, lend, .. } => lend(entry).expect("a hit is made of an entry that has it"),
            Inner::Own(own) => &own.value,
        }
    }

    /// The value itself. `Clone`, because others may share it.
    pub fn into_value(self) -> T
    where
        T: Clone,
    {
        match self.0 {
            Inner::Own(own) => Arc::unwrap_or_clone(own.value),
            Inner::InFront { .. } | Inner::Found { .. } => self.value().clone(),
        }
    }
}

impl<T> Deref for Hit<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value()
    }
}

impl<T> AsRef<T> for Hit<T> {
    fn as_ref(&self) -> &T {
        self.value()
    }
}

impl<T> Clone for Hit<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Inner::InFront { copy, now } => Inner::InFront { copy: View::front_counted(copy), now: *now },
            Inner::Found { entry, now, lend } => {
                Inner::Found { entry: entry.counted(), now: *now, lend: *lend }
            }
            Inner::Own(own) => {
                let Own { value, source, age, stored } = &**own;
                let (source, age, stored) = (*source, *age, *stored);
                Inner::Own(Box::new(Own { value: Arc::clone(value), source, age, stored }))
            }
        })
    }
}

impl<T: PartialEq> PartialEq for Hit<T> {
    fn eq(&self, other: &Self) -> bool {
        let about = |hit: &Self| (hit.source(), hit.age(), hit.is_stored());
        self.value() == other.value() && about(self) == about(other)
    }
}

impl<T: Eq> Eq for Hit<T> {}

/// Writes the value alone, as if there were no `Hit` around it: a handler can return one as JSON, and a cache
/// stores one as a `T`. Where it came from and how old it is are not written.
impl<T: Serialize> Serialize for Hit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
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
        f.debug_struct("Hit")
            .field("source", &self.source())
            .field("age", &self.age())
            .finish_non_exhaustive()
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
