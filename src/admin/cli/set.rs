//! `set-budget`, `set-ttl`, `set-enabled`, `revive`: changes of a running cache.
//!
//! Owns: their bodies and the words for what came of them. Never: judges a value; the cache does.

use std::time::Duration;

use serde_json::{Value, json};

use super::answers::{Amount, Changed, Revived, Seconds};
use super::arguments::State;
use super::client::{Answer, Client};
use super::failure::{Exit, Failure};
use super::out::{BOLD, Out};
use crate::admin::text::{limit, time};

pub(super) fn budget(client: &Client, bytes: u64, out: &Out) -> Result<Exit, Failure> {
    set(client, "/api/budget", &json!({ "bytes": bytes }), out, |amount| match amount {
        Amount::Whole(bytes) => limit(bytes),
        other => plain(other),
    })
}

pub(super) fn ttl(client: &Client, of: &str, ttl: Duration, out: &Out) -> Result<Exit, Failure> {
    let seconds = ttl.as_secs();
    let body = match of.strip_prefix("prefix:") {
        Some(prefix) => json!({ "prefix": prefix, "seconds": seconds }),
        None => json!({ "tier": of, "seconds": seconds }),
    };
    set(client, "/api/ttl", &body, out, |amount| match amount {
        Amount::Whole(seconds) => time(Duration::from_secs(seconds)),
        Amount::Broken(seconds) => time(Seconds::from(seconds).0),
        other @ Amount::Switch(_) => plain(other),
    })
}

pub(super) fn enabled(client: &Client, state: State, out: &Out) -> Result<Exit, Failure> {
    set(client, "/api/enabled", &json!({ "enabled": state == State::On }), out, plain)
}

fn plain(amount: Amount) -> String {
    match amount {
        Amount::Switch(true) => "on".to_owned(),
        Amount::Switch(false) => "off".to_owned(),
        Amount::Whole(number) => number.to_string(),
        Amount::Broken(number) => number.to_string(),
    }
}

fn set(
    client: &Client,
    path: &str,
    body: &Value,
    out: &Out,
    words: fn(Amount) -> String,
) -> Result<Exit, Failure> {
    let Answer { document, read } = client.post::<Changed>(path, body)?;
    let Changed { setting, value, before, note } = read;
    out.show(&document, || {
        let (setting, now) = (out.shown(&setting), words(value));
        if value == before {
            return format!("{setting} is {now} already; nothing was changed\n");
        }
        format!("{setting} is now {BOLD}{now}{BOLD:#}, was {}; {}\n", words(before), out.shown(&note))
    })?;
    Ok(Exit::Done)
}

pub(super) fn revive(client: &Client, tier: &str, out: &Out) -> Result<Exit, Failure> {
    let Answer { document, read } = client.post::<Revived>("/api/revive", &json!({ "tier": tier }))?;
    out.show(&document, || {
        let tier = out.shown(&read.tier);
        let words = if read.was_out {
            "is back in service, empty"
        } else {
            "was in service already; nothing was changed"
        };
        format!("tier {tier} {words}\n")
    })?;
    Ok(Exit::Done)
}
