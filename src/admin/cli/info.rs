//! `info`: the settings in force and the status of every tier.
//!
//! Owns: its layout. Never: reads a setting; it shows those that the cache says are in force.

use super::answers::{Info, TierInfo};
use super::client::{Answer, Client};
use super::failure::{Exit, Failure};
use super::out::{BAD, COLUMNS, DIM, GOOD, Out, Side, WARNING, count, facts, folded, heading, table};
use crate::admin::text::{counted, limit, size, time};

pub(super) fn run(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let Answer { document, read } = client.get::<Info>("/api/info", &[])?;
    out.show(&document, || panel(client, &read, out))?;
    Ok(Exit::Done)
}

fn panel(client: &Client, info: &Info, out: &Out) -> String {
    let mut text =
        heading(&format!("Apex Cache {} at {}", out.shown(&info.version), out.shown(client.url())));
    let state = match (info.enabled, info.ready) {
        (false, _) => format!("{WARNING}off{WARNING:#}: every read misses, loaders run directly"),
        (true, true) => format!("{GOOD}on{GOOD:#}, ready"),
        (true, false) => format!("on, {WARNING}not ready{WARNING:#}: a required warm source has not run"),
    };
    let unknown = match &info.default_tier {
        Some(tier) => format!("go to tier {}", out.shown(tier)),
        None => "are refused".to_owned(),
    };
    text += &facts(&[
        ("Cache", state),
        ("Running for", time(info.uptime_s.0)),
        ("Max size", limit(info.budget)),
        ("Max entry", limit(info.max_entry)),
        ("Expired entries swept", format!("every {}", time(info.cleanup_interval_s.0))),
        ("Periodic warming", format!("every {}", time(info.warm_interval_s.0))),
        ("Keys of unknown prefix", unknown),
    ]);
    text.push('\n');
    let head = [
        ("TIER", Side::Left),
        ("TTL", Side::Right),
        ("STALE", Side::Right),
        ("ENTRIES", Side::Right),
        ("USED", Side::Right),
        ("MAY USE", Side::Right),
        ("FLOOR", Side::Right),
        ("STATE", Side::Left),
    ];
    let rows: Vec<_> = info.tiers.iter().map(|tier| row(tier, out)).collect();
    text += &table(&head, &rows);
    for tier in &info.tiers {
        text += &about(tier, out);
    }
    text
}

fn row(tier: &TierInfo, out: &Out) -> Vec<String> {
    let state = match &*tier.state {
        "running" => format!("{GOOD}running{GOOD:#}"),
        other => format!("{BAD}{}{BAD:#}", out.shown(other)),
    };
    let stale = if tier.stale_s.0.is_zero() { "-".to_owned() } else { time(tier.stale_s.0) };
    vec![
        out.shown(&tier.tier),
        time(tier.ttl_s.0),
        stale,
        count(tier.entries),
        size(tier.bytes),
        limit(tier.grant),
        limit(tier.floor),
        state,
    ]
}

/// What does not fit the table.
fn about(tier: &TierInfo, out: &Out) -> String {
    let name = out.shown(&tier.tier);
    let mut told = Vec::new();
    if tier.state == "failed" {
        let words = "find out why in the log of the host, then: apex-cache revive";
        told.push(format!("{BAD}broke too often and is bypassed{BAD:#}; {words} {name}"));
    }
    let prefix = |prefix: &super::answers::Prefix| match prefix.ttl_s {
        Some(ttl) => format!("{} ({})", out.shown(&prefix.prefix), time(ttl.0)),
        None => out.shown(&prefix.prefix),
    };
    let prefixes: Vec<_> = tier.prefixes.iter().map(prefix).collect();
    if !prefixes.is_empty() {
        told.push(format!("prefixes {}", prefixes.join(", ")));
    }
    if (tier.loads_running, tier.loads_waiting) != (0, 0) {
        told.push(format!(
            "loads: {} running, {} waiting",
            count(tier.loads_running),
            count(tier.loads_waiting)
        ));
    }
    if (tier.queued_messages, tier.queued_bytes) != (0, 0) {
        let messages = counted(tier.queued_messages, "message", "messages");
        told.push(format!("queue: {messages}, {}", size(tier.queued_bytes)));
    }
    if tier.restarts > 0 {
        told.push(format!(
            "{WARNING}restarted {}{WARNING:#}, see the log of the host",
            counted(tier.restarts, "time", "times")
        ));
    }
    let mut text = format!("\n{name}");
    if !tier.description.is_empty() {
        text += &format!("  {DIM}{}{DIM:#}", out.shown(&tier.description));
    }
    text.push('\n');
    told.iter().for_each(|line| text += &format!("  {}\n", folded(line, 2, COLUMNS)));
    text
}
