//! What a reader asks for.
//!
//! Owns: which values fit, and how a value that fits is read. Never: decodes one to find out whether it fits; a fingerprint
//! decides.

use serde::de::DeserializeOwned;

use super::fingerprint::Fingerprint;
use super::original::{self, Original};
use super::value::Value;
use crate::error::{Error, Result};

/// Has an original be of the type that a reader asks for.
type Read = fn(&Value, &mut Option<Original>) -> Result<()>;

/// Which values a reader takes; others count as absent.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// `None`: of any type.
    of: Option<(Fingerprint, Fingerprint)>,
    nothing: bool,
    /// `None`: the reader takes bytes.
    read: Option<Read>,
}

impl Wanted {
    /// A value of any type.
    pub const ANY: Self = Self { of: None, nothing: false, read: None };

    /// A `T`.
    pub fn of<T: ?Sized>() -> Self {
        Self { of: Some((Fingerprint::of::<T>(), Fingerprint::of::<T>())), ..Self::ANY }
    }

    /// A `T`, read as one.
    pub(crate) fn typed<T: DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self::of::<T>().read_as::<T>()
    }

    /// Read as a `T`, whichever of the types it was written from.
    #[must_use]
    pub(crate) fn read_as<T: DeserializeOwned + Send + Sync + 'static>(self) -> Self {
        Self { read: Some(original::read::<T>), ..self }
    }

    /// A native `T`.
    pub(crate) fn native<T: ?Sized + 'static>() -> Self {
        let native = Fingerprint::native::<T>();
        Self { of: Some((native, native)), ..Self::ANY }
    }

    /// Also an `U`.
    #[must_use]
    pub(crate) fn or<U: ?Sized>(self) -> Self {
        Self { of: self.of.map(|(of, _)| (of, Fingerprint::of::<U>())), ..self }
    }

    /// Also that the source has nothing.
    #[must_use]
    pub fn or_nothing(self) -> Self {
        Self { nothing: true, ..self }
    }

    /// Whether the reader takes a value of that fingerprint.
    #[inline]
    pub fn takes(self, fingerprint: Fingerprint) -> bool {
        let fits = |(of, or)| of == fingerprint || or == fingerprint;
        if fingerprint == Fingerprint::NOTHING { self.nothing } else { self.of.is_none_or(fits) }
    }

    /// Whether the reader takes bytes, of any type.
    pub(crate) fn is_any(self) -> bool {
        self.of.is_none()
    }

    /// The type that it takes, if it is not any.
    pub(crate) fn fingerprint(self) -> Option<Fingerprint> {
        self.of.map(|(of, _)| of)
    }

    /// Has `original` be of the type that the reader asks for. Errors: why `value` is of no use to it.
    pub(crate) fn read(self, value: &Value, original: &mut Option<Original>) -> Result<()> {
        if let Some(read) = self.read {
            return read(value, original);
        }
        let flaw = original.as_ref().and_then(Original::flaw).filter(|_| value.is_unwritten());
        flaw.map_or(Ok(()), |flaw: &Error| Err(flaw.clone()))
    }
}
