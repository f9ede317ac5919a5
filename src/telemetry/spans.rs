//! Every span of this crate: names, targets, levels and fields, once. They stay as they are: hosts filter by them, and
//! dashboards group by them.
//!
//! Owns: what a span says, and whose child it is. Never: a key, a value or the id of a user; a span for a hit.
//!
//! A subscriber is the host's code. So spans are made, entered and closed in tasks, and never within an actor's turn; only
//! that of a restart belongs to a turn, which is over by then: it broke. Work that waits is driven by `Instrument`, which
//! enters a span for each poll and leaves it behind no `await`.
//!
//! When nobody listens a span costs the look at one number, and allocates nothing.

use tracing::field::Empty;
use tracing::{Level, Span, span};

use crate::error::{Error, ErrorKind, Result};

/// One run of a loader, for one key or several, until what it brought is on its way to the tier. A child of the span in
/// which it was asked for; a refresh, which may outlive that, follows from it.
const LOAD: (&str, &str) = ("apex_cache::load", "cache.load");
/// An invalidation or a removal, from when it is waited for until all tiers have answered.
const INVALIDATE: (&str, &str) = ("apex_cache::invalidate", "cache.invalidate");
/// One run of a warm source, and the storing of what it brought.
const WARM: (&str, &str) = ("apex_cache::warm", "cache.warm");
/// An actor that broke is put back in place.
const RESTART: (&str, &str) = ("apex_cache::restart", "cache.restart");

/// For whom a load runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Somebody waits for it.
    Caller,
    /// Nobody does.
    Refresh,
    /// Somebody, in whose task it runs, because the cache cannot serve.
    Bypass,
}

/// The span of a load of so many `keys` that was asked for in `cause`.
pub(crate) fn load(tier: &str, keys: usize, whom: For, cause: &Span) -> Span {
    let (refresh, bypass) = (whom == For::Refresh, whom == For::Bypass);
    macro_rules! child_of {
        ($parent:expr) => {
            span!(target: LOAD.0, parent: $parent, Level::DEBUG, LOAD.1, tier, keys, refresh, bypass, outcome = Empty)
        };
    }
    if !refresh {
        return child_of!(cause);
    }
    let span = child_of!(None);
    span.follows_from(cause);
    span
}

/// The word for how a load ended, as the metrics have it.
fn word(failed: Option<ErrorKind>) -> &'static str {
    match failed {
        None => "ok",
        Some(ErrorKind::LoadPanicked) => "panicked",
        Some(ErrorKind::LoadTimeout) => "timed_out",
        Some(ErrorKind::LoadLost) => "lost",
        Some(_) => "failed",
    }
}

/// How the load of `span` ended. Of several keys the first failure counts.
pub(crate) fn loaded(span: &Span, failures: impl IntoIterator<Item = Option<ErrorKind>>) {
    if !span.is_disabled() {
        span.record("outcome", word(failures.into_iter().flatten().next()));
    }
}

/// As [`loaded`], of a load that ran in its caller's task.
pub(crate) fn bypassed<T>(span: &Span, result: &Result<T>) {
    if !span.is_disabled() {
        span.record("outcome", word(result.as_ref().err().map(Error::kind)));
    }
}

/// The span of an invalidation of a scope of that `kind`. `how` is `remove`, `expire`, or `commit` of a fence.
pub(crate) fn invalidation(kind: &'static str, how: &'static str, dry_run: bool, awaited: bool) -> Span {
    span!(
        target: INVALIDATE.0,
        Level::DEBUG,
        INVALIDATE.1,
        scope = kind,
        how,
        dry_run,
        awaited,
        tiers = Empty,
        matched = Empty,
        revoked_loads = Empty,
        outcome = Empty,
    )
}

/// What an invalidation came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) tiers: u64,
    pub(crate) matched: u64,
    pub(crate) revoked_loads: u64,
}

/// What the invalidation of `span` took.
pub(crate) fn invalidated(span: &Span, took: Result<Took, &Error>) {
    let outcome = match took {
        Ok(Took { tiers, matched, revoked_loads }) => {
            span.record("tiers", tiers);
            span.record("matched", matched);
            span.record("revoked_loads", revoked_loads);
            "ok"
        }
        Err(Error::Partial { .. }) => "partial",
        Err(_) => "failed",
    };
    span.record("outcome", outcome);
}

/// The span of a run of a warm source. For which user it runs is not told.
pub(crate) fn warm(source: &str, tier: &str, for_user: bool) -> Span {
    span!(
        target: WARM.0,
        parent: None,
        Level::INFO,
        WARM.1,
        source,
        tier,
        for_user,
        stored = Empty,
        revoked = Empty,
        refused = Empty,
        outcome = Empty,
    )
}

/// What the run of `span` came to: entries that were stored, revoked and refused, and whether it ended well.
pub(crate) fn warmed(span: &Span, [stored, revoked, refused]: [u64; 3], ok: bool) {
    span.record("stored", stored);
    span.record("revoked", revoked);
    span.record("refused", refused);
    span.record("outcome", if ok { "ok" } else { "failed" });
}

/// The span in which an actor is put back in place: a tier whose turn panicked, or whichever died.
pub(crate) fn restart(actor: &'static str, tier: Option<&str>, cause: &'static str) -> Span {
    span!(
        target: RESTART.0,
        parent: None,
        Level::INFO,
        RESTART.1,
        actor,
        tier,
        cause,
        lost = Empty,
        bypassed = Empty,
    )
}

/// What a tier lost with its restart, and whether it broke too often and is bypassed from now on.
pub(crate) fn restarted(span: &Span, lost: u64, bypassed: bool) {
    span.record("lost", lost);
    span.record("bypassed", bypassed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_nobody_listens_there_is_nothing_behind_a_span() {
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
            let spans = [
                load("user", 1, For::Caller, &Span::current()),
                load("user", 3, For::Refresh, &Span::current()),
                invalidation("key", "remove", false, true),
                warm("menu", "user", false),
                restart("tier", Some("user"), "panic"),
            ];
            for span in spans {
                assert!(span.is_disabled() && span.id().is_none(), "{span:?}");
            }
        });
    }
}
