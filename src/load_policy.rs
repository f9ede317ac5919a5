//! What a call with a loader says about time: four words for nearly everybody, and the rest for those who look for it.
//!
//! Owns: what may be said, and whose word counts where several say something. Never: stores anything.

use std::time::Duration;

use crate::engine::provenance::SaidBy;
use crate::engine::terms::{JITTER_MAX, Terms};

/// How values are loaded, kept and served, as far as it is said here; what is left out is taken from the route, the tier,
/// then the settings of the cache.
///
/// Nearly everybody needs only [`ttl`](Self::ttl), [`stale`](Self::stale), [`timeout`](Self::timeout) and
/// [`not_found_ttl`](Self::not_found_ttl), which are also options of a call. Nothing is served past its time to live unless
/// `stale` is said for the call, its route, its tier or in the settings.
///
/// # Whose word counts
///
/// The most specific word wins, for each option on its own:
///
/// 1. **Those who bring the value**: its loader ([`Loaded::ttl`](crate::Loaded::ttl),
///    [`Loaded::never_stale`](crate::Loaded::never_stale)), or the set that writes it
///    ([`SetCall::ttl`](crate::SetCall::ttl), [`SetCall::stale`](crate::SetCall::stale)).
/// 2. **The call** or the attribute that has it loaded. Callers that join a load take what its first caller
///    said.
/// 3. **The route**: the prefix of the key in the settings.
/// 4. **The tier**.
/// 5. **The policy of the cache** ([`Settings::policy`](crate::Settings::policy)), and then the defaults.
///
/// What 1 and 2 say of `ttl` and `stale` stays with the value, and still holds after a loader said
/// [`not_modified`](crate::Loaded::not_modified). A loader can replace it; what only a call said, a later
/// call can replace too. What 3 to 5 say is asked again at each load, so that a change by `/cache-set ttl`
/// takes effect.
///
/// `stale` is a right of the value as well as of the call: a value is served past its time to live for as
/// long as both allow, what was said when it was stored and what the call says that reads it. So
/// `never_stale`, a set with a `stale` of zero, and `stale = "0s"` on the call that loads make a value that
/// nobody is served late, whatever the tier or another call allows. Reads without a loader, such as
/// [`Cache::get`](crate::Cache::get), never take a stale value.
///
/// ```
/// use std::time::Duration;
/// use apex_cache::LoadPolicy;
///
/// let policy = LoadPolicy::new()
///     .ttl(Duration::from_secs(600))
///     .stale(Duration::from_secs(300)) // for 5 minutes more while one refresh runs behind, and when the source fails
///     .eager(0.8)                      // a read after 8 minutes has it loaded anew
///     .retry(Duration::from_secs(1), Duration::from_secs(60));
/// # let _ = policy;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[must_use = "a policy does nothing by itself"]
pub struct LoadPolicy {
    pub(crate) ttl: Option<Duration>,
    pub(crate) stale: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) not_found_ttl: Option<Duration>,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) jitter: Option<f64>,
    pub(crate) eager: Option<f64>,
    pub(crate) retry: Option<(Duration, Duration)>,
}

impl LoadPolicy {
    /// Says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a value is fresh. Zero: it is not kept.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long after its time to live a value may still be served: at once, while one refresh runs behind the callers'
    /// backs, and when the source fails. The answer says so ([`Hit::is_stale`](crate::Hit::is_stale)). What was
    /// removed or invalidated is never served, stale or not. Default: zero, never.
    pub fn stale(mut self, stale: Duration) -> Self {
        self.stale = Some(stale);
        self
    }

    /// How long a load may take, and how long a call waits for one that others began. Past it the loader is dropped, and
    /// those who wait get a stale value where that is allowed, else `LoadTimeout`. Default: `load_timeout`, 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long it is remembered that the source has nothing under a key; never longer than the time to live. Zero: not at
    /// all. Default: 30 s. Such entries take a twentieth of a tier at most.
    pub fn not_found_ttl(mut self, ttl: Duration) -> Self {
        self.not_found_ttl = Some(ttl);
        self
    }

    /// How long a call that could be served a stale value waits for the fresh one first: wait for the source,
    /// then fall back to the old value. Does nothing where no stale value may be served. Default: zero, it is
    /// served at once.
    ///
    /// After a load failed it is served at once too, until the source is asked again: see
    /// [`retry`](Self::retry). A call whose timeout is not longer waits for that alone; in settings more than
    /// the timeout is refused.
    pub fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = Some(timeout);
        self
    }

    /// Share of the time to live, 0 to 0.5, by which it may be shortened, so that values which were stored together do not
    /// expire together; never lengthened. What lies outside counts as the nearest. Default: 0, and 0.1 for warm runs.
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = Some(if share.is_nan() { 0.0 } else { share.clamp(0.0, JITTER_MAX) });
        self
    }

    /// Share of the time to live, between 0 and 1, after which a read has the value loaded anew behind the reader's back,
    /// so that what is in use never expires. 0, 1 and what lies outside: off, as by default; in
    /// settings what lies outside is refused.
    pub fn eager(mut self, share: f64) -> Self {
        self.eager = Some(share);
        self
    }

    /// How long the source is left alone after a load failed while a stale value can be served, at first and at most; the
    /// pause doubles in between.
    /// Default: 10 s and 5 minutes. In settings a first pause of zero, or a longest that is shorter, is refused.
    pub fn retry(mut self, first: Duration, longest: Duration) -> Self {
        self.retry = Some((first, longest));
        self
    }

    /// How far past its time to live a value may be that is served at once; without building all of the terms, for a hit
    /// asks no more. A call that would rather wait for a fresh value looks for a stale one later.
    pub(crate) fn serves_at_once(&self, below: &Terms) -> Duration {
        let waits = !self.soft_timeout.unwrap_or(below.soft_timeout).is_zero();
        if waits { Duration::ZERO } else { self.stale.unwrap_or(below.stale) }
    }

    /// What is said here, and `below` where nothing is.
    pub(crate) fn over(&self, below: &Terms) -> Terms {
        let eager = self.eager.map_or(below.eager, |share| (share > 0.0 && share < 1.0).then_some(share));
        Terms {
            ttl: self.ttl.unwrap_or(below.ttl),
            stale: self.stale.unwrap_or(below.stale),
            not_found_ttl: self.not_found_ttl.unwrap_or(below.not_found_ttl),
            timeout: self.timeout.unwrap_or(below.timeout),
            soft_timeout: self.soft_timeout.unwrap_or(below.soft_timeout),
            jitter: self.jitter.unwrap_or(below.jitter),
            eager,
            retry: self.retry.unwrap_or(below.retry),
            said: below.said,
        }
    }

    /// As [`LoadPolicy::over`], and notes that `by` said what is said here.
    pub(crate) fn said_over(&self, below: &Terms, by: SaidBy) -> Terms {
        let mut terms = self.over(below);
        if self.ttl.is_some() {
            terms.said.ttl = by;
        }
        if self.stale.is_some() {
            terms.said.stale = by;
        }
        terms
    }
}
