//! Snapshots as JSON.
//!
//! Owns: the names of all fields. Never: has a value to show; leaves keys and the words of hosts out for those without the
//! token.

use std::time::Duration;

use serde_json::{Value, json};

use crate::admin::entries::{EntryLine, EntryPage, EntryState};
use crate::engine::entry::Origin;
use crate::message::{
    AdviceSnapshot, Explanation, Histogram, InfoSnapshot, InvalidationStats, KeyState, LoadPhase,
    NamedTierStats, Reason, Sample, SourceReport, TierInfo, TierState, TopEntry, WarmStats, Warning,
    WhatIfCurve, WhatIfPoint,
};

/// Seconds, to the microsecond.
pub(super) fn seconds(span: Duration) -> Value {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    if micros % 1_000_000 == 0 { json!(micros / 1_000_000) } else { json!(micros as f64 / 1e6) }
}

fn share(hits: u64, reads: u64) -> Value {
    if reads == 0 { Value::Null } else { json!((hits as f64 * 1e4 / reads as f64).round() / 1e4) }
}

/// How long things took: counts for up to 1 microsecond, of the rest up to 2, 4, 8 and so on.
fn times(times: &Histogram) -> Value {
    json!({
        "count": times.count,
        "sum_s": seconds(times.sum),
        "max_s": seconds(times.max()),
        "buckets": times.buckets,
    })
}

/// A tier's counters with how long its loads, the wait of its requests and its turns took.
fn tier_with_times(named: &NamedTierStats) -> Value {
    let stats = &named.stats;
    let mut value = tier(named);
    value["times"] = json!({
        "load": times(&stats.load_times),
        "queue": times(&stats.queue_time),
        "turn": times(&stats.turns),
    });
    value
}

fn tier(NamedTierStats { name, stats, .. }: &NamedTierStats) -> Value {
    let removals = &stats.removals;
    json!({
        "tier": &**name,
        "entries": stats.entries,
        "bytes": stats.bytes,
        "grant": stats.grant,
        "worth": stats.worth,
        "hits": stats.hits,
        "misses": stats.misses,
        "hit_rate": share(stats.hits, stats.reads()),
        "joined": stats.joined,
        "stale_hits": stats.stale_hits,
        "sets": stats.sets,
        "stored_by_load": stats.stored_by_load,
        "stored_by_warm": stats.stored_by_warm,
        "replaced": stats.replaced,
        "removals": {
            "expired": removals.expired,
            "evicted": removals.evicted,
            "removed": removals.removed,
            "invalidated": removals.invalidated,
            "cleared": removals.cleared,
            "displaced": removals.displaced,
            "lost": removals.lost,
        },
        "loads": {
            "started": stats.loads,
            "ok": stats.loads_ok,
            "failed": stats.loads_failed,
            "panicked": stats.loads_panicked,
            "timed_out": stats.loads_timed_out,
            "lost": stats.loads_lost,
            "time_s": seconds(stats.load_time),
        },
        "revoked": stats.revoked,
        "warm_revoked": stats.warm_revoked,
        "warm_no_room": stats.warm_no_room,
        "too_large": stats.too_large,
        "unreadable": stats.unreadable,
        "bypassed": stats.bypassed,
        "overloaded": stats.overloaded,
        "unawaited_failed": stats.unawaited_failed,
        "wrong_type": stats.wrong_type,
        "restarts": stats.restarts,
    })
}

/// All counters and times; `top` where the keys may be shown.
pub(super) fn stats(
    uptime: Duration,
    budget: u64,
    tiers: &[NamedTierStats],
    warm: &[WarmStats],
    granted: bool,
) -> Value {
    let sum = |field: fn(&NamedTierStats) -> u64| tiers.iter().map(field).sum::<u64>();
    let (hits, misses) = (sum(|tier| tier.stats.hits), sum(|tier| tier.stats.misses));
    json!({
        "uptime_s": seconds(uptime),
        "budget": budget,
        "bytes": sum(|tier| tier.stats.bytes),
        "entries": sum(|tier| tier.stats.entries),
        "hits": hits,
        "misses": misses,
        "hit_rate": share(hits, hits + misses),
        "tiers": tiers.iter().map(tier_with_times).collect::<Vec<_>>(),
        "warm": warm.iter().map(|source| self::warm(source, granted)).collect::<Vec<_>>(),
    })
}

