//! `clear` and `forget`: taking entries away.
//!
//! Owns: the preview, the question, and the words for what went. Never: takes anything unasked, unless told so with `--yes`.

use serde_json::{Value, json};

use super::answers::{Forgotten, Taken};
use super::arguments::{ClearTask, ForgetTask};
use super::client::{Answer, Client};
use super::confirm;
use super::failure::{Exit, Failure};
use super::out::{BOLD, Out};
use crate::admin::text::{counted, size};

pub(super) fn clear(client: &Client, task: &ClearTask, out: &Out) -> Result<Exit, Failure> {
    let asks = !task.yes && !task.dry_run;
    if asks {
        confirm::possible()?;
    }
    let body = |dry_run: bool| match &task.object.pattern {
        Some(pattern) => json!({ "scope": pattern, "dry_run": dry_run }),
        None => json!({ "all": true, "dry_run": dry_run }),
    };
    let take = |dry_run: bool| client.post::<Taken>("/api/invalidate", &body(dry_run));
    if asks {
        let preview = take(true)?.read;
        confirm::say(&format!("{} would take {}", preview.scope, amount(&preview)), out);
        confirm::ask("Remove them?", out)?;
    }
    let Answer { document, read } = take(task.dry_run)?;
    out.show(&document, || cleared(&read, task, out))?;
    Ok(Exit::Done)
}

/// Entries, bytes and tiers.
fn amount(taken: &Taken) -> String {
    let entries = counted(taken.matched, "entry", "entries");
    let tiers = counted(taken.tiers, "tier", "tiers");
    if taken.matched == 0 {
        format!("{entries}, looking in {tiers}")
    } else {
        format!("{entries} ({}), looking in {tiers}", size(taken.bytes))
    }
}

fn cleared(taken: &Taken, task: &ClearTask, out: &Out) -> String {
    let (scope, amount) = (out.shown(&taken.scope), amount(taken));
    let (mut text, will) = if task.dry_run {
        (format!("{scope} would take {BOLD}{amount}{BOLD:#}; nothing was removed\n"), "would")
    } else {
        (format!("{scope}: removed {BOLD}{amount}{BOLD:#}\n"), "will")
    };
    if taken.revoked_loads > 0 {
        let loads = counted(taken.revoked_loads, "load", "loads");
        text += &format!("  {loads} under way {will} not be stored\n");
    }
    let one_key = taken.scope.strip_prefix("key:").filter(|key| !key.contains(['*', '?']));
    if let (Some(key), 0) = (one_key, taken.matched) {
        let key = out.shown(key);
        text += &format!("  only that one key was looked for; prefix:{key} also takes the keys below it\n");
    }
    text
}

pub(super) fn forget(client: &Client, task: &ForgetTask, out: &Out) -> Result<Exit, Failure> {
    if !task.yes {
        confirm::possible()?;
        confirm::ask(&format!("Take away everything of the user {}, in all tiers?", task.user), out)?;
    }
    let body: Value = json!({ "user": task.user });
    let Answer { document, read } = client.post::<Forgotten>("/api/forget", &body)?;
    out.show(&document, || forgot(&read, out))?;
    // What a script asks is whether nothing is left.
    Ok(if read.left == 0 { Exit::Done } else { Exit::Refused })
}

fn forgot(gone: &Forgotten, out: &Out) -> String {
    let entries = counted(gone.matched, "entry", "entries");
    let left = counted(gone.left, "entry", "entries");
    let mut text = format!(
        "user {}: removed {BOLD}{entries}{BOLD:#} ({}), {left} left\n",
        out.shown(&gone.user),
        size(gone.bytes)
    );
    if gone.revoked_loads > 0 {
        let loads = counted(gone.revoked_loads, "load", "loads");
        text += &format!("  {loads} under way will not be stored\n");
    }
    if gone.left > 0 {
        text += "  what is left was stored meanwhile; run it again\n";
    }
    text
}
