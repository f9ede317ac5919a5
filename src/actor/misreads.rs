//! Values that were found and could not be read: counted, and told once for each pair of types.
//!
//! Owns: what the log says of them. Never: shows a key or a value; types, fields and variants are named as the code of the host
//! names them.

use std::collections::HashSet;

use parking_lot::Mutex;

use super::tier_shared::TierShared;
use crate::codec::fingerprint::Fingerprint;
use crate::error::Error;
use crate::telemetry;

/// Pairs of types that are told of; past them the counters alone go on.
const TOLD_MAX: usize = 64;

/// The pairs that one cache has told of: written as this, read as that.
#[derive(Debug, Default)]
pub(crate) struct Misreads(Mutex<HashSet<(Fingerprint, Fingerprint)>>);

impl Misreads {
    fn is_first(&self, written: Fingerprint, read: Fingerprint) -> bool {
        let mut told = self.0.lock();
        told.len() < TOLD_MAX && told.insert((written, read))
    }
}

impl TierShared {
    /// A reader of the type `read` found what was written from the type `written`.
    #[cold]
    pub(crate) fn note_wrong_type(&self, written: Fingerprint, read: Option<Fingerprint>) {
        self.counters.wrong_type.one();
        let read = read.unwrap_or(Fingerprint::NOTHING);
        if self.misreads.is_first(written, read) {
            telemetry::wrong_type(&self.name, &written.name(), &read.name());
        }
    }

    /// A value that was written from the type `of` could not be read back, for `error`.
    #[cold]
    pub(crate) fn note_unreadable(&self, of: Fingerprint, error: &Error) {
        self.counters.unreadable.one();
        self.tell_unreadable(of, error);
    }

    /// As [`TierShared::note_unreadable`], where the tier counts it.
    pub(crate) fn tell_unreadable(&self, of: Fingerprint, error: &Error) {
        if self.misreads.is_first(of, of) {
            telemetry::unreadable(&self.name, &of.name(), error);
        }
    }
}