/// Invalidations that were not carried out as they were asked for.
pub(super) fn invalidations(stats: InvalidationStats) -> Value {
    json!({
        "widened": stats.widened,
        "unfenced": stats.unfenced,
        "unknown_prefix": stats.unknown_prefix,
        "unconfirmed": stats.unconfirmed,
        "without_cache": stats.without_cache,
    })
}

pub(super) fn top(entries: &[TopEntry]) -> Value {
    entries.iter().map(|entry| json!({ "key": entry.key.as_str(), "hits": entry.hits })).collect()
}

/// One warm source. What its last failure said is the host's text, which may name anything.
pub(super) fn warm(source: &WarmStats, granted: bool) -> Value {
    let (done, of) = source.progress.unwrap_or_default();
    json!({
        "source": &*source.source,
        "tier": &*source.tier,
        "runs": source.runs,
        "failures": source.failures,
        "stored": source.stored,
        "running": source.progress.is_some(),
        "done": done,
        "of": of,
        "last_took_s": source.last_took.map(seconds),
        "last_error": source.last_error.as_deref().filter(|_| granted),
    })
}

pub(super) fn warmed(source: &SourceReport) -> Value {
    json!({
        "source": &*source.source,
        "tier": &*source.tier,
        "stored": source.stored,
        "revoked": source.revoked,
        "refused": source.refused,
        "took_s": seconds(source.took),
        "error": source.error.as_deref(),
    })
}

pub(super) fn sample(sample: &Sample) -> Value {
    let tiers: Vec<_> = sample.tiers.iter().map(tier).collect();
    json!({ "uptime_s": seconds(sample.uptime), "tiers": tiers })
}

fn curve(curve: &WhatIfCurve) -> Value {
    let point =
        |point: &WhatIfPoint| json!({ "budget_bytes": point.budget_bytes, "hit_percent": point.hit_percent });
    json!({
        "tier": curve.tier.as_deref(),
        "now_bytes": curve.now_bytes,
        "hit_percent": curve.hit_percent,
        "off_by_points": curve.off_by,
        "points": curve.points.iter().map(point).collect::<Vec<_>>(),
    })
}

fn warning(warning: &Warning) -> Value {
    json!({
        "tier": warning.tier.as_deref(),
        "kind": warning.word(),
        "what": warning.what(),
        "do": warning.remedy(),
    })
}

pub(super) fn advice(advice: &AdviceSnapshot) -> Value {
    json!({
        "window_s": seconds(advice.window),
        "curves": advice.curves.iter().map(curve).collect::<Vec<_>>(),
        "warnings": advice.warnings.iter().map(warning).collect::<Vec<_>>(),
    })
}

fn tier_info(tier: &TierInfo) -> Value {
    let prefix = |(prefix, ttl): &(std::sync::Arc<str>, Option<Duration>)| json!({ "prefix": &**prefix, "ttl_s": ttl.map(seconds) });
    json!({
        "tier": &*tier.name,
        "description": &*tier.description,
        "state": match tier.state { TierState::Running => "running", TierState::Failed => "failed" },
        "ttl_s": seconds(tier.ttl),
        "stale_s": seconds(tier.stale),
        "soft_timeout_s": seconds(tier.soft_timeout),
        "prefixes": tier.prefixes.iter().map(prefix).collect::<Vec<_>>(),
        "entries": tier.entries,
        "bytes": tier.bytes,
        "grant": tier.grant,
        "floor": tier.floor,
        "loads_running": tier.loads.0,
        "loads_waiting": tier.loads.1,
        "queued_messages": tier.queued.0,
        "queued_bytes": tier.queued.1,
        "restarts": tier.restarts,
    })
}

