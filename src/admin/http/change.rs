//! What changes something: each by the command or message that everybody else uses, and told to the audit.
//!
//! Owns: the fields of each body. Never: changes anything before all of the body was understood.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::fields::Fields;
use super::refusal::Refusal;
use super::routes::{Answer, Who};
use super::{Admin, shape};
use crate::admin::command::{scope as scope_of, tier_name};
use crate::admin::{Answer as Outcome, Change, Command};
use crate::engine::key::Key;
use crate::engine::pattern::Pattern;
use crate::engine::scope::{How, Prefix, Scope};
use crate::engine::tag::Tag;
use crate::env::Spawner;
use crate::error::Error;
use crate::message::{Invalidate, TtlOf, WarmScope};

/// Keys of one invalidation.
const KEYS_MAX: usize = 1_000;
/// How long the answer to a warm waits for its end, in case it is short.
const WARM_WITHIN: Duration = Duration::from_secs(2);

const OBJECTS: &str = "scope, key, keys, prefix, pattern, tag, tier or all";

/// Begins `change` in a task of its own. It goes on when the client leaves, or the time for an answer is over, and the audit is
/// told how it ended.
fn begin<T: Send + 'static>(
    admin: &Admin,
    change: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    // The runtime of the server: what the host does when it is told is no business of the actors' thread.
    let spawner = Spawner::current().unwrap_or_else(|| admin.cache().wiring().spawner.clone());
    let (told, ended) = oneshot::channel();
    spawner.spawn(async move {
        let _ = told.send(change.await);
    });
    ended
}

/// Carries out `command` to its end; waits for that.
async fn run(admin: &Admin, command: Command, who: Who) -> Result<Outcome, Refusal> {
    let cache = admin.cache().clone();
    let ended = begin(admin, async move { cache.run(command, &who).await });
    Ok(ended.await.unwrap_or(Err(Error::Closed))?)
}

/// What an invalidation is to take, from exactly one field.
fn object(fields: &mut Fields) -> Result<Scope, Refusal> {
    let mut found: Vec<Scope> = Vec::new();
    if let Some(text) = fields.text("scope")? {
        found.push(scope_of(&text)?);
    }
    if let Some(text) = fields.text("key")? {
        found.push(Key::parse(&text)?.into());
    }
    if let Some(keys) = fields.texts("keys", KEYS_MAX)? {
        let keys: Vec<Key> = keys.iter().map(|key| Key::parse(key)).collect::<Result<_, Error>>()?;
        found.push(Scope::Keys(keys.into_iter().collect()));
    }
    if let Some(text) = fields.text("prefix")? {
        found.push(Prefix::parse(&text)?.into());
    }
    if let Some(text) = fields.text("pattern")? {
        found.push(Pattern::parse(&text)?.into());
    }
    if let Some(text) = fields.text("tag")? {
        found.push(Tag::parse(&text)?.into());
    }
    if let Some(text) = fields.text("tier")? {
        found.push(Scope::Tier(tier_name(&text, "tier")?));
    }
    match fields.switch("all")? {
        Some(true) => found.push(Scope::All),
        Some(false) => return Err(Refusal::bad("all can only be true; name something else to take less")),
        None => {}
    }
    let one = found.pop().filter(|_| found.is_empty());
    one.ok_or_else(|| Refusal::bad(format!("say what to take away, with exactly one of {OBJECTS}")))
}

pub(super) async fn invalidate(admin: &Admin, mut fields: Fields, who: Who) -> Result<Answer, Refusal> {
    let scope = object(&mut fields)?;
    let how = match fields.text("how")?.as_deref() {
        None | Some("remove") => How::Remove,
        Some("expire") => How::Expire,
        Some(_) => return Err(Refusal::bad("how is remove or expire")),
    };
    let dry_run = fields.switch("dry_run")?.unwrap_or(false);
    fields.end(&format!("{OBJECTS}, how, dry_run"))?;
    take(admin, scope, how, dry_run, who).await
}

pub(super) async fn clear(admin: &Admin, mut fields: Fields, who: Who) -> Result<Answer, Refusal> {
    let dry_run = fields.switch("dry_run")?.unwrap_or(false);
    fields.end("dry_run")?;
    take(admin, Scope::All, How::Remove, dry_run, who).await
}

