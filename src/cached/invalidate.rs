//! What a change takes out of the cache after it was made.
//!
//! Owns: that an invalidation is sent on every way out on which the change may have happened. Never: decides whether the
//! change succeeded; its result says so.

use std::fmt::{self, Display, Write as _};
use std::future::pending;
use std::time::Duration;

use tokio::sync::oneshot;

use super::text::Target;
use crate::actor::{Pending, without_cache};
use crate::engine::scope::{Prefix, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::fence::Fence;
use crate::handle::Cache;
use crate::message::{Invalidate, Invalidated};

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
    /// Those of them that were opened before the function began; a fence that is dropped commits.
    fences: Vec<Fence>,
    /// Around all that templates over what the function returns can name.
    around: Around,
}

/// Whole first segments, which are invalidated unless the function returns what names a part of them.
#[derive(Debug, Default)]
struct Around {
    fences: Vec<Fence>,
    /// Those that no fence could be had for.
    unfenced: Vec<Scope>,
}

impl Invalidation {
    /// Of `targets` in `cache`.
    pub fn new(cache: Option<&Cache>, targets: Vec<Target>) -> Self {
        if cache.is_none() {
            without_cache();
        }
        let scopes = cache.map(|cache| scopes_of(cache, targets)).unwrap_or_default();
        Self { cache: cache.cloned(), scopes, fences: Vec::new(), around: Around::default() }
    }

    /// As [`Invalidation::new`], and keeps out of the cache from now on what is loaded while the function runs. A scope
    /// that no fence can be had for is invalidated afterwards all the same.
    pub async fn fenced(cache: Option<&Cache>, targets: Vec<Target>) -> Self {
        let mut this = Self::new(cache, targets);
        let Some(cache) = cache else { return this };
        let mut left = Vec::new();
        for scope in &this.scopes {
            match cache.begin(scope.clone()).await {
                Ok(fence) => this.fences.push(fence),
                Err(error) => {
                    note_unfenced(cache, &error);
                    left.push(scope.clone());
                }
            }
        }
        this.scopes = left;
        this
    }

    /// Also fences all keys that begin with `firsts`: a part of them is invalidated, which only what the
    /// function returns can name. What is loaded until then may be from before the change.
    pub async fn fenced_after(mut self, firsts: &[&str]) -> Self {
        let Some(cache) = self.cache.clone() else { return self };
        for first in firsts {
            let scope = Prefix::parse(first).map_or(Scope::All, Scope::from);
            match cache.begin(scope.clone()).await {
                Ok(fence) => self.around.fences.push(fence),
                Err(error) => {
                    note_unfenced(&cache, &error);
                    self.around.unfenced.push(scope);
                }
            }
        }
        self
    }

    /// Invalidates, when that is `wanted`, and waits until nothing older is served; of what was
    /// [fenced](Self::fenced_after) only what was `found` in the value, or all where there is no value.
    /// Counts are summed over all scopes. `None`: it was not wanted, or there is no cache.
    pub async fn finish(mut self, wanted: bool, found: Option<Vec<Target>>) -> Option<Result<Invalidated>> {
        let (mut scopes, mut fences) = (std::mem::take(&mut self.scopes), std::mem::take(&mut self.fences));
        let mut around = std::mem::take(&mut self.around);
        if !wanted {
            for fence in fences.into_iter().chain(around.fences) {
                // Whether it ends now or when its time is over: what was cached is still right.
                let _ = fence.abort().await;
            }
            return None;
        }
        let cache = self.cache.as_ref()?;
        if let Some(found) = found {
            scopes.extend(scopes_of(cache, found));
        } else {
            scopes.append(&mut around.unfenced);
            fences.append(&mut around.fences);
        }
        // All are under way before the first is waited for: dropped from here on, this takes nothing back.
        let sent: Vec<_> = scopes.into_iter().map(|scope| send(cache, scope)).collect();
        let mut sum = Ok(Invalidated::default());
        for fence in fences {
            add(&mut sum, noted(cache, fence.commit().await));
        }
        for answer in sent {
            add(&mut sum, answer.await);
        }
        for fence in around.fences {
            // One that is dropped takes the whole segment: so does a caller who gives up here, and so an
            // invalidation that was not confirmed.
            if sum.is_ok() {
                let _ = fence.abort().await;
            }
        }
        Some(sum)
    }
}

