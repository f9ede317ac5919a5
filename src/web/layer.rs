//! A tower layer: axum, tonic, hyper and whatever else takes one.
//!
//! Owns: reading user and deadline off the head of a request. Never: touches a body or a response.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use http::request::Parts;
use tower_layer::Layer;
use tower_service::Service;

use super::{begin, milliseconds};
use crate::deadline::{WithDeadline, enter};
use crate::handle::Cache;
use crate::message::UserActive;

type UserOf = dyn Fn(&Parts) -> Option<UserActive> + Send + Sync;
type DeadlineOf = dyn Fn(&Parts) -> Option<Duration> + Send + Sync;

/// A tower layer that tells the cache which user is active, and sets the deadline of a request.
///
/// It does neither until it is told where to look. It never waits for the cache and never refuses a request. Put it
/// inside of what finds out who the user is, so that it sees the extensions that were set there. It keeps the cache alive
/// as a [`Cache`] does. Cost: for a request with a user one message, which nobody waits for; see
/// [`UserActive`]: only the first within the user tier's time to live warms anything.
///
/// ```
/// use apex_cache::Cache;
/// use apex_cache::web::{CacheLayer, TIMEOUT_HEADER};
///
/// #[derive(Clone)]
/// struct UserId(u64); // put into the extensions by the layer that knows who is signed in
///
/// fn layer(cache: Cache) -> CacheLayer {
///     CacheLayer::new(cache)
///         .user(|head| head.extensions.get::<UserId>().map(|user| user.0))
///         .deadline_header(TIMEOUT_HEADER)
/// }
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct CacheLayer {
    cache: Cache,
    user: Option<Arc<UserOf>>,
    deadline: Option<Arc<DeadlineOf>>,
}

impl fmt::Debug for CacheLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer").finish_non_exhaustive()
    }
}

impl CacheLayer {
    /// A layer that lets requests pass as they are, until more is said.
    pub fn new(cache: Cache) -> Self {
        Self { cache, user: None, deadline: None }
    }

    /// Says that a user is active whenever `find` finds one in the head of a request. The text of the user is what
    /// [`WarmRun::user`](crate::WarmRun::user) will say.
    pub fn user<U: fmt::Display>(
        mut self,
        find: impl Fn(&Parts) -> Option<U> + Send + Sync + 'static,
    ) -> Self {
        self.user = Some(Arc::new(move |head| find(head).map(UserActive::new)));
        self
    }

    /// Handles a request under [`with_deadline`](crate::with_deadline) whenever `find` finds one in its head.
    ///
    /// It shortens the waits of calls that can return [`Error::Timeout`](crate::Error::Timeout), and ends no handler:
    /// `#[cached]` functions need a timeout of the host around them.
    pub fn deadline(mut self, find: impl Fn(&Parts) -> Option<Duration> + Send + Sync + 'static) -> Self {
        self.deadline = Some(Arc::new(find));
        self
    }

    /// As [`CacheLayer::deadline`], with the whole milliseconds that stand in the header `name`. A request without it,
    /// or with something else in it, has no deadline. Zero: only what is in memory. Panics: `name` is no header's name.
    pub fn deadline_header(self, name: &'static str) -> Self {
        let name = http::HeaderName::from_static(name);
        self.deadline(move |head| milliseconds(head.headers.get(&name)?.to_str().ok()))
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = CacheService<S>;

    fn layer(&self, inner: S) -> CacheService<S> {
        CacheService { layer: self.clone(), inner }
    }
}

/// A service with a [`CacheLayer`] around it.
#[derive(Debug, Clone)]
pub struct CacheService<S> {
    layer: CacheLayer,
    inner: S,
}

impl<S, B> Service<Request<B>> for CacheService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = WithDeadline<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let CacheLayer { cache, user, deadline } = &self.layer;
        let (head, body) = request.into_parts();
        let user = user.as_ref().and_then(|find| find(&head));
        let deadline = deadline.as_ref().and_then(|find| find(&head));
        let deadline = begin(cache, user, deadline);
        let request = Request::from_parts(head, body);
        WithDeadline::new(deadline, enter(deadline, || self.inner.call(request)))
    }
}
