//! A middleware for actix-web 4.
//!
//! Owns: reading user and deadline off a request. Never: touches a payload or a response.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::dev::{Service, ServiceRequest, Transform};

use super::{begin, milliseconds};
use crate::deadline::{WithDeadline, enter};
use crate::handle::Cache;
use crate::message::UserActive;

type UserOf = dyn Fn(&ServiceRequest) -> Option<UserActive> + Send + Sync;
type DeadlineOf = dyn Fn(&ServiceRequest) -> Option<Duration> + Send + Sync;

/// A middleware for actix-web that tells the cache which user is active, and sets the deadline of a request.
///
/// It does neither until it is told where to look. It never waits for the cache and never refuses a request. `wrap` it
/// before what finds out who the user is: the wrap that is written last is entered first. It keeps the cache alive as a
/// [`Cache`] does. Cost: for a request with a user one message, which nobody waits for; see [`UserActive`]: only the
/// first within the user tier's time to live warms anything.
///
/// ```
/// use actix_web::{App, web};
/// use apex_cache::Cache;
/// use apex_cache::web::{CacheMiddleware, TIMEOUT_HEADER};
///
/// fn configure(cache: Cache) {
///     let middleware = CacheMiddleware::new(cache)
///         .user(|request| request.headers().get("x-user")?.to_str().ok().map(str::to_owned))
///         .deadline_header(TIMEOUT_HEADER);
///     let _app = App::new().wrap(middleware).route("/", web::get().to(|| async { "hello" }));
/// }
/// ```
#[derive(Clone)]
#[must_use = "a middleware does nothing until an App is wrapped with it"]
pub struct CacheMiddleware {
    cache: Cache,
    user: Option<Arc<UserOf>>,
    deadline: Option<Arc<DeadlineOf>>,
}

impl fmt::Debug for CacheMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheMiddleware").finish_non_exhaustive()
    }
}

impl CacheMiddleware {
    /// A middleware that lets requests pass as they are, until more is said.
    pub fn new(cache: Cache) -> Self {
        Self { cache, user: None, deadline: None }
    }

    /// Says that a user is active whenever `find` finds one in a request. The text of the user is what
    /// [`WarmRun::user`](crate::WarmRun::user) will say.
    pub fn user<U: fmt::Display>(
        mut self,
        find: impl Fn(&ServiceRequest) -> Option<U> + Send + Sync + 'static,
    ) -> Self {
        self.user = Some(Arc::new(move |request| find(request).map(UserActive::new)));
        self
    }

    /// Handles a request under [`with_deadline`](crate::with_deadline) whenever `find` finds one in it.
    ///
    /// It shortens the waits of calls that can return [`Error::Timeout`](crate::Error::Timeout), and ends no handler:
    /// `#[cached]` functions need a timeout of the host around them.
    pub fn deadline(
        mut self,
        find: impl Fn(&ServiceRequest) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.deadline = Some(Arc::new(find));
        self
    }

    /// As [`CacheMiddleware::deadline`], with the whole milliseconds that stand in the header `name`. A request without
    /// it, or with something else in it, has no deadline. Zero: only what is in memory.
    pub fn deadline_header(self, name: &'static str) -> Self {
        self.deadline(move |request| milliseconds(request.headers().get(name)?.to_str().ok()))
    }
}

impl<S: Service<ServiceRequest>> Transform<S, ServiceRequest> for CacheMiddleware {
    type Response = S::Response;
    type Error = S::Error;
    type Transform = CacheMiddlewareService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(CacheMiddlewareService { middleware: self.clone(), inner }))
    }
}

/// A service with a [`CacheMiddleware`] around it.
#[derive(Debug)]
pub struct CacheMiddlewareService<S> {
    middleware: CacheMiddleware,
    inner: S,
}

impl<S: Service<ServiceRequest>> Service<ServiceRequest> for CacheMiddlewareService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = WithDeadline<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let CacheMiddleware { cache, user, deadline } = &self.middleware;
        let user = user.as_ref().and_then(|find| find(&request));
        let deadline = deadline.as_ref().and_then(|find| find(&request));
        let deadline = begin(cache, user, deadline);
        WithDeadline::new(deadline, enter(deadline, || self.inner.call(request)))
    }
}
