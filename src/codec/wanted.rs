//! What a reader asks for.
//!
//! Owns: which values fit. Never: decodes one; a fingerprint decides.

use super::fingerprint::Fingerprint;

/// Which values a reader takes; others count as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// `None`: of any type.
    of: Option<(Fingerprint, Fingerprint)>,
    nothing: bool,
}

impl Wanted {
    /// A value of any type.
    pub const ANY: Self = Self { of: None, nothing: false };

    /// A `T`.
    pub fn of<T: ?Sized>() -> Self {
        Self { of: Some((Fingerprint::of::<T>(), Fingerprint::of::<T>())), nothing: false }
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
}
