//! What only looks: counters, status, entries, one key, events.
//!
//! Owns: which message or walk answers each. Never: changes anything, counts as a read, or walks over entries for those who
//! may not see keys.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::json;

use super::feed::{Feed, Kinds};
use super::query::Query;
use super::refusal::Refusal;
use super::routes::{Answer, Body};
use super::{Admin, shape};
use crate::actor::{Wiring, counters_of};
use crate::admin::command::scope;
use crate::admin::entries::{Entries, EntrySort, EntryState};
use crate::admin::typed::encoded_scope;
use crate::admin::{Style, explain_panel};
use crate::engine::key::Key;
use crate::engine::scope::Scope;
use crate::message::Warning;

/// The parameters of `/api/entries` and of `/api/events`.
pub(super) const ENTRIES: [&str; 7] = ["scope", "tier", "state", "sort", "order", "limit", "cursor"];
pub(super) const EVENTS: [&str; 3] = ["stats", "kinds", "tier"];

/// How long the actors may take to show that they live.
const ALIVE_WITHIN: Duration = Duration::from_secs(1);
/// Event streams at a time.
pub(super) const LISTENERS_MAX: usize = 16;

/// All counters but the keys that are read most, without a message: for those who look every second.
pub(super) fn counters(wiring: &Wiring, granted: bool) -> serde_json::Value {
    let uptime = wiring.env.now().since(wiring.began);
    // In a statement of its own: within the call its lock would still be held while the counters take it.
    let budget = wiring.budget.lock().total();
    let mut value = shape::stats(uptime, budget, &counters_of(wiring), &wiring.warm_stats(), granted);
    value["invalidations"] = shape::invalidations(wiring.fallbacks.read());
    value
}

pub(super) async fn health(admin: &Admin) -> Answer {
    // The supervisor answers this itself, so a wedged one shows.
    let alive = admin.cache().wiring().spawner.within(ALIVE_WITHIN, admin.cache().info()).await;
    match alive {
        Some(Ok(_)) => Answer::json(200, &json!({ "status": "ok" })),
        _ => Answer::json(503, &json!({ "status": "down" })),
    }
}

pub(super) fn ready(admin: &Admin) -> Answer {
    let wiring = admin.cache().wiring();
    let waiting = wiring.missing_count();
    let ready = admin.cache().is_ready() && wiring.open().is_ok();
    Answer::json(if ready { 200 } else { 503 }, &json!({ "ready": ready, "waiting": waiting }))
}

pub(super) async fn stats(admin: &Admin, granted: bool) -> Result<Answer, Refusal> {
    let cache = admin.cache();
    cache.wiring().open()?;
    let mut value = counters(cache.wiring(), granted);
    // The walk for the keys that are read most is left out where they may not be shown.
    value["top"] = if granted { shape::top(&cache.stats().await?.top) } else { json!([]) };
    Ok(Answer::json(200, &value))
}

pub(super) async fn info(admin: &Admin, granted: bool) -> Result<Answer, Refusal> {
    let info = admin.cache().info().await?;
    Ok(Answer::json(200, &shape::info(&info, admin.shared.access.has_token(), granted)))
}

pub(super) async fn history(admin: &Admin) -> Result<Answer, Refusal> {
    let samples = admin.cache().history().await?;
    let samples: Vec<_> = samples.iter().map(shape::sample).collect();
    Ok(Answer::json(200, &json!({ "samples": samples })))
}

/// The advice; what was part of a key only for those who may see keys.
pub(super) async fn advice(admin: &Admin, granted: bool) -> Result<Answer, Refusal> {
    let mut advice = admin.cache().advice().await?;
    if !granted {
        advice.warnings = advice.warnings.into_iter().map(Warning::without_keys).collect();
    }
    Ok(Answer::json(200, &shape::advice(&advice)))
}

pub(super) fn warming(admin: &Admin, granted: bool) -> Answer {
    let warm = admin.cache().wiring().warm_stats();
    let running = warm.iter().any(|source| source.progress.is_some());
    let sources: Vec<_> = warm.iter().map(|source| shape::warm(source, granted)).collect();
    Answer::json(200, &json!({ "running": running, "sources": sources }))
}

pub(super) async fn entries(admin: &Admin, query: &Query) -> Result<Answer, Refusal> {
    let mut ask = Entries::of(query.text("scope").map_or(Ok(Scope::All), scope)?);
    ask.tier = query.text("tier").map(Into::into);
    ask.state = query.choice(
        "state",
        &[
            ("fresh", EntryState::Fresh),
            ("stale", EntryState::Stale),
            ("expired", EntryState::Expired),
            ("nothing", EntryState::Nothing),
        ],
    )?;
    let sorts = [
        ("key", EntrySort::Key),
        ("size", EntrySort::Size),
        ("age", EntrySort::Age),
        ("left", EntrySort::Left),
        ("hits", EntrySort::Hits),
    ];
    ask.sort = query.choice("sort", &sorts)?.unwrap_or_default();
    ask.descending = query.choice("order", &[("asc", false), ("desc", true)])?;
    let limit = query.number("limit", (1, Entries::LIMIT_MAX as u64))?;
    ask.limit = limit.map_or(ask.limit, |limit| limit as usize);
    ask.after = query.text("cursor").map(str::to_owned);
    let encoded = encoded_scope(&ask.scope).map(|scope| Entries { scope, ..ask.clone() });
    let mut page = admin.cache().entries(ask).await?;
    if let Some(encoded) = encoded.filter(|_| page.entries.is_empty()) {
        page = admin.cache().entries(encoded).await?;
    }
    Ok(Answer::json(200, &shape::entries(&page)))
}

pub(super) async fn explain(admin: &Admin, query: &Query) -> Result<Answer, Refusal> {
    let Some(text) = query.text("key") else {
        return Err(Refusal::bad("the parameter key is missing: /api/explain?key=user::42"));
    };
    let known = admin.cache().explain_typed(Key::parse(text)?).await?;
    Ok(Answer::json(200, &shape::explained(&known, &explain_panel(&known, Style::Plain))))
}

pub(super) fn events(admin: &Admin, query: &Query, granted: bool) -> Result<Answer, Refusal> {
    let cache = admin.cache();
    cache.wiring().open()?;
    let closing = admin.shared.closing.subscribe();
    if *closing.borrow() {
        return Err(Refusal::new(503, "Stopping", "the server stops, and begins no stream any more"));
    }
    let stats = query.number("stats", (0, 60))?.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    let kinds = Kinds::parse(query.text("kinds"))?;
    let tier = query.text("tier").map(|name| cache.wiring().routes.tier(name)).transpose()?;
    let tier = tier.map(|id| cache.wiring().routes.name(id).clone());
    let count = &admin.shared.listeners;
    if count.fetch_add(1, Relaxed) >= LISTENERS_MAX {
        count.fetch_sub(1, Relaxed);
        let words = format!("{LISTENERS_MAX} listen already, and no more may; close one, or try again later");
        return Err(Refusal::new(429, "TooManyListeners", words).with("retry-after", "5"));
    }
    let feed = Feed::new(cache, kinds, tier, stats, granted, count, closing);
    let headers = vec![("content-type", "text/event-stream".to_owned())];
    Ok(Answer { status: 200, headers, body: Body::Feed(Box::new(feed)) })
}
