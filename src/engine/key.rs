//! Keys: checked text in segments, and the builder that makes such text out of any values.
//!
//! Owns: the rules of a key, the ids that it was built from, and the text functions that cut it into segments.
//! Never: encodes an id (`segment` does), interprets a wildcard (`pattern` does) or picks a tier (`route` does).
//!
//! Invariant: in the text of a [`Key`] every run of colons is one or two long, so that it can be cut into
//! segments in one way only.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use super::into_key::sealed;
pub use super::into_key::{IntoKey, Place};
use super::{params, segment};
use crate::error::{Error, Result, Shown};

/// What stands between two segments of a key.
pub const SEPARATOR: &str = "::";

/// The name of one entry: checked text such as `user::123456::profile`.
///
/// 1 to 1,024 bytes in segments that `::` parts. The first segment picks the tier, the first two are the group
/// that is invalidated together most cheaply. Keys of the same text are equal. A clone costs a reference count.
#[derive(Clone)]
pub struct Key {
    text: Arc<str>,
    /// What its hashed segments were made of, for a key that was built and has such segments.
    hashed: Option<Arc<Vec<Hashed>>>,
}

/// What a hashed segment was made of.
#[derive(Debug, Clone)]
pub(crate) struct Hashed {
    /// The place of the segment.
    pub(crate) segment: usize,
    /// The id; `None`: a value or parameters, which have no text.
    pub(crate) id: Option<Box<str>>,
}

/// One segment of a key as a loader needs it: see [`Key::parts`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part<'k> {
    /// The text that the segment was made of.
    Text(Cow<'k, str>),
    /// Only the hash is known: `~` and 32 hexadecimal digits.
    Hash(&'k str),
}

impl Key {
    /// Bytes that a key may have, 1,024.
    pub const LENGTH_MAX: usize = 1_024;

    /// Checks `text` and takes it as a key.
    ///
    /// Errors: `InvalidKey` when it is empty or longer than 1,024 bytes, holds a control character, a wildcard
    /// (`*`, `?`) or `:::`, or when a segment is empty. Cost: one pass and one allocation.
    ///
    /// ```
    /// use apex_cache::Key;
    /// assert_eq!(Key::parse("user::42::profile")?.segments().count(), 3);
    /// assert!(Key::parse("user::*").is_err());
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        match check(text) {
            Ok(()) => Ok(Self { text: text.into(), hashed: None }),
            Err(reason) => Err(Error::InvalidKey { key: Shown::new(text), reason }),
        }
    }

    /// Begins a key whose first segment is `name`; every part is encoded, so no value can reach into another
    /// segment or act as a wildcard. The templates of `#[cached]` encode their arguments in the same way, so both
    /// make the same key.
    ///
    /// ```
    /// use apex_cache::Key;
    /// let key = Key::of("user").part(123_456).part("profile").finish()?;
    /// assert_eq!(key.as_str(), "user::123456::profile");
    /// let top = Key::of("query").part("get_leaderboard").param("limit", &10).finish()?;
    /// assert_eq!(top.as_str(), "query::get_leaderboard::limit=10");
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn of(name: impl fmt::Display) -> KeyBuilder {
        KeyBuilder { text: String::new(), segments: 0, hashed: Vec::new(), params: Vec::new(), failed: None }
            .part(name)
    }

    /// The key of a text that was one before.
    pub(crate) fn checked(text: &str) -> Self {
        debug_assert_eq!(check(text), Ok(()), "it was checked when the entry was made");
        Self { text: text.into(), hashed: None }
    }

    /// The key of `text`, whose hashed segments were made of `hashed`. Errors: as for [`Key::parse`].
    pub(crate) fn built(text: &str, hashed: Vec<Hashed>) -> Result<Self> {
        let key = Self::parse(text)?;
        Ok(Self { hashed: (!hashed.is_empty()).then(|| Arc::new(hashed)), ..key })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, shared.
    pub fn to_arc(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The segments from left to right, encoded as they stand in the text; at least one, none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.split(SEPARATOR)
    }

    /// What the segments were made of, from left to right: for a loader, which needs the ids and not their encoding.
    ///
    /// An id of which the segment has more than 64 bytes is hashed. A key that was built here, with [`Key::of`] or by the
    /// `_key` companion of a cached function, keeps such an id until its load has ended. Where only the text of a key
    /// is known (it was parsed, or it comes from an entry or an event), that part is a [`Part::Hash`]; so are values and
    /// parameters that have no plain text.
    ///
    /// ```
    /// use apex_cache::{Key, Part};
    /// let key = Key::of("user").part("oidc:123").part("name").finish()?;
    /// assert_eq!(key.as_str(), "user::oidc%3A123::name");
    /// assert_eq!(key.parts().nth(1), Some(Part::Text("oidc:123".into())));
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.segments().enumerate().map(|(place, text)| match segment::decode(text) {
            Some(id) => Part::Text(id),
            None => match self.hashed_at(place).and_then(|hashed| hashed.id.as_deref()) {
                Some(id) => Part::Text(Cow::Borrowed(id)),
                None => Part::Hash(text),
            },
        })
    }

    /// What the segment at `place` was made of, counted from 0. See [`Key::parts`].
    ///
    /// Errors: `UnknownPart` when there is no such segment, or when only its hash is known. A loader that passes the
    /// error on with `?` fails, and nothing is remembered as absent.
    ///
    /// ```
    /// # use apex_cache::Key;
    /// let key = Key::of("user").part("oidc:123").part("name").finish()?;
    /// assert_eq!(key.part(1)?, "oidc:123");
    /// assert!(key.part(3).is_err());
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn part(&self, place: usize) -> Result<Cow<'_, str>> {
        let reason = match self.parts().nth(place) {
            Some(Part::Text(id)) => return Ok(id),
            Some(Part::Hash(_)) => "only its hash is known",
            None => "there is none",
        };
        Err(Error::UnknownPart { key: Shown::new(&self.text), place, reason })
    }

    fn hashed_at(&self, place: usize) -> Option<&Hashed> {
        self.hashed.iter().flat_map(|all| all.iter()).find(|hashed| hashed.segment == place)
    }

    /// Fails if a segment is a hash and nobody can say of what: a loader that has nothing but the key would ask its
    /// source for the hash. Errors: `UnknownPart`.
    pub(crate) fn known(&self) -> Result<()> {
        let mut hashes = self.segments().enumerate().filter(|(_, text)| segment::is_hash(text));
        match hashes.find(|&(place, _)| self.hashed_at(place).is_none()) {
            Some((place, _)) => self.part(place).map(drop),
            None => Ok(()),
        }
    }

    /// Takes what `other`, a key of the same text, knows about its segments.
    pub(crate) fn learn(&mut self, other: &Self) {
        if self.hashed.is_none() {
            self.hashed.clone_from(&other.hashed);
        }
    }

    /// The key without what it was built from: for whatever outlives a load, so that no table holds long ids.
    pub(crate) fn without_ids(self) -> Self {
        Self { hashed: None, ..self }
    }
}

