//! `set-budget`, `set-ttl`, `set-enabled`, `reload`, `revive`: changes of a running cache.
//!
//! Owns: their bodies and the words for what came of them. Never: judges a value; the cache does.

use std::time::Duration;

use serde_json::{Value, json};

use super::answers::{Amount, Changed, ChangedKey, Reloaded, Revived, Seconds};
use super::arguments::State;
use super::client::{Answer, Client};
use super::failure::{Exit, Failure};
use super::out::{BOLD, Out};
use crate::admin::text::{counted, limit, time};

/// The key of the setting that is a size; all others are times or switches.
const MAX_SIZE: &str = "max_size_mb";

pub(super) fn budget(client: &Client, bytes: u64, out: &Out) -> Result<Exit, Failure> {
    set(client, "/api/budget", &json!({ "bytes": bytes }), out)
}

pub(super) fn ttl(client: &Client, of: &str, ttl: Duration, out: &Out) -> Result<Exit, Failure> {
    let seconds = ttl.as_secs();
    let body = match of.strip_prefix("prefix:") {
        Some(prefix) => json!({ "prefix": prefix, "seconds": seconds }),
        None => json!({ "tier": of, "seconds": seconds }),
    };
    set(client, "/api/ttl", &body, out)
}

pub(super) fn enabled(client: &Client, state: State, out: &Out) -> Result<Exit, Failure> {
    set(client, "/api/enabled", &json!({ "enabled": state == State::On }), out)
}

/// A value as people read it.
fn words(setting: &str, amount: &Amount, out: &Out) -> String {
    match amount {
        Amount::Switch(true) => "on".to_owned(),
        Amount::Switch(false) => "off".to_owned(),
        Amount::Whole(bytes) if setting == MAX_SIZE => limit(*bytes),
        Amount::Whole(seconds) => time(Duration::from_secs(*seconds)),
        Amount::Broken(seconds) => time(Seconds::from(*seconds).0),
        Amount::Word(word) if word == "tier" => "that of its tier".to_owned(),
        Amount::Word(word) => out.shown(word),
    }
}

fn set(client: &Client, path: &str, body: &Value, out: &Out) -> Result<Exit, Failure> {
    let Answer { document, read } = client.post::<Changed>(path, body)?;
    let Changed { setting, value, before, note } = read;
    out.show(&document, || {
        let (now, was) = (words(&setting, &value, out), words(&setting, &before, out));
        let setting = out.shown(&setting);
        if value == before {
            return format!("{setting} is {now} already; nothing was changed\n");
        }
        format!("{setting} is now {BOLD}{now}{BOLD:#}, was {was}; {}\n", out.shown(&note))
    })?;
    Ok(Exit::Done)
}

pub(super) fn reload(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let Answer { document, read } = client.post::<Reloaded>("/api/reload", &json!({}))?;
    out.show(&document, || {
        let changed = match read.changed.len() as u64 {
            0 => "nothing has changed".to_owned(),
            count => format!("{} changed", counted(count, "setting has", "settings have")),
        };
        let line = |ChangedKey { key, value, before }: &ChangedKey| {
            let (now, was) = (words(key, value, out), words(key, before, out));
            format!("  {} is now {BOLD}{now}{BOLD:#}, was {was}\n", out.shown(key))
        };
        let lines: String = read.changed.iter().map(line).collect();
        format!("the settings were read again; {changed}\n{lines}")
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
