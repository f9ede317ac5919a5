//! Keys: checked text in segments, and the builder that makes such text out of any values.
//!
//! Owns: the rules of a key, the encoding of its parts, and the text functions that cut it into segments.
//! Never: interprets a wildcard (`pattern` does) or picks a tier (`route` does).
//!
//! Invariant: in the text of a [`Key`] every run of colons is one or two long, so that it can be cut into
//! segments in one way only.

use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use super::into_key::sealed;
pub use super::into_key::{IntoKey, Place};
use super::params;
use crate::error::{Error, Result, Shown};

/// What stands between two segments of a key.
pub const SEPARATOR: &str = "::";

/// The name of one entry: checked text such as `user::123456::profile`.
///
/// 1 to 1,024 bytes in segments that `::` parts. The first segment picks the tier, the first two are the group
/// that is invalidated together most cheaply. A clone costs a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

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
            Ok(()) => Ok(Self(text.into())),
            Err(reason) => Err(Error::InvalidKey { key: Shown::new(text), reason }),
        }
    }

    /// Begins a key whose first segment is `name`; every part is encoded, so no value can reach into another
    /// segment or act as a wildcard.
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
        KeyBuilder { text: String::new(), params: Vec::new(), failed: None }.part(name)
    }

    /// The key of a text that was one before.
    pub(crate) fn checked(text: &str) -> Self {
        debug_assert_eq!(check(text), Ok(()), "it was checked when the entry was made");
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn to_arc(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The segments from left to right, at least one, none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split(SEPARATOR)
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

/// Adds one encoded part to `text`, after a separator unless it is the first.
///
/// Encoded as `%` and two hexadecimal digits per byte: `%`, `*`, `?`, `:`, `=`, `~` and control characters; an
/// empty part becomes a lone `%`. So parts can be told apart again, and none looks like [`params`]. `=` and `~`
/// are encoded for that last reason alone. Says which rule is broken when `text` grows over `limit` bytes.
pub(super) fn push_part(
    text: &mut String,
    part: impl fmt::Display,
    limit: usize,
    too_long: &'static str,
) -> Result<(), &'static str> {
    if !text.is_empty() {
        text.push_str(SEPARATOR);
    }
    let start = text.len();
    let written = write!(Encoder { text, limit }, "{part}");
    if text.len() > limit {
        return Err(too_long);
    }
    if text.len() == start {
        text.push('%');
    }
    written.map_err(|_| "the Display of a part failed")
}

/// Encodes what is written to it; stops soon after the limit, so that a huge part costs no memory.
struct Encoder<'a> {
    text: &'a mut String,
    limit: usize,
}

impl fmt::Write for Encoder<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for character in piece.chars() {
            if self.text.len() > self.limit {
                return Err(fmt::Error);
            }
            if matches!(character, '%' | '*' | '?' | ':' | '=' | '~') || character.is_control() {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    write!(self.text, "%{byte:02X}")?;
                }
            } else {
                self.text.push(character);
            }
        }
        Ok(())
    }
}

/// Makes a [`Key`] out of parts and parameters; see [`Key::of`].
///
/// Different parts and parameters give different keys. A part is any text; parameters are any values that
/// serde can write and become one segment at the end.
#[derive(Debug, Clone)]
#[must_use = "a builder makes a key only when it is finished"]
pub struct KeyBuilder {
    text: String,
    params: Vec<params::Param>,
    failed: Option<Error>,
}

impl KeyBuilder {
    const TOO_LONG: &'static str =
        "its encoded parts are longer than 1024 bytes; pass long text as a parameter, which is hashed";

    /// Adds a segment. `%`, `*`, `?`, `:`, `=`, `~` and control characters are percent-encoded; an empty part
    /// becomes `%`.
    pub fn part(mut self, part: impl fmt::Display) -> Self {
        if self.failed.is_none()
            && let Err(reason) = push_part(&mut self.text, part, Key::LENGTH_MAX, Self::TOO_LONG)
        {
            self.failed = Some(Error::InvalidKey { key: Shown::new(&self.text), reason });
        }
        self
    }

    /// Adds a segment that stands for `value`: its plain text when that is a number, a truth value, or up to 64
    /// letters, digits, `_`, `.`, `-` that do not read as one of those; else `~` and a hash of 128 bits.
    ///
    /// A plain text is the same segment that [`part`](Self::part) gives. Maps whose order changes from run to
    /// run, such as `HashMap`, give changing keys: use a `BTreeMap`.
    pub fn value<V: Serialize + ?Sized>(mut self, value: &V) -> Self {
        match params::pack(value) {
            Ok(packed) => {
                self.text.push_str(SEPARATOR);
                self.text.push_str(&params::unnamed(&packed));
            }
            Err(error) => self.fail(error),
        }
        self
    }

    /// Adds a named parameter. All of them become one last segment, whatever the order of the calls:
    /// `limit=10,sort=name` when every value has a plain text as for [`value`](Self::value) and the whole has at
    /// most 64 characters; else `~` and a hash of 128 bits.
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
            self.text.push_str(SEPARATOR);
            self.text.push_str(&segment);
        }
        if self.text.len() > Key::LENGTH_MAX {
            return Err(invalid(&self.text, Self::TOO_LONG));
        }
        debug_assert_eq!(check(&self.text), Ok(()), "encoded parts must make a key");
        Ok(Key(self.text.into()))
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
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
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
