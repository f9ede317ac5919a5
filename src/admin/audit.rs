//! Who changed what by hand, told to the log and to the host.
//!
//! Owns: audit events and the way they are told, once for each change however it ends. Never: names a key in the log; the
//! host's callback gets the full scope.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::render::{Answer, Style};
use super::text::foreign;
use crate::engine::key::{SEPARATOR, first_segment};
use crate::engine::scope::Scope;
use crate::env::Stopwatch;
use crate::error::Result;
use crate::message::{Change, Reloaded, WarmScope};
use crate::telemetry;

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditAction {
    /// Took entries away.
    Clear,
    /// Ran warm sources.
    Warm,
    /// Changed a setting.
    Set,
    /// Read the settings again.
    Reload,
    /// Took everything of a user away.
    Forget,
    /// Put a tier back into service.
    Revive,
}

impl AuditAction {
    /// The word for it in the log: `clear`, `warm`, `set`, `reload`, `forget` and `revive`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Warm => "warm",
            Self::Set => "set",
            Self::Reload => "reload",
            Self::Forget => "forget",
            Self::Revive => "revive",
        }
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change by hand.
///
/// `scope` may name a key and through it a person: it is for the host, who decides where it is kept. The cache's own
/// log gets the scope without what follows the first segment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Who, as the host named them.
    pub who: Arc<str>,
    /// What they did.
    pub what: AuditAction,
    /// To what, as a command names it: `all`, `tier:user`, `key:user::42`, `prefix:user::42`, `products:*`. For settings with what
    /// they are now; of settings that were read again those that have changed, with what they were.
    pub scope: String,
    /// Entries taken away or stored, tiers put back, settings changed by reading them again.
    pub count: u64,
    /// How long it took.
    pub took: Duration,
    /// Whether it ended well. `false` also when whoever asked stopped waiting before the end; what was accepted by then is
    /// done all the same.
    pub ok: bool,
    /// The scope as the log may have it.
    logged_scope: String,
}

/// What the host gives to be told of every change by hand. Called in the task that made the change, after it; a panic is
/// caught and logged.
pub type AuditSink = Arc<dyn Fn(&AuditEvent) + Send + Sync>;

impl AuditEvent {
    /// Somebody took away what `scope` matches.
    pub fn clear(who: impl Into<Arc<str>>, scope: &Scope) -> Self {
        let logged = match scope {
            Scope::Key(key) => format!("key:{}", shortened(key.as_str())),
            Scope::Prefix(prefix) => format!("prefix:{}", shortened(prefix.as_str())),
            Scope::Pattern(pattern) => shortened(pattern.as_str()),
            Scope::Tag(tag) => {
                // Tags have no segments, but are mostly written like `author:7`.
                let kind = tag.as_str().split_once(':').map_or("", |(kind, _)| kind);
                if kind.is_empty() { "tag:...".to_owned() } else { format!("tag:{kind}:...") }
            }
            other => other.to_string(),
        };
        Self::new(who, AuditAction::Clear, scope.to_string(), logged)
    }

    /// Somebody ran the warm sources of `scope`.
    pub fn warm(who: impl Into<Arc<str>>, scope: &WarmScope) -> Self {
        let scope = match scope {
            WarmScope::All => "all".to_owned(),
            WarmScope::Tier(tier) => format!("tier:{tier}"),
        };
        Self::new(who, AuditAction::Warm, scope.clone(), scope)
    }

    /// Somebody changed a setting.
    pub fn set(who: impl Into<Arc<str>>, change: &Change) -> Self {
        let scope = change.to_string();
        Self::new(who, AuditAction::Set, scope.clone(), scope)
    }

    /// Somebody had the settings read again. What has changed is added with the end.
    pub fn reload(who: impl Into<Arc<str>>) -> Self {
        Self::new(who, AuditAction::Reload, "settings".to_owned(), "settings".to_owned())
    }

    /// Adds that it ended well, and what has changed.
    pub(crate) fn reloaded(mut self, reloaded: &Reloaded, took: Duration) -> Self {
        if !reloaded.changed.is_empty() {
            let all: Vec<String> = reloaded.changed.iter().map(ToString::to_string).collect();
            self.scope = all.join("; ");
            self.logged_scope.clone_from(&self.scope);
        }
        self.ended(true, reloaded.changed.len() as u64, took)
    }