pub(super) fn info(info: &InfoSnapshot, has_token: bool, granted: bool) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "enabled": info.enabled,
        "ready": info.ready,
        "uptime_s": seconds(info.uptime),
        "budget": info.budget,
        "moving_budget": info.moving_budget,
        "max_entry": info.max_entry,
        "cleanup_interval_s": seconds(info.cleanup_interval),
        "warm_interval_s": seconds(info.warm_interval),
        "default_tier": info.default_tier.as_deref(),
        "admin": info.admin.map(|address| address.to_string()),
        "admin_error": info.admin_error.as_deref().filter(|_| granted),
        "access": { "token_configured": has_token, "granted": granted },
        "tiers": info.tiers.iter().map(tier_info).collect::<Vec<_>>(),
    })
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Set => "set",
        Origin::Load => "load",
        Origin::Warm => "warm",
    }
}

fn entry(entry: &EntryLine) -> Value {
    json!({
        "key": entry.key.as_str(),
        "tier": &*entry.tier,
        "size": entry.size,
        "age_s": seconds(entry.age),
        "left_s": seconds(entry.left),
        "stale_left_s": seconds(entry.stale_left),
        "hits": entry.hits,
        "source": origin(entry.origin),
        "tags": entry.tags,
        "state": match entry.state {
            EntryState::Fresh => "fresh",
            EntryState::Stale => "stale",
            EntryState::Expired => "expired",
            EntryState::Nothing => "nothing",
        },
    })
}

pub(super) fn entries(page: &EntryPage) -> Value {
    json!({
        "entries": page.entries.iter().map(entry).collect::<Vec<_>>(),
        "matched": page.matched,
        "bytes": page.bytes,
        "next": page.next,
    })
}

/// What is known of a key; `text` is the panel for people.
pub(super) fn explained(known: &Explanation, text: &str) -> Value {
    let held = known.held.as_ref().map(|held| {
        json!({
            "age_s": seconds(held.age),
            "fresh_for_s": seconds(held.fresh_for),
            "served_for_s": seconds(held.served_for),
            "size": held.size,
            "hits": held.hits,
            "source": origin(held.origin),
            "took_s": seconds(held.took),
            "failures": held.failures,
            "tags": held.tags.as_slice().iter().map(crate::Tag::as_str).collect::<Vec<_>>(),
        })
    });
    let absence = known.last_absence.as_ref().map(|absence| {
        let (reason, by, kind) = reason(&absence.reason);
        json!({ "reason": reason, "by": by, "kind": kind, "ago_s": seconds(absence.ago) })
    });
    json!({
        "key": known.key.as_str(),
        "tier": &*known.tier,
        "route": known.route.as_deref(),
        "state": match known.state {
            KeyState::Fresh => "fresh",
            KeyState::Stale => "stale",
            KeyState::NothingThere => "nothing_there",
            KeyState::Loading => "loading",
            KeyState::Absent => "absent",
        },
        "enabled": known.enabled,
        "bypassed": known.bypassed,
        "held": held,
        "load": known.load.map(|load| match load {
            LoadPhase::Waits => "waits",
            LoadPhase::Runs => "runs",
            LoadPhase::RunsRevoked => "runs_revoked",
        }),
        "last_absence": absence,
        "text": text,
    })
}

/// The word for a reason, the scope that took the key, and the kind of error.
fn reason(reason: &Reason) -> (&'static str, Option<String>, Option<String>) {
    let word = match reason {
        Reason::NeverStored => "never_stored",
        Reason::NoRecord => "no_record",
        Reason::Expired => "expired",
        Reason::Evicted => "evicted",
        Reason::Removed => "removed",
        Reason::Invalidated(scope) => return ("invalidated", scope.as_ref().map(ToString::to_string), None),
        Reason::Outdated(scope) => return ("outdated", scope.as_ref().map(ToString::to_string), None),
        Reason::Cleared => "cleared",
        Reason::Restarted => "restarted",
        Reason::Revoked => "revoked",
        Reason::TooLarge => "too_large",
        Reason::TooManyTags => "too_many_tags",
        Reason::Unreadable => "unreadable",
        Reason::NotKept => "not_kept",
        Reason::NoRoom => "no_room",
        Reason::LoadFailed(kind) => return ("load_failed", None, Some(format!("{kind:?}"))),
    };
    (word, None, None)
}
