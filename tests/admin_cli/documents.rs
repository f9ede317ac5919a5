//! Answers as an admin gives them, with numbers that stay the same.

use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

/// The answer to a request for `path`.
pub(crate) fn of(path: &str) -> Value {
    match path {
        "/api/stats" => stats(),
        "/api/info" => info(),
        "/api/entries" => entries(),
        "/api/explain" => explained(),
        "/api/invalidate" => json!({
            "scope": "user::42::*", "dry_run": true, "matched": 3, "bytes": 4_200, "revoked_loads": 1, "tiers": 2,
        }),
        "/api/forget" => json!({ "user": "42", "matched": 3, "bytes": 4_200, "revoked_loads": 1, "left": 1 }),
        "/api/warm" => warmed(),
        "/api/budget" => {
            json!({ "setting": "max_size_mb", "value": 50 * MIB, "before": 100 * MIB, "note": "tiers shed what is too much" })
        }
        "/api/ttl" => {
            json!({ "setting": "ttl tier:user", "value": 90, "before": 0.5, "note": "what is stored keeps its own" })
        }
        "/api/enabled" => {
            json!({ "setting": "enabled", "value": false, "before": true, "note": "what it held is gone" })
        }
        "/api/reload" => json!({ "changed": [
            { "key": "max_size_mb", "value": 50 * MIB, "before": 100 * MIB },
            { "key": "enabled", "value": false, "before": true },
            { "key": "tiers.user.prefixes.user_orders", "value": 90, "before": "tier" },
        ] }),
        "/api/revive" => json!({ "tier": "user", "was_out": true }),
        "/health" => json!({ "status": "ok" }),
        "/ready" => json!({ "ready": false, "waiting": 2 }),
        _ => json!({ "error": { "kind": "NotFound", "message": "there is nothing here" } }),
    }
}

fn tier(name: &str, hits: u64, misses: u64, entries: u64, bytes: u64) -> Value {
    json!({
        "tier": name, "entries": entries, "bytes": bytes, "hits": hits, "misses": misses, "hit_rate": null,
        "joined": 4, "stale_hits": 2, "sets": misses, "stored_by_load": misses, "stored_by_warm": 0, "replaced": 0,
        "removals": {
            "expired": 80, "evicted": hits / 1_000, "removed": 3, "invalidated": 40, "cleared": 0, "displaced": 0, "lost": 0,
        },
        "loads": {
            "started": misses, "ok": misses, "failed": 1, "panicked": 0, "timed_out": 0, "lost": 0,
            "time_s": misses as f64 * 0.002,
        },
        "revoked": 1, "warm_revoked": 0, "warm_no_room": 0, "too_large": 2, "bypassed": 0, "overloaded": 0, "wrong_type": 0, "unreadable": 0,
        "restarts": 0,
    })
}

pub(crate) fn stats() -> Value {
    json!({
        "uptime_s": 11_520.5, "budget": 100 * MIB, "bytes": 47_395_635, "entries": 156_203, "hits": 12_345_678_901_u64,
        "misses": 213_456, "hit_rate": 0.9999,
        "tiers": [
            tier("config", 0, 0, 0, 0),
            tier("reference", 12_300_000_000, 1_234, 1_200, 40 * MIB),
            tier("user", 45_678_901, 212_222, 155_003, 5_452_595),
        ],
        "warm": [
            { "source": "catalog", "tier": "reference", "runs": 4, "failures": 2, "stored": 4_800, "running": true,
              "done": 512, "of": 1_200, "last_took_s": 0.000_577, "last_error": "the database is away" },
            { "source": "rates", "tier": "config", "runs": 0, "failures": 0, "stored": 0, "running": false,
              "done": 0, "of": 0, "last_took_s": null, "last_error": null },
        ],
        "top": [
            { "key": "products::gaming", "hits": 1_010_101 },
            { "key": "user::müller::profile", "hits": 99 },
        ],
        "invalidations": { "widened": 2, "unfenced": 0, "unknown_prefix": 3_000, "unconfirmed": 1, "without_cache": 0 },
    })
}

fn info() -> Value {
    let tier = |name: &str, description: &str, state: &str, prefixes: Value| {
        json!({
            "tier": name, "description": description, "state": state, "ttl_s": 3_600, "stale_s": 60, "prefixes": prefixes,
            "entries": 156_203, "bytes": 5 * MIB, "grant": 40 * MIB, "floor": 10 * MIB, "loads_running": 3,
            "loads_waiting": 12, "queued_messages": 1, "queued_bytes": 2_048, "restarts": 5,
        })
    };
    let prefixes = json!([{ "prefix": "user", "ttl_s": null }, { "prefix": "user_orders", "ttl_s": 1_800 }]);
    json!({
        "version": "0.1.0", "enabled": true, "ready": false, "uptime_s": 90, "budget": 100 * MIB, "max_entry": MIB,
        "cleanup_interval_s": 3_600, "warm_interval_s": 21_600, "default_tier": null,
        "access": { "token_configured": true, "granted": true },
        "tiers": [tier("user", "Profiles, wallets", "running", prefixes), tier("query", "", "failed", json!([]))],
    })
}

fn entries() -> Value {
    let entry = |key: &str, size: u64, left_s: f64, source: &str, state: &str| {
        json!({
            "key": key, "tier": "user", "size": size, "age_s": 3_725.25, "left_s": left_s, "stale_left_s": left_s,
            "hits": 1_234, "source": source, "tags": 0, "state": state,
        })
    };
    json!({
        "entries": [
            entry("user::42::profile", 77, 1_800.0, "load", "fresh"),
            entry("user::müller::orders::a b", 3_456_789, 0.0, "set", "stale"),
            entry("user::7", 150, 12.5, "warm", "nothing"),
        ],
        "matched": 156_203, "bytes": 47_395_635, "next": "77.user::7's",
    })
}

fn explained() -> Value {
    let text = "Cache Explain\n  Key: user::m\\u{fc}ller\n  Tier: user, by the prefix user\n  State: absent, being loaded\n  \
                Load: runs\n  Why absent: taken by the invalidation of user::*; 3s ago\n";
    json!({
        "key": "user::müller", "tier": "user", "route": "user", "state": "loading", "enabled": true, "bypassed": false,
        "held": null, "load": "runs", "last_absence": null, "text": text,
    })
}

/// What both methods of the path have.
fn warmed() -> Value {
    json!({
        "running": false, "stored": 1_198,
        "sources": [
            { "source": "catalog", "tier": "reference", "stored": 1_198, "revoked": 1, "refused": 1, "took_s": 0.5, "error": null,
              "runs": 5, "failures": 0, "running": false, "done": 0, "of": 0, "last_took_s": 0.5, "last_error": null },
            { "source": "rates", "tier": "config", "stored": 0, "revoked": 0, "refused": 0, "took_s": 0, "error": "no such table",
              "runs": 0, "failures": 1, "running": false, "done": 0, "of": 0, "last_took_s": 0, "last_error": "no such table" },
        ],
    })
}
