//! Why a value could not be written or read, in words that do not quote it.
//!
//! Owns: the words. Never: passes on a text that came with an error.

use rmp_serde::{decode, encode};

/// What went wrong. The text of the error itself is left out: it may quote the value.
pub(super) fn encode_reason(error: &encode::Error) -> &'static str {
    match error {
        encode::Error::UnknownLength => "its Serialize does not say how long a list or map is",
        encode::Error::DepthLimitExceeded => "it is nested too deeply",
        encode::Error::InvalidDataModel(_) => "its Serialize breaks the rules of serde",
        encode::Error::InvalidValueWrite(_) => "it could not be written",
        encode::Error::Syntax(_) => "its Serialize returned an error, not shown as it may quote the value",
    }
}

/// What went wrong. Of the text of the error only the kind is kept: the rest may quote the value.
pub(super) fn decode_reason(error: &decode::Error) -> &'static str {
    match error {
        decode::Error::InvalidMarkerRead(_) | decode::Error::InvalidDataRead(_) => "the bytes end early",
        decode::Error::TypeMismatch(_) => "invalid type",
        decode::Error::OutOfRange => "a number is out of range",
        decode::Error::LengthMismatch(_) => "invalid length",
        decode::Error::Utf8Error(_) => "a text is not UTF-8",
        decode::Error::DepthLimitExceeded => "it is nested too deeply",
        decode::Error::Uncategorized(text) | decode::Error::Syntax(text) => {
            const KINDS: [&str; 7] = [
                "invalid type",
                "invalid value",
                "invalid length",
                "unknown variant",
                "unknown field",
                "missing field",
                "duplicate field",
            ];
            let kind = KINDS.into_iter().find(|kind| text.starts_with(kind));
            kind.unwrap_or("its Deserialize returned an error, not shown as it may quote the value")
        }
    }
}
