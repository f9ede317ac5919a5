//! The bridge to actix-web: requests in, answers out.
//!
//! Owns: reading a body within its bounds, and the headers that every answer bears. Never: decides who may do what.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::HttpServiceFactory;
use actix_web::http::StatusCode;
use actix_web::http::uri::Authority;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::StreamExt as _;

use super::Admin;
use super::access::Head;
use super::refusal::Refusal;
use super::routes::{ANSWER_WITHIN, Answer, Body};

/// Bytes of a body.
pub(super) const BODY_MAX: usize = 64 << 10;

/// What every answer bears: no foreign script, no text that becomes a script or markup, no frame, no guess at types, nothing
/// kept on the way. No CORS header at all.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

impl Admin {
    /// The admin below `path` of a host's app, such as `/admin/cache`; empty: at the root, behind all other routes.
    ///
    /// The limits on connections, and on the time in which a head must come, are those of the host's server.
    pub fn scope(&self, path: &str) -> impl HttpServiceFactory + use<> {
        let admin = self.clone();
        let at_root = path.is_empty();
        web::scope(path).default_service(web::to(move |request: HttpRequest, payload: web::Payload| {
            let admin = admin.clone();
            async move { answer(&admin, &request, payload, at_root).await }
        }))
    }
}

async fn answer(
    admin: &Admin,
    request: &HttpRequest,
    mut payload: web::Payload,
    at_root: bool,
) -> HttpResponse {
    let (path, query) = (request.match_info().unprocessed(), request.query_string());
    if path.is_empty() && !at_root && request.method() == "GET" {
        // The page asks for its files beside itself.
        let slash = request.path().rsplit('/').next().unwrap_or_default();
        return respond(StatusCode::PERMANENT_REDIRECT, vec![("location", format!("{slash}/"))]).finish();
    }
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let authority = request.uri().authority().map(Authority::as_str);
    let head = Head { method: request.method().as_str(), path, query, authority, headers };
    let admitted = match admin.admit(&head) {
        Ok(admitted) => admitted,
        Err(refusal) => return refused(admin, refusal, payload).await,
    };
    let body = if admitted.has_body { body(admin, request, &mut payload).await } else { Ok(Bytes::new()) };
    let body = match body {
        Ok(body) => body,
        Err(refusal) => return refused(admin, refusal, payload).await,
    };
    let who = request.peer_addr().map_or_else(|| "http".to_owned(), |peer| format!("http {}", peer.ip()));
    sent(admin.serve(&admitted, &body, who).await)
}

/// Reads the body, not more than it may be and not longer than it may take.
async fn body(admin: &Admin, request: &HttpRequest, payload: &mut web::Payload) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(413, "BodyTooLarge", format!("a body has at most {BODY_MAX} bytes"));
    let said =
        request.headers().get("content-length").and_then(|size| size.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|size| size > BODY_MAX as u64) {
        return Err(too_large());
    }
    let spawner = &admin.cache().wiring().spawner;
    let read = async {
        let mut body = Vec::new();
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|_| Refusal::bad("the body broke off, or its chunks are none"))?;
            if body.len() + piece.len() > BODY_MAX {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Bytes::from(body))
    };
    match spawner.within(ANSWER_WITHIN, read).await {
        Some(read) => read,
        None => Err(Refusal::new(408, "TooSlow", "the body did not come within 5 s")),
    }
}

/// Sends a refusal. What was not read of the request goes along and is dropped after the answer: were it dropped before,
/// actix would wait for the end of a body in chunks, for ever; so it closes the connection.
async fn refused(admin: &Admin, refusal: Refusal, unread: web::Payload) -> HttpResponse {
    if !refusal.delay.is_zero() {
        admin.cache().wiring().spawner.within(refusal.delay, std::future::pending::<()>()).await;
    }
    let Answer { status, headers, body } = refusal.into();
    let Body::Whole(text) = body else { return respond(StatusCode::INTERNAL_SERVER_ERROR, headers).finish() };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond(status, headers).body(BesideUnread { text: Some(text), _unread: unread })
}

/// A body that keeps what was not read of the request.
struct BesideUnread {
    text: Option<Bytes>,
    _unread: web::Payload,
}

impl MessageBody for BesideUnread {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.text.as_ref().map_or(0, |text| text.len() as u64))
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(self.text.take().map(Ok))
    }
}

fn respond(status: StatusCode, headers: Vec<(&'static str, String)>) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    for header in HEADERS {
        response.insert_header(header);
    }
    for (name, value) in headers {
        response.insert_header((name, value));
    }
    response
}

fn sent(Answer { status, headers, body }: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = respond(status, headers);
    match body {
        Body::Whole(bytes) => response.body(bytes),
        Body::Feed(feed) => response.streaming(futures_util::stream::unfold(feed, |mut feed| async move {
            let piece = feed.next().await?;
            Some((Ok::<_, Infallible>(piece), feed))
        })),
    }
}