async fn take(admin: &Admin, scope: Scope, how: How, dry_run: bool, who: Who) -> Result<Answer, Refusal> {
    let mut invalidate = Invalidate::new(scope.clone());
    (invalidate.how, invalidate.dry_run) = (how, dry_run);
    let cache = admin.cache().clone();
    let ended = begin(admin, async move { cache.take_away(invalidate, &who).await });
    let taken = ended.await.unwrap_or(Err(Error::Closed))?;
    Ok(Answer::json(
        200,
        &json!({
            "scope": scope.to_string(),
            "dry_run": dry_run,
            "matched": taken.matched,
            "bytes": taken.bytes,
            "revoked_loads": taken.revoked_loads,
            "tiers": taken.tiers,
        }),
    ))
}

pub(super) async fn warm(admin: &Admin, mut fields: Fields, who: Who) -> Result<Answer, Refusal> {
    let scope = match fields.need_text("scope")?.as_str() {
        "all" => WarmScope::All,
        tier => WarmScope::Tier(tier_name(tier, "scope")?),
    };
    fields.end("scope")?;
    let ended = run(admin, Command::Warm(scope), who);
    match admin.cache().wiring().spawner.within(WARM_WITHIN, ended).await {
        Some(Ok(Outcome::Warmed { report, .. })) => {
            let sources: Vec<_> = report.sources.iter().map(shape::warmed).collect();
            let stored = report.stored();
            Ok(Answer::json(200, &json!({ "running": false, "stored": stored, "sources": sources })))
        }
        Some(Err(refusal)) => Err(refusal),
        _ => Ok(Answer::json(202, &json!({ "running": true, "stored": null, "sources": [] }))),
    }
}

pub(super) async fn ttl(admin: &Admin, mut fields: Fields, who: Who) -> Result<Answer, Refusal> {
    let of = match (fields.text("tier")?, fields.text("prefix")?) {
        (Some(tier), None) => TtlOf::Tier(tier_name(&tier, "tier")?),
        (None, Some(prefix)) => TtlOf::Prefix(prefix.into()),
        _ => return Err(Refusal::bad("say whose time to live, with exactly one of tier or prefix")),
    };
    let ttl = Duration::from_secs(fields.need_number("seconds")?);
    fields.end("tier, prefix, seconds")?;
    set(admin, Change::Ttl { of, ttl }, who).await
}

pub(super) async fn enabled(admin: &Admin, mut fields: Fields, who: Who) -> Result<Answer, Refusal> {
    let enabled = fields.switch("enabled")?;
    fields.end("enabled")?;
    let enabled = enabled.ok_or_else(|| Refusal::bad("the body lacks enabled, which is true or false"))?;
    set(admin, Change::Enabled(enabled), who).await
}

pub(super) async fn budget(admin: &Admin, mut fields: Fields, who: Who) -> Result<Answer, Refusal> {
    let bytes = fields.need_number("bytes")?;
    fields.end("bytes")?;
    set(admin, Change::MaxSize(bytes), who).await
}

/// What a setting is, or was.
fn value(change: &Change) -> Value {
    match change {
        Change::Ttl { ttl, .. } => shape::seconds(*ttl),
        Change::TtlOfTier(_) => json!("tier"),
        Change::Enabled(enabled) => Value::Bool(*enabled),
        Change::MaxSize(bytes) => json!(bytes),
    }
}

/// Reads the settings again that the cache was started with. No path comes over the network: whoever sent one would have files
/// of this machine read, and be told by the problems what stands in them.
pub(super) async fn reload(admin: &Admin, fields: Fields, who: Who) -> Result<Answer, Refusal> {
    fields.end("none")?;
    let outcome = run(admin, Command::Reload, who).await?;
    let Outcome::Reloaded(reloaded) = outcome else { return Err(unexpected()) };
    let changed = reloaded.changed.iter().map(
        |changed| json!({ "key": changed.key, "value": value(&changed.new), "before": value(&changed.old) }),
    );
    Ok(Answer::json(200, &json!({ "changed": changed.collect::<Vec<_>>() })))
}