/// Which rule of [`Key::parse`] the text breaks, if any.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    if is_plain(text.as_bytes()) { Ok(()) } else { check_all(text) }
}

/// Whether `bytes` are a key as nearly all are: short, of visible ASCII characters, with no colons side by side but `::`. A few
/// passes that know no characters: every look-up that finds nothing comes through here.
fn is_plain(bytes: &[u8]) -> bool {
    let visible = |byte: u8| (0x20..0x7F).contains(&byte) && byte != b'*' && byte != b'?';
    let separator = SEPARATOR.as_bytes();
    (1..=Key::LENGTH_MAX).contains(&bytes.len())
        && bytes.iter().fold(true, |all, &byte| all & visible(byte))
        && !bytes.windows(3).any(|three| three == b":::")
        && !bytes.starts_with(separator)
        && !bytes.ends_with(separator)
}

/// As [`check`], rule by rule.
fn check_all(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > Key::LENGTH_MAX {
        return Err("it is longer than 1024 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    if text.contains(['*', '?']) {
        return Err("it holds a wildcard, * or ?");
    }
    if text.contains(":::") {
        return Err("it holds :::, which can be cut into segments in two ways");
    }
    if text.starts_with(SEPARATOR) || text.ends_with(SEPARATOR) {
        return Err("a segment is empty");
    }
    Ok(())
}

/// The first segment: the text before the first `::`, or all of it. Takes any text; allocates nothing.
#[inline]
pub fn first_segment(text: &str) -> &str {
    &text[..first_segment_of(text.as_bytes()).len()]
}

/// The key group: the first two segments with what stands between them, or all of the text when it has fewer.
/// Takes any text; allocates nothing.
#[inline]
pub fn group(text: &str) -> &str {
    &text[..group_of(text.as_bytes()).len()]
}

/// As [`first_segment`], of the bytes of a text: that bytes of an entry are a text takes as long to find out as to cut them.
#[inline]
pub(super) fn first_segment_of(text: &[u8]) -> &[u8] {
    find_separator(text).map_or(text, |end| &text[..end])
}

/// As [`group`], of the bytes of a text.
#[inline]
pub(super) fn group_of(text: &[u8]) -> &[u8] {
    let second = first_segment_of(text).len() + SEPARATOR.len();
    match text.get(second..).and_then(find_separator) {
        Some(end) => &text[..second + end],
        None => text,
    }
}

/// As `str::find`, which costs four times as much on such short text, and every hit comes through here.
#[inline]
fn find_separator(text: &[u8]) -> Option<usize> {
    text.windows(SEPARATOR.len()).position(|pair| pair == SEPARATOR.as_bytes())
}

/// Adds the segment of `part` to `text`, behind a separator unless it is the first. Returns the id if it was hashed.
pub(super) fn push_part(
    text: &mut String,
    part: impl fmt::Display,
) -> Result<Option<Box<str>>, &'static str> {
    if !text.is_empty() {
        text.push_str(SEPARATOR);
    }
    let start = text.len();
    write!(text, "{part}").map_err(|_| DISPLAY_FAILED)?;
    Ok(segment::encode_from(text, start))
}