    /// Somebody took away everything of `user`. The log is not told of whom.
    pub fn forget(who: impl Into<Arc<str>>, user: &str) -> Self {
        Self::new(who, AuditAction::Forget, format!("user::{user}"), shortened(&format!("user::{user}")))
    }

    /// Somebody put `tier` back into service.
    pub fn revive(who: impl Into<Arc<str>>, tier: &str) -> Self {
        let scope = format!("tier:{tier}");
        Self::new(who, AuditAction::Revive, scope.clone(), scope)
    }

    fn new(who: impl Into<Arc<str>>, what: AuditAction, scope: String, logged_scope: String) -> Self {
        Self { who: who.into(), what, scope, count: 0, took: Duration::ZERO, ok: false, logged_scope }
    }

    /// Adds how it ended.
    pub fn ended(mut self, ok: bool, count: u64, took: Duration) -> Self {
        (self.ok, self.count, self.took) = (ok, count, took);
        self
    }

    /// Adds how it ended, as the answer to a command tells. A warm run of which a source failed did not end well.
    pub fn answered(self, answer: &Result<Answer>, took: Duration) -> Self {
        let (ok, count) = match answer {
            Ok(Answer::Cleared { taken, .. }) => (true, taken.matched),
            Ok(Answer::Warmed { report, .. }) => {
                (report.sources.iter().all(|source| source.error.is_none()), report.stored())
            }
            Ok(Answer::Forgot { gone, .. }) => (gone.left == 0, gone.matched),
            Ok(Answer::Revived { was_out, .. }) => (true, u64::from(*was_out)),
            Ok(Answer::Reloaded(reloaded)) => return self.reloaded(reloaded, took),
            Ok(_) => (true, 0),
            Err(_) => (false, 0),
        };
        self.ended(ok, count, took)
    }
}

/// A change under way. Told when it has ended; dropped before, with the task that waits for it, it is told as one that did not
/// end well.
pub(super) struct Audited<'s> {
    event: Option<AuditEvent>,
    began: Stopwatch,
    sink: Option<&'s AuditSink>,
}

impl<'s> Audited<'s> {
    /// `event` begins now. `None`: nothing is changed, and nothing is told.
    pub(super) fn begin(event: Option<AuditEvent>, sink: Option<&'s AuditSink>) -> Self {
        Self { event, began: Stopwatch::start(), sink }
    }

    /// Tells how it ended: `end` is given the event and how long it took.
    pub(super) fn end(mut self, end: impl FnOnce(AuditEvent, Duration) -> AuditEvent) {
        if let Some(event) = self.event.take() {
            emit(&end(event, self.began.elapsed()), self.sink);
        }
    }
}

impl Drop for Audited<'_> {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            emit(&event.ended(false, 0, self.began.elapsed()), self.sink);
        }
    }
}

/// The first segment, and three dots when there is more: what follows may name a person.
fn shortened(text: &str) -> String {
    let first = first_segment(text);
    if first.len() == text.len() { first.to_owned() } else { format!("{first}{SEPARATOR}...") }
}

