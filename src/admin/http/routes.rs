//! Every route, and what a request becomes that was admitted.
//!
//! Owns: the one table of paths, methods and what each needs. Never: reads from a socket, or knows how an answer is sent.

use std::time::Duration;

use actix_web::web::Bytes;
use serde_json::Value;

use super::access::Head;
use super::feed::Feed;
use super::fields::Fields;
use super::page::{self, PageFile};
use super::query::Query;
use super::refusal::Refusal;
use super::{Admin, change, look, metrics};

/// Longest time that an answer may take.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What is behind a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Page(&'static PageFile),
    Health,
    Ready,
    Metrics,
    OpenApi,
    Stats,
    Info,
    History,
    Warming,
    Entries,
    Explain,
    Events,
    Invalidate,
    Clear,
    Warm,
    Budget,
    Ttl,
    Enabled,
    Reload,
    Revive,
    Forget,
}

/// A path with a method and what it needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    method: &'static str,
    path: &'static str,
    target: Target,
    /// Whether only those with the token may.
    guarded: bool,
}

const fn open(path: &'static str, target: Target) -> Route {
    Route { method: "GET", path, target, guarded: false }
}

const fn guarded(path: &'static str, target: Target) -> Route {
    Route { method: "GET", path, target, guarded: true }
}

const fn change_by(path: &'static str, target: Target) -> Route {
    Route { method: "POST", path, target, guarded: true }
}

/// All but the files of the page.
const ROUTES: [Route; 20] = [
    open("/health", Target::Health),
    open("/ready", Target::Ready),
    open("/metrics", Target::Metrics),
    open("/api/openapi.json", Target::OpenApi),
    open("/api/stats", Target::Stats),
    open("/api/info", Target::Info),
    open("/api/history", Target::History),
    open("/api/warm", Target::Warming),
    open("/api/events", Target::Events),
    guarded("/api/entries", Target::Entries),
    guarded("/api/explain", Target::Explain),
    change_by("/api/invalidate", Target::Invalidate),
    change_by("/api/clear", Target::Clear),
    change_by("/api/warm", Target::Warm),
    change_by("/api/budget", Target::Budget),
    change_by("/api/ttl", Target::Ttl),
    change_by("/api/enabled", Target::Enabled),
    change_by("/api/reload", Target::Reload),
    change_by("/api/revive", Target::Revive),
    change_by("/api/forget", Target::Forget),
];

fn routes() -> impl Iterator<Item = Route> {
    ROUTES.into_iter().chain(page::FILES.iter().map(|file| open(file.path, Target::Page(file))))
}

pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    routes().map(|route| (route.method, route.path))
}

/// An answer on its way out.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Whole(Bytes),
    Feed(Box<Feed>),
}

impl Answer {
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::whole(status, "application/json", value.to_string())
    }

    pub(super) fn whole(status: u16, kind: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { status, headers, body: Body::Whole(body.into()) }
    }
}

/// A request whose head was admitted.
#[derive(Debug)]
pub(super) struct Admitted {
    target: Target,
    query: String,
    /// Whether it bears the token.
    pub(super) granted: bool,
    /// Whether a body is to be read.
    pub(super) has_body: bool,
}

/// Who asks, for the audit.
pub(super) type Who = String;

