//! From a request to its answer, for whatever web framework brings it.
//!
//! Owns: the order of the steps, reading a body within its bounds, and the headers that every answer bears. Never: decides who
//! may do what, or knows a framework; `front_actix` and `front_tower` do.

use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt as _};

use super::Admin;
use super::access::Head;
use super::refusal::Refusal;
use super::routes::{ANSWER_WITHIN, Answer};

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

impl Answer {
    /// All headers that it bears.
    pub(super) fn all_headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        HEADERS.into_iter().chain(own)
    }
}

/// Answers a request: its `head`, in which the path begins below where the admin is mounted; `place`, the whole path unless the
/// admin is mounted at the root; its `body`, of which no more is read than is needed; and who sent it, for the audit.
pub(super) async fn answer<P, E>(
    admin: &Admin,
    head: &Head<'_>,
    place: Option<&str>,
    body: &mut P,
    who: String,
) -> Answer
where
    P: Stream<Item = Result<Bytes, E>> + Unpin,
{
    if let (Some(place), "", "GET") = (place, head.path, head.method) {
        // The page asks for its files beside itself.
        let last = place.rsplit('/').next().unwrap_or_default();
        let headers = vec![("location", format!("{last}/"))];
        return Answer { status: 308, headers, ..Answer::whole(308, "text/plain", "") };
    }
    let refusal = match admin.admit(head) {
        Ok(admitted) => {
            let body = if admitted.has_body { read(admin, head, body).await } else { Ok(Bytes::new()) };
            match body {
                Ok(body) => return admin.serve(&admitted, &body, who).await,
                Err(refusal) => refusal,
            }
        }
        Err(refusal) => refusal,
    };
    if !refusal.delay.is_zero() {
        admin.cache().wiring().spawner.within(refusal.delay, std::future::pending::<()>()).await;
    }
    refusal.into()
}

/// Reads the body, not more than it may be and not longer than it may take.
async fn read<P, E>(admin: &Admin, head: &Head<'_>, pieces: &mut P) -> Result<Bytes, Refusal>
where
    P: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let too_large = || Refusal::new(413, "BodyTooLarge", format!("a body has at most {BODY_MAX} bytes"));
    let said = head.headers.iter().find(|(name, _)| *name == "content-length");
    let said = said.and_then(|(_, size)| std::str::from_utf8(size).ok()?.parse::<u64>().ok());
    if said.is_some_and(|size| size > BODY_MAX as u64) {
        return Err(too_large());
    }
    let spawner = &admin.cache().wiring().spawner;
    let whole = async {
        let mut body = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| Refusal::bad("the body broke off, or its chunks are none"))?;
            if body.len() + piece.len() > BODY_MAX {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Bytes::from(body))
    };
    match spawner.within(ANSWER_WITHIN, whole).await {
        Some(read) => read,
        None => Err(Refusal::new(408, "TooSlow", "the body did not come within 5 s")),
    }
}
