//! The admin as a tower service: axum, hyper and whatever else takes one.
//!
//! Owns: the bridge, requests in, answers out. Never: looks at what they say.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::web::Bytes;
use bytes::Buf as _;
use futures_util::Stream;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tower_service::Service;

use super::access::Head;
use super::routes::{Answer, Body};
use super::{Admin, serve};

type WhoOf = dyn Fn(&Parts) -> Option<String> + Send + Sync;

/// The admin as a [`tower_service::Service`], made by [`Admin::service`]. Cheap to clone; keeps the cache alive as a
/// [`Cache`](crate::Cache) does.
#[derive(Clone)]
pub struct AdminService {
    admin: Admin,
    path: Arc<str>,
    who: Option<Arc<WhoOf>>,
}

impl fmt::Debug for AdminService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminService").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Admin {
    /// The admin below `path` of a host's own routes, such as `/admin/cache`; empty: at the root. Needs the feature `tower`.
    ///
    /// Route both the path itself and all below it to the service, with the path left as it came; a request for anything else
    /// is answered with 404. In axum that is `route_service`, not `nest_service`, which cuts the path: then a page that was
    /// asked for without the last slash could not be told to come back with it, and would not find its files.
    ///
    /// ```text
    /// let admin = Admin::new(&cache, &AdminSettings::new().token_from_environment())?.service("/admin/cache");
    /// let app = axum::Router::new()
    ///     .route("/books", get(books))
    ///     .route_service("/admin/cache", admin.clone())
    ///     .route_service("/admin/cache/{*rest}", admin);
    /// ```
    ///
    /// The limits on connections, and on the time in which a head must come, are those of the host's server.
    pub fn service(&self, path: &str) -> AdminService {
        AdminService { admin: self.clone(), path: path.trim_end_matches('/').into(), who: None }
    }
}

impl AdminService {
    /// Says who sent a request, for the audit; such as the address of the client, or whom a layer in front found signed in.
    /// Without it, and where it finds nobody, the audit is told `http`.
    pub fn who(mut self, of: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.who = Some(Arc::new(of));
        self
    }

    async fn answer<B: HttpBody>(self, request: Request<B>) -> Response<AdminBody> {
        let (parts, body) = request.into_parts();
        let who = self.who.as_ref().and_then(|who| who(&parts));
        let who = who.map_or_else(|| "http".to_owned(), |who| format!("http {who}"));
        let mut headers: Vec<_> =
            parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let authority = parts.uri.authority().map(Authority::as_str);
        // From HTTP/2 on the host may stand in the request line alone.
        if let Some(authority) = authority.filter(|_| parts.version >= Version::HTTP_2)
            && !parts.headers.contains_key(http::header::HOST)
        {
            headers.push(("host", authority.as_bytes()));
        }
        let whole = parts.uri.path();
        let below = whole.strip_prefix(&*self.path).filter(|path| path.is_empty() || path.starts_with('/'));
        let head = Head {
            method: parts.method.as_str(),
            // Nothing has this path.
            path: below.unwrap_or("*"),
            query: parts.uri.query().unwrap_or_default(),
            authority,
            headers,
        };
        let place = (!self.path.is_empty()).then_some(whole);
        let mut pieces = Pieces(Box::pin(body));
        respond(serve::answer(&self.admin, &head, place, &mut pieces, who).await)
    }
}

impl<B> Service<Request<B>> for AdminService
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
{
    type Response = Response<AdminBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.clone().answer(request);
        Box::pin(async move { Ok(answer.await) })
    }
}

fn respond(answer: Answer) -> Response<AdminBody> {
    let mut response = Response::new(AdminBody(Inner::Whole(None)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.all_headers() {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    *response.body_mut() = AdminBody(match answer.body {
        Body::Whole(bytes) => Inner::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())),
        Body::Feed(feed) => Inner::Feed(Box::pin(feed.pieces())),
    });
    response
}

/// A body of a request as it comes in, without its trailers.
struct Pieces<B>(Pin<Box<B>>);

impl<B: HttpBody> Stream for Pieces<B> {
    type Item = Result<Bytes, B::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.0.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    if let Ok(mut data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data.copy_to_bytes(data.remaining()))));
                    }
                }
            }
        }
    }
}

/// The body of an answer of the admin.
pub struct AdminBody(Inner);

type Feed = dyn Stream<Item = Result<Bytes, Infallible>> + Send;

enum Inner {
    Whole(Option<Bytes>),
    Feed(Pin<Box<Feed>>),
}

impl fmt::Debug for AdminBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminBody").finish_non_exhaustive()
    }
}

impl HttpBody for AdminBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut self.0 {
            Inner::Whole(bytes) => bytes.take().map(Ok),
            Inner::Feed(feed) => ready!(feed.as_mut().poll_next(cx)),
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Inner::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Inner::Feed(_) => SizeHint::default(),
        }
    }
}
