//! Segments: the one rule that turns an id into key text, and its inverse.
//!
//! Built keys and patterns, the templates of the attributes, tags, `forget_user` and the lines that operators type all use it,
//! so an id makes the same segment wherever it is written.
//!
//! An id stands in its segment as it is, with these characters percent-encoded: `%`, `*`, `?`, `:`, `=`, `~` and control
//! characters. The empty id becomes a lone `%`. An id whose segment would be longer than 64 bytes becomes `~` and 32
//! hexadecimal digits, half of a SHA-256. So no two ids share a segment unless the hash collides, and no segment of an id
//! looks like parameters, which alone hold `=`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::params;

/// Bytes that a segment made of an id may have; a longer one is hashed.
pub const SEGMENT_MAX: usize = 64;

/// Length of a hashed segment: `~` and 32 hexadecimal digits.
const HASHED_LEN: usize = 33;

/// Replaces the id that `text` holds from `start` on with its segment. Returns the id if it was hashed.
///
/// Cost: one pass over a short id of plain ASCII characters, which is left as it is; one allocation otherwise.
#[inline]
pub(crate) fn encode_from(text: &mut String, start: usize) -> Option<Box<str>> {
    let id = &text.as_bytes()[start..];
    if (1..=SEGMENT_MAX).contains(&id.len()) && id.iter().all(|&byte| is_plain(byte)) {
        return None;
    }
    encode_slowly(text, start)
}

fn encode_slowly(text: &mut String, start: usize) -> Option<Box<str>> {
    let id = text.split_off(start);
    if let Some(segment) = escape(&id) {
        text.push_str(&segment);
        return None;
    }
    text.push_str(&hash(&id));
    Some(id.into())
}

/// The segment of `id`.
pub(crate) fn encode(id: &str) -> String {
    escape(id).unwrap_or_else(|| hash(id))
}

/// Whether an ASCII character stands for itself in a segment.
fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..0x7F) && !is_reserved(byte.into())
}

fn is_reserved(character: char) -> bool {
    matches!(character, '%' | '*' | '?' | ':' | '=' | '~')
}

/// The segment of `id` in which it can be read; `None` if that is too long.
fn escape(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("%".to_owned());
    }
    // An id grows by encoding, never shrinks.
    if id.len() > SEGMENT_MAX {
        return None;
    }
    let mut segment = String::with_capacity(SEGMENT_MAX);
    for character in id.chars() {
        if is_reserved(character) || character.is_control() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(segment, "%{byte:02X}"); // writing to a String cannot fail
            }
        } else {
            segment.push(character);
        }
    }
    (segment.len() <= SEGMENT_MAX).then_some(segment)
}

/// The hashed segment of `id`, which is that of the same text as a parameter without a name.
pub(crate) fn hash(id: &str) -> String {
    let packed = params::pack(id).expect("serde can write any text");
    params::hashed(0, [("", packed.as_slice())])
}

/// The id that `segment` was made of; `None` if it is a hash. Text that the encoder would not have written stands for
/// itself: a part of a key that was typed, or parameters.
pub(crate) fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if is_hash(segment) {
        return None;
    }
    let id = unescape(segment).filter(|id| escape(id).as_deref() == Some(segment));
    Some(id.map_or(Cow::Borrowed(segment), Cow::Owned))
}

/// Whether `segment` is a hash of an id or of parameters.
pub(crate) fn is_hash(segment: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    segment.len() == HASHED_LEN && segment.strip_prefix('~').is_some_and(|hash| hash.bytes().all(is_digit))
}

/// `segment` with its percent codes replaced by what they stand for, if there are any and all are right.
fn unescape(segment: &str) -> Option<String> {
    if segment == "%" {
        return Some(String::new());
    }
    let mut pieces = segment.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    if bytes.len() == segment.len() {
        return None; // nothing is encoded
    }
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[path = "segment_tests.rs"]
pub(crate) mod tests;
