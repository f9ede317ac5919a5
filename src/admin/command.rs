//! Commands: the line that a person typed, understood or refused with a sentence.
//!
//! Owns: the grammar. Never: carries a command out, or knows which tiers exist; whoever carries it out says so.

use std::fmt;
use std::sync::Arc;

use super::audit::AuditEvent;
use super::set;
use super::text::meant;
use crate::engine::key::{Key, SEPARATOR};
use crate::engine::pattern::Pattern;
use crate::engine::scope::{Prefix, Scope};
use crate::engine::tag::Tag;
use crate::error::{Error, Result, Shown};
use crate::message::{Change, WarmScope};

/// A command that a person typed.
///
/// # Grammar
///
/// ```text
/// /cache-stats  [--top N]                     the N keys read most are shown, 0 to 10; 3 when left out
/// /cache-info
/// /cache-explain KEY                          key:KEY means the same
/// /cache-clear  [all | key:KEY | prefix:PREFIX | tag:TAG | tier:NAME | PATTERN]  [--dry-run]
/// /cache-warm   [all | NAME]                  NAME of a tier; all when left out
/// /cache-set    ttl (NAME | prefix:PREFIX) TIME        for what is stored from then on
/// /cache-set    ttl prefix:PREFIX tier                 the prefix has that of its tier
/// /cache-set    enabled (on | off)
/// /cache-set    max_size_mb NUMBER
/// /cache-reload                               the settings that the cache was started with, read again
/// /cache-forget ID                            everything of the user with that id
/// /cache-revive NAME
/// /cache-help
/// ```
///
/// - A line has at most 4,096 bytes and no control characters but tabs; blanks around it do not count. The slash may be
///   left out. Letters are case-sensitive, as keys are.
/// - Blanks part arguments. One that holds blanks stands in quotes, `"key:query::blue shoes"` or `'..'`; there are no
///   escapes inside.
/// - A `PATTERN` without a wildcard is the key of that text. `key:`, `prefix:`, `tag:`, `tier:` and `pattern:` say what the
///   text behind them is, so `key:all` is the key named all; with a second colon they are the first segment of a key, as in
///   `key::a`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Show the commands.
    Help,
    /// Show the counters.
    Stats {
        /// How many of the keys that were read most.
        top: usize,
    },
    /// Show the settings in force and the status of every tier.
    Info,
    /// Tell what is known of one key.
    Explain(Key),
    /// Take entries away, or count what would be taken.
    Clear {
        /// Which.
        scope: Scope,
        /// Only count.
        dry_run: bool,
    },
    /// `/cache-clear` without an object: say how to use it and what `all` would take. Takes nothing.
    ClearUsage,
    /// Run warm sources.
    Warm(WarmScope),
    /// Change a setting while the cache runs.
    Set(Change),
    /// Read the settings again. There is no path to it: a line may come from anybody, and would have files of theirs read.
    Reload,
    /// Take everything of a user away.
    Forget(Arc<str>),
    /// Put a tier back into service that is bypassed.
    Revive(Arc<str>),
}

/// The words after the slash.
const WORDS: [&str; 10] = [
    "cache-stats",
    "cache-info",
    "cache-explain",
    "cache-clear",
    "cache-warm",
    "cache-set",
    "cache-reload",
    "cache-forget",
    "cache-revive",
    "cache-help",
];

impl Command {
    /// Bytes that a line may have, 4,096.
    pub const LENGTH_MAX: usize = 4_096;
    /// Keys that `/cache-stats` shows when nothing else is said.
    pub const TOP_DEFAULT: usize = 3;
    /// Keys that `/cache-stats` can show.
    pub const TOP_MAX: usize = 10;

