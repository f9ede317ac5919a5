//! Tags: names that a value is stored with, so that it can be taken away by what it is about.
//!
//! Owns: what a tag may be and how many an entry may have. Never: knows which entries have it; the store's index does.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result, Shown};

/// A name under which values can be invalidated whose keys do not tell that they belong together: `author:7`.
///
/// Any text of 1 to 64 bytes without control characters. Compared by its exact text; there are no wildcards.
///
/// ```
/// use apex_cache::Tag;
/// assert_eq!(Tag::new("author:7")?.as_str(), "author:7");
/// assert!(Tag::new("").is_err());
/// # Ok::<(), apex_cache::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Bytes that a tag may have.
    pub const LENGTH_MAX: usize = 64;
    /// Tags that an entry may have.
    pub const PER_ENTRY_MAX: usize = 32;

    /// The tag of that text. Errors: `InvalidTag`.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        let reason = match text.len() {
            0 => "it is empty",
            length if length > Self::LENGTH_MAX => "it is longer than 64 bytes",
            _ if text.chars().any(char::is_control) => "it has a control character",
            _ => return Ok(Self(text.into())),
        };
        Err(Error::InvalidTag { tag: Shown::new(text), reason })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// The tags of one entry, each once, in no particular order; cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Option<Arc<[Tag]>>);

impl Tags {
    /// None.
    pub const NONE: Self = Self(None);

    /// Those tags, doubles left out. Errors: `InvalidTag` when there are more than 32.
    pub fn new(tags: impl IntoIterator<Item = Tag>) -> Result<Self> {
        let mut tags: Vec<Tag> = tags.into_iter().collect();
        tags.sort_unstable();
        tags.dedup();
        if let Some(tag) = tags.get(Tag::PER_ENTRY_MAX) {
            return Err(Error::InvalidTag {
                tag: Shown::new(tag.as_str()),
                reason: "the entry has 32 tags already, and no entry may have more",
            });
        }
        Ok(if tags.is_empty() { Self::NONE } else { Self(Some(tags.into())) })
    }

    /// The tags.
    pub fn as_slice(&self) -> &[Tag] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether `tag` is among them.
    pub fn contains(&self, tag: &Tag) -> bool {
        self.as_slice().contains(tag)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_short_plain_text_and_an_entry_has_at_most_32() {
        assert!(Tag::new("x".repeat(64)).is_ok() && Tag::new("Köln *").is_ok());
        for wrong in ["", "a\nb", &"x".repeat(65)] {
            assert!(Tag::new(wrong).is_err(), "{wrong:?}");
        }
        let tags =
            |count: usize| Tags::new((0..count).map(|tag| Tag::new(format!("t{}", tag % 40)).unwrap()));
        assert_eq!(tags(32).unwrap().as_slice().len(), 32);
        assert!(tags(33).is_err());
        assert!(Tags::new([]).unwrap().is_empty());
        let double = Tags::new(["a", "b", "a"].map(|tag| Tag::new(tag).unwrap())).unwrap();
        assert_eq!(double.as_slice().len(), 2);
    }
}