impl Admin {
    /// Looks at the head of a request: who asks, for what, and whether they may.
    pub(super) fn admit(&self, head: &Head<'_>) -> Result<Admitted, Refusal> {
        let access = &self.shared.access;
        let granted = access.admit(head, self.cache().wiring().env.now())?;
        let of_path = || routes().filter(|route| route.path == head.path);
        if of_path().next().is_none() {
            return Err(Refusal::new(
                404,
                "NotFound",
                "there is nothing here; /api/openapi.json lists what there is",
            ));
        }
        let Some(route) = of_path().find(|route| route.method == head.method) else {
            let allowed: Vec<_> = of_path().map(|route| route.method).collect();
            let allowed = allowed.join(", ");
            let words = format!("this path takes {allowed}");
            return Err(Refusal::new(405, "MethodNotAllowed", words).with("allow", allowed));
        };
        if route.guarded && !granted {
            return Err(access.needed());
        }
        let has_body = route.method == "POST";
        if has_body {
            is_json(head)?;
            if !head.query.is_empty() {
                return Err(Refusal::bad("a change takes no parameters in its URL; put them into the body"));
            }
        } else if has(head, "transfer-encoding")
            || head_value(head, "content-length").is_some_and(|size| size != b"0")
        {
            return Err(Refusal::bad("a GET takes no body"));
        }
        Ok(Admitted { target: route.target, query: head.query.to_owned(), granted, has_body })
    }

    /// Carries out what was admitted.
    pub(super) async fn serve(&self, admitted: &Admitted, body: &[u8], who: Who) -> Answer {
        let spawner = &self.cache().wiring().spawner;
        match spawner.within(ANSWER_WITHIN, self.carry_out(admitted, body, who)).await {
            Some(Ok(answer)) => answer,
            Some(Err(refusal)) => refusal.into(),
            None => {
                let words = "no answer within 5 s; a change that has begun goes on";
                Refusal::new(503, "Timeout", words).into()
            }
        }
    }

    async fn carry_out(&self, asked: &Admitted, body: &[u8], who: Who) -> Result<Answer, Refusal> {
        let fields = || Fields::parse(body);
        let query = |known: &[&str]| Query::parse(&asked.query, known);
        match asked.target {
            Target::Entries => return look::entries(self, &query(&look::ENTRIES)?).await,
            Target::Explain => return look::explain(self, &query(&["key"])?).await,
            Target::Events => return look::events(self, &query(&look::EVENTS)?, asked.granted),
            Target::Invalidate => return change::invalidate(self, fields()?, who).await,
            Target::Clear => return change::clear(self, fields()?, who).await,
            Target::Warm => return change::warm(self, fields()?, who).await,
            Target::Budget => return change::budget(self, fields()?, who).await,
            Target::Ttl => return change::ttl(self, fields()?, who).await,
            Target::Enabled => return change::enabled(self, fields()?, who).await,
            Target::Reload => return change::reload(self, fields()?, who).await,
            Target::Revive => return change::revive(self, fields()?, who).await,
            Target::Forget => return change::forget(self, fields()?, who).await,
            _ => {}
        }
        query(&[])?;
        match asked.target {
            Target::Page(file) => Ok(file.answer()),
            Target::Health => Ok(look::health(self).await),
            Target::Ready => Ok(look::ready(self)),
            Target::Metrics => metrics::answer(self),
            Target::Stats => look::stats(self, asked.granted).await,
            Target::Info => look::info(self, asked.granted).await,
            Target::History => look::history(self).await,
            Target::Warming => Ok(look::warming(self, asked.granted)),
            _ => Ok(page::openapi()),
        }
    }
}

fn head_value<'r>(head: &Head<'r>, name: &str) -> Option<&'r [u8]> {
    head.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn has(head: &Head<'_>, name: &str) -> bool {
    head_value(head, name).is_some()
}

/// A form of another page can send a POST, but not with this type.
fn is_json(head: &Head<'_>) -> Result<(), Refusal> {
    let mut kinds = head.headers.iter().filter(|(name, _)| *name == "content-type");
    let kind = kinds.next().and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let (essence, rest) = kind.split_once(';').unwrap_or((&kind, ""));
    let plain = matches!(rest.trim(), "" | "charset=utf-8" | "charset=\"utf-8\"");
    if essence.trim() == "application/json"
        && plain
        && kinds.next().is_none()
        && !has(head, "content-encoding")
    {
        return Ok(());
    }
    let words = "a change is sent as Content-Type: application/json, in UTF-8 and not compressed";
    Err(Refusal::new(415, "NotJson", words))
}