    /// Understands `line`.
    ///
    /// Errors: `InvalidCommand`, whose text says what is right; `InvalidKey` and `InvalidPattern` for an object that
    /// breaks their rules. Never panics. Cost: microseconds, whatever the line.
    ///
    /// ```
    /// use apex_cache::admin::Command;
    /// assert!(Command::parse("/cache-clear user::42::*")?.is_destructive());
    /// assert!(!Command::parse("/cache-clear")?.is_destructive());
    /// assert!(Command::parse("/cache-claer all").is_err_and(|error| error.to_string().contains("/cache-clear")));
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn parse(line: &str) -> Result<Self> {
        if line.len() > Self::LENGTH_MAX {
            return refuse("a command has at most 4096 bytes; nothing of this one was read");
        }
        let line = line.trim();
        if line.chars().any(|character| character.is_control() && character != '\t') {
            return refuse(
                "the line holds a line break or another control character; send one command at a time",
            );
        }
        let mut words = split(line)?.into_iter();
        let Some(first) = words.next() else {
            return refuse("the line is empty; /cache-help shows the commands");
        };
        let arguments: Vec<&str> = words.collect();
        match first.strip_prefix('/').unwrap_or(first) {
            "cache-stats" => stats(&arguments),
            "cache-info" => alone(Self::Info, "/cache-info", &arguments),
            "cache-help" => alone(Self::Help, "/cache-help", &arguments),
            "cache-explain" => explain(&arguments),
            "cache-clear" => clear(&arguments),
            "cache-warm" => warm(&arguments),
            "cache-set" => Change::parse(&arguments).map(Self::Set),
            "cache-reload" => alone(Self::Reload, "/cache-reload", &arguments),
            "cache-forget" => set::user(&arguments).map(Self::Forget),
            "cache-revive" => revive(&arguments),
            _ => refuse(unknown(first)),
        }
    }

    /// Whether it takes entries away, or may, so that a host can ask the person first. A dry run does not.
    pub fn is_destructive(&self) -> bool {
        matches!(
            self,
            Self::Clear { dry_run: false, .. }
                | Self::Forget(_)
                | Self::Reload
                | Self::Set(Change::Enabled(false))
        )
    }

    /// What the audit is told when it has been carried out; `None` for a command that changes nothing.
    pub fn audit(&self, who: impl Into<Arc<str>>) -> Option<AuditEvent> {
        match self {
            Self::Clear { scope, dry_run: false } => Some(AuditEvent::clear(who, scope)),
            Self::Warm(scope) => Some(AuditEvent::warm(who, scope)),
            Self::Set(change) => Some(AuditEvent::set(who, change)),
            Self::Reload => Some(AuditEvent::reload(who)),
            Self::Forget(user) => Some(AuditEvent::forget(who, user)),
            Self::Revive(tier) => Some(AuditEvent::revive(who, tier)),
            _ => None,
        }
    }

    /// What `/cache-clear` takes away.
    pub fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Clear { scope, .. } => Some(scope),
            _ => None,
        }
    }
}

pub(super) fn refuse<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::InvalidCommand { reason: reason.into() })
}

/// The words of a line; what stands in quotes is one word.
fn split(line: &str) -> Result<Vec<&str>> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(BLANKS);
    while let Some(first) = rest.chars().next() {
        let word = if matches!(first, '"' | '\'') {
            let inside = &rest[1..];
            let Some(end) = inside.find(first) else {
                return refuse(format!("a quote {first} is opened and not closed"));
            };
            rest = &inside[end + 1..];
            if !rest.is_empty() && !rest.starts_with(BLANKS) {
                return refuse(format!("behind the closing quote {first} a blank is missing"));
            }
            &inside[..end]
        } else {
            let (word, behind) = rest.split_at(rest.find(BLANKS).unwrap_or(rest.len()));
            rest = behind;
            word
        };
        words.push(word);
        rest = rest.trim_start_matches(BLANKS);
    }
    Ok(words)
}

fn unknown(word: &str) -> String {
    let bare = word.trim_start_matches('/').to_ascii_lowercase().replace('_', "-");
    let bare = bare.strip_prefix("cache").unwrap_or(&bare).trim_start_matches('-');
    let known = WORDS.map(|word| &word["cache-".len()..]);
    let guess = meant(bare, known).or_else(|| {
        // The slip may be in the first part.
        let end = bare.rfind('-').map_or(0, |at| at + 1);
        known.into_iter().find(|known| *known == &bare[end..])
    });
    let shown = Shown::new(word);
    match guess {
        Some(guess) => {
            format!("there is no command {shown}; did you mean /cache-{guess}? /cache-help shows all")
        }
        None => format!("there is no command {shown}; /cache-help shows all"),
    }
}

pub(super) fn excess<T>(command: &str, argument: &str, takes: impl fmt::Display) -> Result<T> {
    refuse(format!("{command} does not take {}: it takes {takes}", Shown::new(argument)))
}

fn alone(command: Command, name: &str, arguments: &[&str]) -> Result<Command> {
    match arguments {
        [] => Ok(command),
        [argument, ..] => excess(name, argument, "nothing"),
    }
}

