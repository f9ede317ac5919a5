//! Everything this crate logs: targets, words and fields, once; its spans are in `spans`.
//!
//! Owns: the events. Never: names a key or shows a value, or knows a type of this crate but its error: callers pass names
//! and numbers. In steady state nothing is logged.

pub(crate) mod spans;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::{Error, ErrorKind};

/// Who changed what by hand: clear, warm, revive, shut down.
pub(crate) const AUDIT: &str = "apex_cache::audit";
/// A tier broke, failed, or cannot serve.
pub(crate) const TIER: &str = "apex_cache::tier";
/// A fence was open for too long.
pub(crate) fn fence_late(within: Duration) {
    tracing::warn!(
        target: TIER,
        within_ms = within.as_millis() as u64,
        "a fence was neither committed nor aborted in time, so it was committed; end it after the transaction, or give it \
         more time with `within`"
    );
}

/// Values that cannot be read.
pub(crate) const VALUE: &str = "apex_cache::value";
/// A warm source failed.
pub(crate) const WARM: &str = "apex_cache::warm";
/// An actor died.
pub(crate) const SUPERVISOR: &str = "apex_cache::supervisor";
/// A listener of the host panicked.
pub(crate) const EVENTS: &str = "apex_cache::events";
/// The admin over HTTP.
#[cfg(feature = "admin-http")]
pub(crate) const ADMIN: &str = "apex_cache::admin";
/// Keys that no tier was made for.
pub(crate) const ROUTE: &str = "apex_cache::route";

/// The admin listens, because the settings switch it on.
#[cfg(feature = "admin-http")]
pub(crate) fn admin_listens(address: std::net::SocketAddr) {
    tracing::info!(target: ADMIN, %address, "the admin listens, as the settings say; its token opens all of it");
}

/// The admin that the settings switch on cannot listen.
#[cfg(feature = "admin-http")]
pub(crate) fn admin_failed(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(
        target: ADMIN,
        error,
        "the cache runs without its admin; set admin.required where that shall stop the start"
    );
}

/// Somebody changed something by hand. Text that came from outside is escaped by the caller.
pub(crate) fn audited(who: &str, what: &str, scope: &str, count: u64, took: Duration, ok: bool) {
    tracing::info!(
        target: AUDIT,
        who,
        what,
        scope,
        count,
        took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        ok,
        "the cache was changed by hand"
    );
}

/// The host's audit callback panicked; the change itself was made.
pub(crate) fn audit_callback_panicked(what: &str) {
    tracing::error!(
        target: AUDIT,
        what,
        "the audit callback of the host panicked and missed an event; mend the callback"
    );
}

/// A listener of the host panicked; it missed that event and is called with the next.
pub(crate) fn listener_panicked(left_out: u64) {
    tracing::warn!(
        target: EVENTS,
        left_out,
        "a listener of the host panicked and missed an event, it is called with the next; mend the listener"
    );
}

/// A tier broke and was put back in place, or is bypassed from now on.
pub(crate) fn tier_broke(tier: &Arc<str>, words: &str, failed: bool) {
    if failed {
        tracing::error!(
            target: TIER,
            tier = &**tier,
            panic = words,
            "the tier broke too often within a minute and is bypassed; find the cause, then revive it with /cache-revive"
        );
    } else {
        tracing::error!(
            target: TIER,
            tier = &**tier,
            panic = words,
            "the tier broke and starts again, empty; please report this, it is an error in the cache"
        );
    }
}

/// An actor died and is started again.
pub(crate) fn actor_died(who: &dyn fmt::Debug) {
    tracing::error!(
        target: SUPERVISOR,
        actor = ?who,
        "an actor of the cache died and is started again; please report this, it is an error in the cache"
    );
}

/// Loaders run in callers' tasks because the tier cannot serve them.
pub(crate) fn bypassed(tier: &Arc<str>, reason: &Error, left_out: u64) {
    tracing::warn!(
        target: TIER,
        tier = &**tier,
        reason = ?reason.kind(),
        left_out,
        "the cache could not serve a call, its loader ran instead; /cache-info shows the state of the tier"
    );
}

/// Values were given to their callers and not stored, because of their tags.
pub(crate) fn too_many_tags(tier: &Arc<str>, limit: usize, left_out: u64) {
    tracing::warn!(
        target: TIER,
        tier = &**tier,
        limit,
        left_out,
        "a value has more tags than an entry may have, so it was not stored; give it fewer tags, or one tag for all of \
         what it depends on"
    );
}

/// Writes that nobody awaited failed after they had been accepted.
pub(crate) fn unawaited_failed(tier: &Arc<str>, count: u64, left_out: u64) {
    tracing::warn!(
        target: TIER,
        tier = &**tier,
        count,
        left_out,
        "writes that nobody waited for were lost, as the tier broke or is bypassed; await what must not be lost"
    );
}

/// The calls of a cached function go past the cache: told once for each kind of reason.
pub(crate) fn not_cached(reason: &Error) {
    static TOLD: Mutex<Vec<ErrorKind>> = Mutex::new(Vec::new());
    if first_time(&TOLD, reason.kind()) {
        tracing::warn!(
            target: ROUTE,
            reason = ?reason.kind(),
            "a cached function runs uncached, as its key cannot be used; call its `_key` companion to see why"
        );
    }
}

/// A cached value is returned and not stored, as its tags cannot be told: logged once for each reason.
pub(crate) fn not_tagged(error: &Error) {
    static TOLD: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let reason = match error {
        Error::InvalidTag { reason, .. } | Error::InvalidKey { reason, .. } => reason,
        _ => "an argument cannot be written",
    };
    if first_time(&TOLD, reason) {
        tracing::warn!(
            target: ROUTE,
            reason,
            "a cached function's value is returned and not stored, as its tags cannot be told; mend its `tags = ..`"
        );
    }
}

