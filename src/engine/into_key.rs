//! What a call may be given to name an entry.
//!
//! Owns: which types those are, and what is known of a key before it is looked for. Never: decides what is a key (`key` does).

use super::key::{Key, check};
use crate::error::{Error, Result, Shown};

/// What can name an entry: `&str`, `String`, `&String`, [`Key`], `&Key`,
/// [`&PreparedKey`](crate::PreparedKey).
///
/// Sealed. A look-up goes by the text alone, so that a hit neither checks nor allocates: text that is no key
/// names no entry.
pub trait IntoKey: sealed::Sealed {
    /// The text to look up.
    fn text(&self) -> &str;

    /// The key; text is checked. Errors: `InvalidKey`.
    fn into_key(self) -> Result<Key>;

    /// Whether the text is a key, for who needs none. Errors: `InvalidKey`. Cost: allocates nothing.
    #[doc(hidden)]
    fn check(&self) -> Result<()> {
        let text = self.text();
        check(text).map_err(|reason| Error::InvalidKey { key: Shown::new(text), reason })
    }

    /// Where it was found to belong before.
    #[doc(hidden)]
    fn place(&self) -> Option<Place> {
        None
    }
}

/// Where a key belongs in one cache.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which cache.
    pub owner: u64,
    /// Which tier of it.
    pub tier: u8,
    /// The hash of the key there.
    pub hash: u64,
}

pub(crate) mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for &String {}
    impl Sealed for super::Key {}
    impl Sealed for &super::Key {}
}

macro_rules! into_key_from_text {
    ($($text:ty),+) => {$(
        impl IntoKey for $text {
            fn text(&self) -> &str {
                self
            }
            fn into_key(self) -> Result<Key> {
                Key::parse(&self)
            }
        }
    )+};
}
into_key_from_text!(&str, String, &String);

impl IntoKey for Key {
    fn text(&self) -> &str {
        self.as_str()
    }
    fn into_key(self) -> Result<Key> {
        Ok(self)
    }
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl IntoKey for &Key {
    fn text(&self) -> &str {
        self.as_str()
    }
    fn into_key(self) -> Result<Key> {
        Ok(self.clone())
    }
    fn check(&self) -> Result<()> {
        Ok(())
    }
}