/// What is taken for `targets`; notes those that take more than their templates say.
fn scopes_of(cache: &Cache, targets: Vec<Target>) -> Vec<Scope> {
    let scope = |Target { scope, widened }: Target| {
        if let Some(widened) = widened {
            cache.wiring().fallbacks.widened(widened.template, widened.reason);
        }
        scope
    };
    targets.into_iter().map(scope).collect()
}

fn note_unfenced(cache: &Cache, error: &Error) {
    // A cache that has ended stores nothing that a fence would have to keep out.
    if error.kind() != ErrorKind::Closed {
        cache.wiring().fallbacks.unfenced(error);
    }
}

/// Notes an invalidation that was not confirmed. A cache that has ended serves nothing old any more.
fn noted(cache: &Cache, taken: Result<Invalidated>) -> Result<Invalidated> {
    match taken {
        Err(Error::Closed) => Ok(Invalidated::default()),
        taken => taken.inspect_err(|error| cache.wiring().fallbacks.unconfirmed(error)),
    }
}

/// Adds what one scope took; the last failure stays.
fn add(sum: &mut Result<Invalidated>, taken: Result<Invalidated>) {
    match (sum, taken) {
        (Ok(sum), Ok(taken)) => {
            sum.add(&taken);
        }
        (sum, Err(error)) => *sum = Err(error),
        (Err(_), Ok(_)) => {}
    }
}

/// Sends an invalidation. It is carried out, or its failure is noted, whether anybody waits for the answer or not: where a
/// tier is full, it is sent again by a task of its own.
fn send(cache: &Cache, scope: Scope) -> Pending<Invalidated> {
    let (answer, own) = (cache.send(Invalidate::new(scope.clone())), cache.clone());
    match answer.refusal() {
        None => Pending::task(async move { noted(&own, answer.await) }),
        Some(error) if error.kind() == ErrorKind::Overloaded => {
            let (tell, told) = oneshot::channel();
            cache.wiring().spawner.spawn(async move {
                let _ = tell.send(noted(&own, again_while_full(&own, &scope, answer.await).await));
            });
            Pending::task(async move { told.await.unwrap_or(Err(Error::Closed)) })
        }
        // Noted here, for a caller who is gone waits for no answer.
        Some(error) => Pending::known(noted(cache, Err(error.clone()))),
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
            _ => break,
        }
    }
    answer
}

impl Drop for Invalidation {
    fn drop(&mut self) {
        if let Some(cache) = &self.cache {
            let scopes = std::mem::take(&mut self.scopes).into_iter();
            for scope in scopes.chain(std::mem::take(&mut self.around.unfenced)) {
                drop(send(cache, scope)); // accepted before this returns, or sent again by a task
            }
        }
    }
}

/// Asks whether a function succeeded.
#[derive(Debug)]
pub struct Success<'a, R>(pub &'a R);

impl<'a, T, E> Success<'a, Result<T, E>> {
    /// A `Result` says so.
    #[must_use]
    pub fn succeeded(self) -> bool {
        self.0.is_ok()
    }

    /// What it holds.
    #[must_use]
    pub fn value(self) -> Option<&'a T> {
        self.0.as_ref().ok()
    }
}

/// The compiler comes here for what is no `Result`.
pub trait PlainSuccess: Sized {
    /// What it returned, borrowed.
    type Value;

    /// It returned.
    fn succeeded(self) -> bool {
        true
    }

    /// What it returned.
    fn value(self) -> Option<Self::Value>;
}

impl<'a, R> PlainSuccess for Success<'a, R> {
    type Value = &'a R;

    fn value(self) -> Option<&'a R> {
        Some(self.0)
    }
}

/// An argument as text, for a template that is written when the argument is gone.
#[derive(Debug)]
pub struct Rendered(Option<String>);

impl Rendered {
    /// Renders `argument`.
    pub fn new(argument: &(impl Display + ?Sized)) -> Self {
        let mut text = String::new();
        Self(write!(text, "{argument}").is_ok().then_some(text))
    }
}

impl Display for Rendered {
    /// Fails where its argument did, so that the template makes a wider scope.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Err(fmt::Error), |text| f.write_str(text))
    }
}
