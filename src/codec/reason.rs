//! Why a value could not be written or read, in words that do not quote it.
//!
//! Owns: the words. Never: passes on a text that came with an error.

use rmp_serde::{decode, encode};

use super::depth::{TOO_DEEP, TOO_LARGE};
use super::trail::Trail;

/// What went wrong. The text of the error itself is left out: it may quote the value.
pub(super) fn encode_reason(error: &encode::Error) -> &'static str {
    match error {
        encode::Error::UnknownLength => "its Serialize does not say how long a list or map is",
        encode::Error::DepthLimitExceeded => TOO_DEEP,
        encode::Error::InvalidDataModel(_) => "its Serialize breaks the rules of serde",
        encode::Error::InvalidValueWrite(_) => "it could not be written",
        encode::Error::Syntax(text) if text == TOO_DEEP => TOO_DEEP,
        encode::Error::Syntax(text) if text == TOO_LARGE => TOO_LARGE,
        encode::Error::Syntax(_) => "its Serialize returned an error, not shown as it may quote the value",
    }
}

/// What went wrong and where: "missing field `id` at `rows[3]`".
pub(super) fn decode_reason(error: &decode::Error, trail: &Trail) -> String {
    let mut reason = cause(error, trail);
    let path = trail.to_string();
    if !path.is_empty() {
        reason.push_str(" at `");
        reason.push_str(&path);
        reason.push('`');
    }
    reason
}

/// What went wrong. Of the text of the error only the kind is kept, and names that the type itself states: the rest may quote
/// the value.
fn cause(error: &decode::Error, trail: &Trail) -> String {
    const UNTAGGED: &str = "data did not match any variant of untagged enum";
    let text = match error {
        decode::Error::InvalidMarkerRead(_) | decode::Error::InvalidDataRead(_) => "the bytes end early",
        decode::Error::TypeMismatch(_) => "invalid type",
        decode::Error::OutOfRange => "a number is out of range",
        decode::Error::LengthMismatch(_) => "invalid length",
        decode::Error::Utf8Error(_) => "a text is not UTF-8",
        decode::Error::DepthLimitExceeded => TOO_DEEP,
        decode::Error::Uncategorized(text) | decode::Error::Syntax(text) => text,
    };
    let plain = !matches!(error, decode::Error::Uncategorized(_) | decode::Error::Syntax(_));
    if plain || text == TOO_DEEP || text == TOO_LARGE {
        text.to_owned()
    } else if text.starts_with(UNTAGGED) {
        "no variant of an untagged enum fits".to_owned()
    } else if let Some(kind) =
        ["missing field", "duplicate field"].into_iter().find(|kind| text.starts_with(kind))
    {
        trail.stated(text).map_or_else(|| kind.to_owned(), |name| format!("{kind} `{name}`"))
    } else if let Some(found) = text.strip_prefix("invalid type: ") {
        let found = FOUND.into_iter().find(|word| found.starts_with(word));
        found.map_or_else(|| "invalid type".to_owned(), |word| format!("invalid type: {word}"))
    } else {
        const KINDS: [&str; 4] = ["invalid value", "invalid length", "unknown variant", "unknown field"];
        let kind = KINDS.into_iter().find(|kind| text.starts_with(kind));
        kind.unwrap_or("its Deserialize returned an error, not shown as it may quote the value").to_owned()
    }
}

/// What serde calls what it found.
const FOUND: [&str; 16] = [
    "boolean",
    "integer",
    "floating point",
    "character",
    "string",
    "byte array",
    "unit value",
    "Option value",
    "newtype struct",
    "sequence",
    "map",
    "enum",
    "unit variant",
    "newtype variant",
    "tuple variant",
    "struct variant",
];