/// Why a part could not be written.
pub(crate) const DISPLAY_FAILED: &str = "the Display of a part failed";

/// Makes a [`Key`] out of parts and parameters; see [`Key::of`].
///
/// Different parts and parameters give different keys. A part is any text; parameters are any values that
/// serde can write and become one segment at the end.
#[derive(Debug, Clone)]
#[must_use = "a builder makes a key only when it is finished"]
pub struct KeyBuilder {
    text: String,
    segments: usize,
    hashed: Vec<Hashed>,
    params: Vec<params::Param>,
    failed: Option<Error>,
}

impl KeyBuilder {
    /// Adds a segment. `%`, `*`, `?`, `:`, `=`, `~` and control characters are percent-encoded; an empty part
    /// becomes `%`; a part whose segment would have more than 64 bytes becomes `~` and a hash of 128 bits.
    pub fn part(mut self, part: impl fmt::Display) -> Self {
        if self.failed.is_none() {
            match push_part(&mut self.text, part) {
                Ok(id) => self.count_segment(id.is_some(), id),
                Err(reason) => self.fail(Error::InvalidKey { key: Shown::new(&self.text), reason }),
            }
        }
        self
    }

    /// Adds a segment that stands for `value`: its plain text when that is a number, a truth value, or up to 64
    /// letters, digits, `_`, `.`, `-` that do not read as one of those; otherwise `~` and a hash of 128 bits.
    ///
    /// A plain text is the same segment that [`part`](Self::part) gives. Maps whose order changes from run to
    /// run, such as `HashMap`, give changing keys: use a `BTreeMap`.
    pub fn value<V: Serialize + ?Sized>(mut self, value: &V) -> Self {
        match params::pack(value) {
            Ok(packed) => self.push_values(&params::unnamed(&packed)),
            Err(error) => self.fail(error),
        }
        self
    }

    fn push_values(&mut self, segment: &str) {
        self.text.push_str(SEPARATOR);
        self.text.push_str(segment);
        self.count_segment(segment::is_hash(segment), None);
    }

    fn count_segment(&mut self, is_hashed: bool, id: Option<Box<str>>) {
        if is_hashed {
            self.hashed.push(Hashed { segment: self.segments, id });
        }
        self.segments += 1;
    }

    /// Adds a named parameter. All of them become one last segment, whatever the order of the calls:
    /// `limit=10,sort=name` when every value has a plain text as for [`value`](Self::value) and the whole has at
    /// most 64 characters; otherwise `~` and a hash of 128 bits.
    pub fn param<V: Serialize + ?Sized>(mut self, name: impl Into<String>, value: &V) -> Self {
        match params::pack(value) {
            Ok(packed) => self.params.push((name.into(), packed)),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Adds several named parameters of one type; see [`param`](Self::param).
    pub fn params<N: Into<String>, V: Serialize>(self, params: impl IntoIterator<Item = (N, V)>) -> Self {
        params.into_iter().fold(self, |builder, (name, value)| builder.param(name, &value))
    }

    /// The key.
    ///
    /// Errors: `InvalidKey` when the encoded parts are longer than 1,024 bytes or a parameter is named twice;
    /// `Encode` when a parameter could not be written.
    pub fn finish(mut self) -> Result<Key> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let invalid = |text: &str, reason| Error::InvalidKey { key: Shown::new(text), reason };
        if !self.params.is_empty() {
            let segment = params::named(&mut self.params).map_err(|reason| invalid(&self.text, reason))?;
            self.push_values(&segment);
        }
        if self.text.len() > Key::LENGTH_MAX {
            return Err(invalid(&self.text, "its encoded parts are longer than 1024 bytes; use fewer parts"));
        }
        Key::built(&self.text, self.hashed)
    }

    fn fail(&mut self, error: Error) {
        self.failed.get_or_insert(error);
    }
}

impl FromStr for Key {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.text
    }
}

// By the text alone, so that a key that was built and one that was parsed are one, and `Borrow` holds.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