/// Tells the log, at target `apex_cache::audit`, and then the host.
pub fn emit(event: &AuditEvent, sink: Option<&AuditSink>) {
    let plain = |text| foreign(text, Style::Plain);
    let (who, scope) = (plain(&event.who), plain(&event.logged_scope));
    telemetry::audited(&who, event.what.as_str(), &scope, event.count, event.took, event.ok);
    if let Some(sink) = sink
        && catch_unwind(AssertUnwindSafe(|| sink(event))).is_err()
    {
        telemetry::audit_callback_panicked(event.what.as_str());
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use parking_lot::Mutex;
    use tracing::field::{Field, Visit};
    use tracing::{Event, Metadata, Subscriber, span};

    use super::*;
    use crate::admin::Command;
    use crate::message::Invalidated;

    /// Keeps every event as one line: target, then fields.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            let _ = write!(self.0, " {field}={value:?}");
        }
    }

    impl Subscriber for Log {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line(event.metadata().target().to_owned());
            event.record(&mut line);
            self.0.lock().push(line.0);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    /// What `event` puts into the log, and what the host's callback gets.
    fn told(event: &AuditEvent) -> (Vec<String>, Vec<AuditEvent>) {
        let (log, heard) = (Log::default(), Arc::new(Mutex::new(Vec::new())));
        let ear = Arc::clone(&heard);
        let sink: AuditSink = Arc::new(move |event| ear.lock().push(event.clone()));
        tracing::subscriber::with_default(log.clone(), || emit(event, Some(&sink)));
        let (lines, heard) = (log.0.lock().clone(), heard.lock().clone());
        (lines, heard)
    }

    fn event_of(line: &str) -> Option<AuditEvent> {
        Command::parse(line).unwrap().audit("anna")
    }

    #[test]
    fn a_change_is_told_to_the_log_and_to_the_host() {
        let Command::Clear { scope, dry_run } = Command::parse("/cache-clear products:*").unwrap() else {
            panic!("a clear is a clear")
        };
        let answer =
            Answer::Cleared { scope, dry_run, taken: Invalidated { matched: 7, ..Invalidated::default() } };
        let event =
            event_of("/cache-clear products:*").unwrap().answered(&Ok(answer), Duration::from_micros(250));
        assert_eq!((&*event.who, event.what, &*event.scope), ("anna", AuditAction::Clear, "products:*"));
        assert_eq!((event.count, event.ok, event.took), (7, true, Duration::from_micros(250)));
        let (lines, heard) = told(&event);
        assert_eq!(
            lines,
            ["apex_cache::audit message=the cache was changed by hand who=\"anna\" what=\"clear\" \
              scope=\"products:*\" count=7 took_us=250 ok=true"]
        );
        assert_eq!(heard, [event]);
    }

    #[test]
    fn the_log_gets_no_key_and_the_host_gets_all_of_it() {
        for (line, logged) in [
            ("/cache-clear user::123456::profile", "key:user::..."),
            ("/cache-clear prefix:user::123456", "prefix:user::..."),
            ("/cache-clear user::123456::*", "user::..."),
            ("/cache-clear key:lonely", "key:lonely"),
            ("/cache-clear tag:user:123456", "tag:user:..."),
            ("/cache-clear tag:123456", "tag:..."),
            ("/cache-forget 123456", "user::..."),
            ("/cache-set ttl user 60", "ttl tier:user = 1m"),
            ("/cache-clear tier:user", "tier:user"),
            ("/cache-clear all", "all"),
            ("/cache-warm", "all"),
            ("/cache-warm config", "tier:config"),
            ("/cache-revive user", "tier:user"),
        ] {
            let event = event_of(line).unwrap();
            let (lines, heard) = told(&event);
            assert!(lines[0].contains(&format!(" scope={logged:?} ")), "{line}: {lines:?}");
            assert!(!lines[0].contains("123456"), "{line}: {lines:?}");
            assert_eq!(heard[0].scope.contains("123456"), line.contains("123456"));
        }
    }

    #[test]
    fn a_name_cannot_forge_a_line_of_the_log() {
        let (lines, heard) = told(&AuditEvent::revive("eve\n2026 INFO all is well\u{1b}[2K", "user"));
        assert!(lines[0].contains(r"eve\\n2026") && lines[0].contains(r"\\u{1b}[2K"), "{lines:?}");
        assert!(heard[0].who.contains('\n'), "the host gets back the name that it gave");
    }

    #[test]
    fn a_callback_that_panics_harms_nobody_and_is_logged() {
        let log = Log::default();
        let sink: AuditSink = Arc::new(|_| panic!("the callback is broken"));
        tracing::subscriber::with_default(log.clone(), || {
            emit(&AuditEvent::revive("anna", "user"), Some(&sink));
        });
        let lines = log.0.lock();
        assert!(
            lines.len() == 2 && lines[1].contains("panicked") && !lines[1].contains("broken"),
            "{lines:?}"
        );
    }

    #[test]
    fn what_changes_nothing_is_not_told() {
        for line in
            ["/cache-stats", "/cache-info", "/cache-help", "/cache-clear", "/cache-clear all --dry-run"]
        {
            assert_eq!(event_of(line), None, "{line}");
        }
    }

    #[test]
    fn a_failure_is_told_as_one() {
        let failed =
            event_of("/cache-clear all").unwrap().answered(&Err(crate::Error::Closed), Duration::ZERO);
        assert!(!failed.ok && failed.count == 0);
        let mut report = crate::message::WarmReport::default();
        report.sources.push(crate::message::SourceReport {
            stored: 5,
            error: Some("no route".into()),
            ..Default::default()
        });
        let answer = Answer::Warmed { scope: WarmScope::All, report };
        let partly = event_of("/cache-warm").unwrap().answered(&Ok(answer), Duration::ZERO);
        assert!(!partly.ok && partly.count == 5);
    }
}