async fn set(admin: &Admin, change: Change, who: Who) -> Result<Answer, Refusal> {
    let outcome = run(admin, Command::Set(change), who).await?;
    let Outcome::Changed { now, before } = outcome else { return Err(unexpected()) };
    let (setting, note) = (now.setting(), now.consequence());
    let body = json!({ "setting": setting, "value": value(&now), "before": value(&before), "note": note });
    Ok(Answer::json(200, &body))
}

pub(super) async fn revive(admin: &Admin, mut fields: Fields, who: Who) -> Result<Answer, Refusal> {
    let tier = tier_name(&fields.need_text("tier")?, "tier")?;
    fields.end("tier")?;
    let outcome = run(admin, Command::Revive(tier), who).await?;
    let Outcome::Revived { tier, was_out } = outcome else { return Err(unexpected()) };
    Ok(Answer::json(200, &json!({ "tier": &*tier, "was_out": was_out })))
}

pub(super) async fn forget(admin: &Admin, mut fields: Fields, who: Who) -> Result<Answer, Refusal> {
    let user = fields.need_text("user")?;
    fields.end("user")?;
    if user.is_empty() {
        return Err(Refusal::bad("user is the id of a user, such as 42 for user::42"));
    }
    let outcome = run(admin, Command::Forget(user.into()), who).await?;
    let Outcome::Forgot { user, gone } = outcome else { return Err(unexpected()) };
    Ok(Answer::json(
        200,
        &json!({
            "user": &*user,
            "matched": gone.matched,
            "bytes": gone.bytes,
            "revoked_loads": gone.revoked_loads,
            "left": gone.left,
        }),
    ))
}

/// Each command has an answer of its own kind; that another came is a mistake of this crate.
fn unexpected() -> Refusal {
    Refusal::new(
        500,
        "Internal",
        "the command was answered with something else; tell the authors of apex-cache",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Poll;

    use parking_lot::Mutex;

    use super::*;
    use crate::admin::AuditEvent;
    use crate::admin::http::AdminSettings;
    use crate::testing;

    #[test]
    fn a_change_goes_on_when_its_client_leaves_and_the_audit_is_told_how_it_ended() {
        testing::paused(async || {
            let told = Arc::new(Mutex::new(Vec::new()));
            let ear = Arc::clone(&told);
            let hear =
                move |event: &AuditEvent| ear.lock().push((event.scope.clone(), event.count, event.ok));
            let cache = testing::builder().audit(hear).start().await.unwrap();
            let admin = Admin::new(&cache, &AdminSettings::new()).unwrap();
            for (path, body, scope, count) in [
                ("clear", "{}", "all", 1),
                ("invalidate", r#"{"prefix":"user::1"}"#, "prefix:user::1", 1),
                ("forget", r#"{"user":"1"}"#, "user::1", 1),
                ("ttl", r#"{"tier":"user","seconds":60}"#, "ttl tier:user = 1m", 0),
                ("budget", r#"{"bytes":50000000}"#, "max_size_mb = 47.7 MB", 0),
                ("enabled", r#"{"enabled":true}"#, "enabled = on", 0),
                ("revive", r#"{"tier":"user"}"#, "tier:user", 0),
                ("warm", r#"{"scope":"user"}"#, "tier:user", 0),
            ] {
                cache.set("user::1", "Ann").await.unwrap();
                let (fields, who) = (Fields::parse(body.as_bytes()).unwrap(), "http".to_owned());
                let mut change: std::pin::Pin<Box<dyn Future<Output = _>>> = match path {
                    "clear" => Box::pin(clear(&admin, fields, who)),
                    "invalidate" => Box::pin(invalidate(&admin, fields, who)),
                    "forget" => Box::pin(forget(&admin, fields, who)),
                    "ttl" => Box::pin(ttl(&admin, fields, who)),
                    "budget" => Box::pin(budget(&admin, fields, who)),
                    "enabled" => Box::pin(enabled(&admin, fields, who)),
                    "revive" => Box::pin(revive(&admin, fields, who)),
                    _ => Box::pin(warm(&admin, fields, who)),
                };
                let waits =
                    std::future::poll_fn(|cx| Poll::Ready(change.as_mut().poll(cx).is_pending())).await;
                assert!(waits);
                drop(change);
                testing::advance(Duration::from_secs(1)).await;
                assert_eq!(std::mem::take(&mut *told.lock()), [(scope.to_owned(), count, true)], "{path}");
            }
        });
    }
}