/// A tier holds, or was told to hold, more than is counted for it.
pub(crate) fn over_its_grant(tier: &Arc<str>, bytes: u64, counted: u64) {
    tracing::error!(
        target: TIER,
        tier = &**tier,
        bytes,
        counted,
        "a tier is above its grant; this is a fault of apex-cache, please report it"
    );
}

/// More is granted than there is.
pub(crate) fn overdrawn(granted: u64, limit: u64, error: &dyn fmt::Display) {
    tracing::error!(target: TIER, granted, limit, "{error}");
}

/// A template of `#[cache_invalidate]` made no scope: logged once for each template and reason.
pub(crate) fn invalidation_widened(template: &'static str, reason: &'static str) {
    static TOLD: Mutex<Vec<(&'static str, &'static str)>> = Mutex::new(Vec::new());
    if first_time(&TOLD, (template, reason)) {
        tracing::warn!(
            target: ROUTE,
            template,
            reason,
            "a template of `#[cache_invalidate]` made no scope, so all below its first segment was invalidated, or \
             everything where that is no plain text; write an argument that `Display` or serde can write, and fewer or shorter \
             ones. This is told once for each template and reason"
        );
    }
}

/// A function of `#[cache_invalidate(.., fence)]` runs without its fence: logged once for each kind of reason.
pub(crate) fn invalidation_unfenced(reason: &crate::error::Error) {
    static TOLD: Mutex<Vec<ErrorKind>> = Mutex::new(Vec::new());
    if first_time(&TOLD, reason.kind()) {
        tracing::warn!(
            target: ROUTE,
            reason = ?reason.kind(),
            "no fence could be opened around a function of `#[cache_invalidate]`, so old rows may be stored while it runs; they are \
             invalidated when it ends. Look at Queue in /cache-info. This is told once for each reason"
        );
    }
}

/// A function of `#[cache_invalidate]` found no cache: logged once.
pub(crate) fn invalidation_without_cache() {
    static TOLD: Mutex<Vec<()>> = Mutex::new(Vec::new());
    if first_time(&TOLD, ()) {
        tracing::warn!(
            target: ROUTE,
            "a function of `#[cache_invalidate]` found no cache, so it invalidated nothing; call `apex_cache::install` before \
             the first change, or give it the cache that holds the values. Leave it where caching is off on purpose"
        );
    }
}

/// Whether `told` did not hold `what`, which it does now. Callers log after that: a host's subscriber may call the cache.
fn first_time<T: PartialEq>(told: &Mutex<Vec<T>>, what: T) -> bool {
    let mut told = told.lock();
    let is_new = !told.contains(&what);
    if is_new {
        told.push(what);
    }
    is_new
}

/// An invalidation did not take effect everywhere.
pub(crate) fn not_invalidated(error: &Error) {
    tracing::error!(
        target: TIER,
        reason = ?error.kind(),
        "an invalidation after a change was not confirmed; values may be served until their time to live is over"
    );
}

/// A warm source failed.
pub(crate) fn warm_failed(source: &Arc<str>, error: &str, left_out: u64) {
    tracing::warn!(
        target: WARM,
        source = &**source,
        error,
        left_out,
        "a warm source failed; /cache-stats shows its last error, and those that run by themselves are tried again"
    );
}

/// A value was found that is of another type than its reader asks for.
pub(crate) fn wrong_type(tier: &Arc<str>, written_as: &str, read_as: &str) {
    tracing::warn!(
        target: VALUE,
        tier = &**tier,
        written_as,
        read_as,
        "a value is read as another type than it was written as; use one type for each key. This is told once for each pair"
    );
}

/// A value cannot be read back as the type that it was written from.
pub(crate) fn unreadable(tier: &Arc<str>, of: &str, error: &Error) {
    let reason: &str = match error {
        Error::Encode { reason, .. } | Error::Decode { reason, .. } => reason,
        _ => "see the error that its reader was given",
    };
    tracing::warn!(
        target: VALUE,
        tier = &**tier,
        r#type = of,
        reason,
        "values of a type cannot be read back, so that they are loaded again and again; mend its Serialize or Deserialize, \
         which testing::assert_cacheable tries out. This is told once for each type"
    );
}

/// A key has a first segment that no tier takes.
pub(crate) fn unknown_prefix(prefix: &str, tier: &Arc<str>) {
    tracing::warn!(
        target: ROUTE,
        prefix,
        tier = &**tier,
        "no tier takes keys with this prefix, they go to the default tier; add it to the prefixes of a tier"
    );
}

/// An invalidation has a first segment that no tier takes; `tier`: where such keys go, if they are taken at all.
pub(crate) fn unknown_scope(prefix: &str, tier: Option<&str>) {
    if let Some(tier) = tier {
        tracing::warn!(
            target: ROUTE,
            prefix,
            tier,
            "no tier was made for the keys that an invalidation names, so it looks in the default tier alone; compare it with \
             the keys that are stored, or add the prefix to a tier. This is told once for each prefix"
        );
    } else {
        tracing::warn!(
            target: ROUTE,
            prefix,
            "no tier takes the keys that an invalidation names, so it is refused; compare it with the keys that are stored, \
             or add the prefix to a tier. This is told once for each prefix"
        );
    }
}

/// As [`unknown_prefix`], and from now on no more of these.
pub(crate) fn unknown_prefixes() {
    tracing::warn!(
        target: ROUTE,
        "and other prefixes that no tier takes; they are not told any more"
    );
}
