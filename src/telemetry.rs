//! Everything this crate logs: targets, words and fields, once.
//!
//! Owns: the events. Never: names a key or shows a value.

use crate::admin::audit::AuditEvent;

/// Who changed what by hand: clear, warm, revive, shut down.
pub(crate) const AUDIT: &str = "apex_cache::audit";

/// Somebody changed something by hand. Text that came from outside is escaped by the caller.
pub(crate) fn audited(event: &AuditEvent, who: &str, scope: &str) {
    tracing::info!(
        target: AUDIT,
        who,
        what = event.what.as_str(),
        scope,
        count = event.count,
        took_us = u64::try_from(event.took.as_micros()).unwrap_or(u64::MAX),
        ok = event.ok,
        "the cache was changed by hand"
    );
}

/// The host's audit callback panicked; the change itself was made.
pub(crate) fn audit_callback_panicked(event: &AuditEvent) {
    tracing::error!(
        target: AUDIT,
        what = event.what.as_str(),
        "the audit callback of the host panicked and missed an event; mend the callback"
    );
}
