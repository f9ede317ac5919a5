//! Tags: names that a value is stored with, so that it can be invalidated by what it is about.
//!
//! Owns: what a tag may be and how many an entry may have. Never: knows which entries have it; the store's index does.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::segment;
use crate::error::{Error, Result, Shown};

/// A name under which values can be invalidated whose keys do not tell that they belong together: `author:7`.
///
/// Any text but the empty one. A text of up to 64 bytes without control characters stays readable; any other becomes a
/// hash of 128 bits, as an id in a key does. Compared by its exact text; there are no wildcards.
///
/// ```
/// use apex_cache::Tag;
/// assert_eq!(Tag::new("author:7")?.as_str(), "author:7");
/// assert_eq!(Tag::new("x".repeat(1_000))?.as_str().len(), 33); // hashed
/// assert!(Tag::new("").is_err());
/// # Ok::<(), apex_cache::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Bytes that the text of a tag may have as it is held and shown, 64.
    pub const LENGTH_MAX: usize = segment::SEGMENT_MAX;
    /// Tags that an entry may have, 32. A value with more is given to its callers and not stored.
    pub const PER_ENTRY_MAX: usize = 32;

    /// The tag of any text. Errors: `InvalidTag` when it is empty.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        match text.as_ref() {
            "" => Err(Error::InvalidTag { tag: Shown::new(""), reason: "it is empty" }),
            text => Ok(Self::of(text)),
        }
    }

    /// The tag whose text is shown as `text`: as [`Tag::new`], but the hash of a long tag stands for that tag. For text
    /// that a person copied. Errors: `InvalidTag` when it is empty.
    pub fn parse(text: &str) -> Result<Self> {
        if segment::is_hash(text) { Ok(Self(text.into())) } else { Self::new(text) }
    }

    /// The tag of any text, the empty one included, which only the template of an attribute makes.
    pub(crate) fn of(text: &str) -> Self {
        // What looks like a hash is hashed, so that no two texts share a tag.
        let is_readable = (1..=Self::LENGTH_MAX).contains(&text.len())
            && !text.starts_with('~')
            && !text.chars().any(char::is_control);
        Self(if is_readable { text.into() } else { segment::hash(text).into() })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
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

    /// Those tags, duplicates left out. A value with more than [32](Tag::PER_ENTRY_MAX) is not stored, with a warning.
    pub fn new(tags: impl IntoIterator<Item = Tag>) -> Self {
        let mut tags: Vec<Tag> = tags.into_iter().collect();
        tags.sort_unstable();
        tags.dedup();
        if tags.is_empty() { Self::NONE } else { Self(Some(tags.into())) }
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

    /// Whether there are more than an entry may have.
    pub(crate) fn are_too_many(&self) -> bool {
        self.as_slice().len() > Tag::PER_ENTRY_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_plain_text_up_to_64_bytes_is_readable_and_any_other_is_a_hash() {
        let shown = |text: &str| Tag::new(text).unwrap().as_str().to_owned();
        for readable in ["author:7", "Köln *", &"x".repeat(64)] {
            assert_eq!(shown(readable), readable);
        }
        let hash = shown(&"x".repeat(65));
        for hashed in ["a\nb", "~x", &"x".repeat(65), &hash] {
            assert!(segment::is_hash(&shown(hashed)), "{hashed:?}");
        }
        assert_ne!(shown(&hash), hash, "the text of a hash is another tag than what was hashed");
        assert_eq!(hash.parse::<Tag>().unwrap().as_str(), hash, "unless a person typed it");
        assert!(Tag::new("").is_err() && Tag::parse("").is_err());
    }

    #[test]
    fn an_entry_may_have_32_different_tags() {
        let tags =
            |count: usize| Tags::new((0..count).map(|tag| Tag::new(format!("t{}", tag % 40)).unwrap()));
        assert!(!tags(32).are_too_many() && tags(33).are_too_many());
        assert!(Tags::new([]).is_empty());
        assert_eq!(Tags::new(["a", "b", "a"].map(|tag| Tag::new(tag).unwrap())).as_slice().len(), 2);
    }
}
