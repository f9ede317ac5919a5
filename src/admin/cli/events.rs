//! `events`: what takes place in the cache, line by line, as it happens.
//!
//! Owns: the words of a line. Never: keeps an event back.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::answers::Seconds;
use super::arguments::EventsTask;
use super::client::Client;
use super::failure::{Exit, Failure};
use super::out::{BOLD, DIM, Out, WARNING};
use super::stream::Told;
use crate::admin::text::{counted, size, time};

pub(super) fn run(client: &Client, task: &EventsTask, out: &Out) -> Result<Exit, Failure> {
    let kinds = task.kinds.join(",");
    let mut query = Vec::new();
    query.extend((!kinds.is_empty()).then_some(("kinds", kinds.as_str())));
    query.extend(task.tier.as_deref().map(|tier| ("tier", tier)));
    let mut stream = client.listen(&query)?;
    out.remark(&format!("listens to {}; Ctrl-C ends it", client.url()));
    let mut left = task.count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(Told { kind, data }) = stream.next()? else {
            out.remark("the cache has ended");
            break;
        };
        let data = serde_json::from_str(&data).ok().filter(Value::is_object);
        let Some(data) = data else {
            return Err(Failure::unreachable(format!("what came from {} is no event", client.url())));
        };
        left -= u64::from(kind != "missed");
        let at = SystemTime::now();
        out.show(&document(&kind, &data, at), || line(&kind, &data, at, out))?;
    }
    Ok(Exit::Done)
}

/// The event with its kind and the time at which it came here; the admin tells none.
fn document(kind: &str, data: &Value, at: SystemTime) -> Value {
    let mut document = data.clone();
    document["event"] = json!(kind);
    document["at"] = json!(humantime::format_rfc3339_millis(at).to_string());
    document
}

fn line(kind: &str, data: &Value, at: SystemTime, out: &Out) -> String {
    let at = humantime::format_rfc3339_seconds(at).to_string();
    let at = at.split_once('T').map_or("", |(_, time)| time);
    let words = words(kind, data, out);
    if kind == "missed" {
        return format!("{DIM}{at}{DIM:#}  {WARNING}{words}{WARNING:#}\n");
    }
    let tier = out.shown(data["tier"].as_str().unwrap_or_default());
    let (kind, key) = (out.shown(kind), out.shown(data["key"].as_str().unwrap_or_default()));
    let gap = if key.is_empty() { "" } else { "  " };
    format!("{DIM}{at}{DIM:#}  {BOLD}{kind:<11}{BOLD:#}  {tier:<9}  {key}{gap}{DIM}{words}{DIM:#}\n")
}

/// What there is to say beside key and tier.
fn words(kind: &str, data: &Value, out: &Out) -> String {
    let number = |name: &str| data[name].as_u64().unwrap_or_default();
    let span = |name: &str| time(Seconds::from(data[name].as_f64().unwrap_or_default()).0);
    let text = |name: &str| out.shown(data[name].as_str().unwrap_or_default());
    match kind {
        "removed" => {
            let hits = counted(number("hits"), "hit", "hits");
            format!("{}, {} old, {}, {hits}", text("cause"), span("age_s"), size(number("size")))
        }
        "loaded" => {
            let found = if data["found"] == json!(false) { ", nothing there" } else { "" };
            let kept = match text("not_stored") {
                why if why.is_empty() => String::new(),
                why => format!(", not stored: {why}"),
            };
            format!("in {}{found}{kept}", span("took_s"))
        }
        "refreshed" => format!("in {}", span("took_s")),
        "load_failed" => text("kind"),
        "cleared" => format!("{} ({})", counted(number("count"), "entry", "entries"), size(number("bytes"))),
        "restarted" => {
            format!("{} so far, see the log of the host", counted(number("count"), "time", "times"))
        }
        "missed" if data["of"] == json!("removed") => {
            format!("{}: {} {}", text("tier"), counted(number("count"), "entry", "entries"), text("cause"))
        }
        "missed" => format!(
            "{} left out here, as they came faster than they were told",
            counted(number("count"), "event", "events")
        ),
        // Of a newer host: as it stands.
        _ => out.shown(&data.to_string()),
    }
}
