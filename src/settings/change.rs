//! What settings may be changed to while the cache runs.
//!
//! Owns: how a person's text for them is read, by the grammar and the limits of all settings. Never: changes one.

use std::time::Duration;

use super::check::Number;
use super::values::{Kind, Raw};

/// Whether a time to live is within its limits; else what they are, as the end of a sentence.
pub(crate) fn check_ttl(ttl: Duration) -> Result<(), String> {
    if Number::Time(ttl).is_inside(Kind::TTL) { Ok(()) } else { Err(Kind::TTL.allowed()) }
}

/// A time to live as a person types it, within its limits; else what they are, as the end of a sentence.
pub(crate) fn read_ttl(text: &str) -> Result<Duration, String> {
    let ttl = Raw::Untyped(text.to_owned()).time().map_err(|_| Kind::TTL.allowed())?;
    check_ttl(ttl).map(|()| ttl)
}

/// The size of all tiers as a person types it, in bytes, likewise.
pub(crate) fn read_size(text: &str) -> Result<u64, String> {
    let kind = Kind::of("max_size_mb");
    let size = Raw::Untyped(text.to_owned()).size().map_err(|_| kind.allowed())?;
    if Number::Size(size).is_inside(kind) { Ok(size) } else { Err(kind.allowed()) }
}
