//! The admin in an actix-web app.
//!
//! Owns: the bridge, requests in, answers out. Never: looks at what they say.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::HttpServiceFactory;
use actix_web::http::StatusCode;
use actix_web::http::uri::Authority;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use super::Admin;
use super::access::Head;
use super::routes::Body;
use super::serve;

impl Admin {
    /// The admin below `path` of a host's actix-web app, such as `/admin/cache`; empty: at the root, behind all other routes.
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
    let head = Head {
        method: request.method().as_str(),
        path: request.match_info().unprocessed(),
        query: request.query_string(),
        authority: request.uri().authority().map(Authority::as_str),
        headers: request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
    };
    let place = (!at_root).then(|| request.path());
    let who = request.peer_addr().map_or_else(|| "http".to_owned(), |peer| format!("http {}", peer.ip()));
    let answer = serve::answer(admin, &head, place, &mut payload, who).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for header in answer.all_headers() {
        response.insert_header(header);
    }
    match answer.body {
        Body::Whole(text) => response.body(BesideUnread { text: Some(text), _unread: payload }),
        Body::Feed(feed) => response.streaming(feed.pieces()),
    }
}

/// A body that keeps what was not read of the request, which is dropped after the answer: were it dropped before, actix would
/// wait for the end of a body in chunks, for ever; so it closes the connection.
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
