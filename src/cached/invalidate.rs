//! What a change takes out of the cache after it was made.
//!
//! Owns: that an invalidation is sent on every way out on which the change may have happened. Never: decides whether the
//! change succeeded; its result says so.

use std::future::pending;
use std::time::Duration;

use crate::engine::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Cache;
use crate::message::{Invalidate, Invalidated};
use crate::telemetry;

/// How often a tier that is flooded is asked again, and how long it is left alone in between.
const TRIES_MAX: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Invalidations to be made when a function ends. Dropped before [`finish`](Self::finish), it sends them: the function
/// panicked or its caller gave up, and what it had changed by then is not known.
#[derive(Debug)]
#[must_use = "nothing is invalidated until the function has ended"]
pub struct Invalidation {
    cache: Option<Cache>,
    scopes: Vec<Scope>,
}

impl Invalidation {
    /// Of `scopes` in `cache`.
    pub fn new(cache: Option<&Cache>, scopes: Vec<Scope>) -> Self {
        Self { cache: cache.cloned(), scopes }
    }

    /// Invalidates, when that is `wanted`, and waits until nothing older is served. Counts are summed over all scopes.
    /// `None`: it was not wanted, or there is no cache.
    pub async fn finish(mut self, wanted: bool) -> Option<Result<Invalidated>> {
        let scopes = std::mem::take(&mut self.scopes);
        let cache = self.cache.as_ref().filter(|_| wanted)?;
        // All are under way before the first is waited for: dropped from here on, this takes nothing back.
        let sent: Vec<_> = scopes.iter().map(|scope| cache.send(Invalidate::new(scope.clone()))).collect();
        let mut sum = Invalidated::default();
        let mut failed = None;
        for (answer, scope) in sent.into_iter().zip(&scopes) {
            match again_while_full(cache, scope, answer.await).await {
                Ok(taken) => {
                    sum.matched += taken.matched;
                    sum.bytes += taken.bytes;
                    sum.revoked_loads += taken.revoked_loads;
                    sum.tiers += taken.tiers;
                    sum.stamp = sum.stamp.and(&taken.stamp);
                }
                Err(error) => {
                    telemetry::not_invalidated(&error);
                    failed = Some(error);
                }
            }
        }
        Some(failed.map_or(Ok(sum), Err))
    }
}

/// A tier that is full has not taken the invalidation: it is sent until it has, for a second.
async fn again_while_full(
    cache: &Cache,
    scope: &Scope,
    mut answer: Result<Invalidated>,
) -> Result<Invalidated> {
    for _ in 0..TRIES_MAX {
        match &answer {
            Err(error) if error.kind() == ErrorKind::Overloaded => {
                cache.wiring().spawner.within(PAUSE, pending::<()>()).await;
                answer = cache.send(Invalidate::new(scope.clone())).await;
            }
            // Nothing is served any more.
            Err(Error::Closed) => return Ok(Invalidated::default()),
            _ => break,
        }
    }
    answer
}

impl Drop for Invalidation {
    fn drop(&mut self) {
        if let Some(cache) = &self.cache {
            for scope in &self.scopes {
                drop(cache.send(Invalidate::new(scope.clone()))); // accepted before this returns
            }
        }
    }
}

/// Asks whether a function succeeded.
#[derive(Debug)]
pub struct Success<'a, R>(pub &'a R);

impl<T, E> Success<'_, Result<T, E>> {
    /// A `Result` says so.
    #[must_use]
    pub fn succeeded(self) -> bool {
        self.0.is_ok()
    }
}

/// The compiler comes here for what is no `Result`.
pub trait PlainSuccess: Sized {
    /// It returned.
    fn succeeded(self) -> bool {
        true
    }
}

impl<R> PlainSuccess for Success<'_, R> {}