fn stats(arguments: &[&str]) -> Result<Command> {
    const TAKES: &str = "nothing, or --top and a number from 0 to 10";
    match arguments {
        [] => Ok(Command::Stats { top: Command::TOP_DEFAULT }),
        ["--top", number] => match number.parse() {
            Ok(top) if top <= Command::TOP_MAX => Ok(Command::Stats { top }),
            _ => excess("/cache-stats --top", number, "a number from 0 to 10"),
        },
        ["--top"] => refuse(format!("/cache-stats takes {TAKES}; the number is missing")),
        ["--top", _, argument, ..] | [argument, ..] => excess("/cache-stats", argument, TAKES),
    }
}

fn explain(arguments: &[&str]) -> Result<Command> {
    match arguments {
        [] => refuse("/cache-explain lacks a key; /cache-stats shows those that are read most"),
        [text] => Key::parse(said(text, "key:").unwrap_or(text)).map(Command::Explain),
        [_, argument, ..] => {
            excess("/cache-explain", argument, "one key; one that holds blanks stands in quotes")
        }
    }
}

fn clear(arguments: &[&str]) -> Result<Command> {
    const TAKES: &str = "one of all, key:KEY, prefix:PREFIX, tag:TAG, tier:NAME or a pattern, and --dry-run; what holds blanks \
                         stands in quotes";
    const NO_OBJECT: &str = "/cache-clear --dry-run lacks what it should count: all, key:KEY, prefix:PREFIX, tag:TAG, \
                             tier:NAME or a pattern";
    let mut object = None;
    let mut dry_run = false;
    for argument in arguments {
        match *argument {
            "--dry-run" => dry_run = true,
            option if option.starts_with("--") => return excess("/cache-clear", option, TAKES),
            text if object.is_some() => return excess("/cache-clear", text, TAKES),
            text => object = Some(text),
        }
    }
    match object {
        Some(text) => Ok(Command::Clear { scope: scope(text)?, dry_run }),
        None if dry_run => refuse(NO_OBJECT),
        None => Ok(Command::ClearUsage),
    }
}

/// What stands behind `word`, if `text` begins with it; with a second colon it is the first segment of a key.
fn said<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    text.strip_prefix(word).filter(|rest| !rest.starts_with(':'))
}

/// What `text` names, by its first word: see [`Command`].
pub(super) fn scope(text: &str) -> Result<Scope> {
    if text == "all" {
        Ok(Scope::All)
    } else if let Some(key) = said(text, "key:") {
        Key::parse(key).map(Scope::Key)
    } else if let Some(prefix) = said(text, "prefix:") {
        // Both ways to write it are common, and mean the same.
        Prefix::parse(prefix.strip_suffix(SEPARATOR).unwrap_or(prefix)).map(Scope::Prefix)
    } else if let Some(tag) = said(text, "tag:") {
        Tag::parse(tag).map(Scope::Tag)
    } else if let Some(tier) = said(text, "tier:") {
        tier_name(tier, "/cache-clear").map(Scope::Tier)
    } else if let Some(pattern) = said(text, "pattern:") {
        Pattern::parse(pattern).map(Scope::Pattern)
    } else if text.contains(['*', '?']) {
        Pattern::parse(text).map(Scope::Pattern)
    } else {
        Key::parse(text).map(Scope::Key)
    }
}

fn warm(arguments: &[&str]) -> Result<Command> {
    match arguments {
        [] | ["all"] => Ok(Command::Warm(WarmScope::All)),
        [tier] => tier_name(tier, "/cache-warm").map(|tier| Command::Warm(WarmScope::Tier(tier))),
        [_, argument, ..] => excess("/cache-warm", argument, "one tier, or all"),
    }
}

fn revive(arguments: &[&str]) -> Result<Command> {
    match arguments {
        [] => refuse(
            "/cache-revive lacks the name of a tier; /cache-info shows the tiers and which are bypassed",
        ),
        [tier] => tier_name(tier, "/cache-revive").map(Command::Revive),
        [_, argument, ..] => excess("/cache-revive", argument, "one tier"),
    }
}

/// The name of a tier, `tier:` before it or not. Names have lower-case letters, digits and underscores, 32 at most.
pub(super) fn tier_name(text: &str, command: &str) -> Result<Arc<str>> {
    let name = text.strip_prefix("tier:").unwrap_or(text);
    let fits =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
        return excess(command, text, "the name of a tier, as /cache-info shows it");
    }
    Ok(name.into())
}
