//! Settings that are read again while the cache runs: what they come to, and what of it has to wait for the next start.
//!
//! Owns: which settings can change at run time, and where a cache's settings came from. Never: changes one, or takes over a
//! part of what was read: a problem refuses all of it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::Settings;
use super::check::Notes;
use super::listed::{Listed, Said, listed, path};
use super::plan::Plan;
use super::problem::plain;
use super::read::Sources;
use super::values::show_size;
use super::{Problem, SettingsError};
use crate::engine::budget::least;
use crate::message::{Change, TtlOf};

/// Where settings were read from, and what was read there. No part of what the settings say: two that say the same are equal
/// wherever they came from.
#[derive(Clone, Default)]
pub(crate) struct Origin(Option<Arc<(Sources, Settings)>>);

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Read" } else { "Code" })
    }
}

impl Origin {
    pub(super) fn new(sources: Sources, read: Settings) -> Self {
        Self(Some(Arc::new((sources, read))))
    }
}

/// Reads the settings again that a cache was started with as `started` and is built from as `plan`; `path` in place of its
/// file, if it is another one. Returns the keys of all settings that can change, and what each is to be.
///
/// As a new start would: what the host's code said after reading is said again, and what was changed by hand is not. Errors:
/// every problem of the sources; or, if there is none, everything that has changed there and cannot while the cache runs.
pub(crate) fn read_anew(
    started: &Settings,
    plan: &Plan,
    path: Option<&Path>,
) -> Result<(Vec<String>, Vec<Change>), SettingsError> {
    let (read, notes, base) = match (&started.origin.0, path) {
        (Some(origin), path) => {
            let sources = path.map_or_else(|| origin.0.clone(), |path| origin.0.clone().with_file(path));
            let (read, notes) = sources.read_over(Settings::default())?;
            (read, notes, &origin.1)
        }
        // Settings made in code come before the file, which says the last word.
        (None, Some(path)) => {
            let (read, notes) = Sources::default().file(path).read_over(started.clone())?;
            (read, notes, started)
        }
        (None, None) => return Err(problem_without_file()),
    };
    let comparison = Comparison { base: listed(base), before: listed(started), now: listed(&read), notes };
    let changes = comparison.changes(started, &read);
    let mut problems = comparison.refused();
    problems.extend(changes.iter().find_map(|(_, change)| comparison.too_small(change, plan)));
    if problems.is_empty() { Ok(changes.into_iter().unzip()) } else { Err(SettingsError { problems }) }
}

fn problem_without_file() -> SettingsError {
    let allowed = "the cache was not started with settings from a file, so there is none to be read again; a host can name one \
                   in code, with Cache::reload";
    let problem = Problem {
        key: String::new(),
        value: String::new(),
        origin: String::from("code"),
        allowed: String::from(allowed),
        guess: None,
    };
    SettingsError { problems: vec![problem] }
}

/// Settings before and now.
struct Comparison {
    /// As the sources said them at the start.
    base: Listed,
    /// As the cache was started, with what code said.
    before: Listed,
    /// As the sources say them now.
    now: Listed,
    /// Where they say it.
    notes: Notes,
}

impl Comparison {
    /// Whether the sources are heard about a setting: code that said something else after reading has the last word.
    fn is_heard(&self, key: &[String]) -> bool {
        self.base.get(key) == self.before.get(key)
    }

    /// What every setting is to be that can change.
    fn changes(&self, started: &Settings, read: &Settings) -> Vec<(String, Change)> {
        let of = |key: &[String]| if self.is_heard(key) { read } else { started };
        let mut changes = Vec::new();
        let mut add = |key: &[String], change| changes.push((plain(&key.join(".")), change));
        let key = path(["max_size_mb"]);
        add(&key, Change::MaxSize(of(&key).max_size));
        for tier in &started.tiers {
            let of_tier =
                |key: &[String]| of(key).tiers.iter().find(|now| now.name == tier.name).unwrap_or(tier);
            let key = path(["tiers", &tier.name, "ttl"]);
            let (of, ttl) = (TtlOf::Tier(tier.name.as_str().into()), of_tier(&key).ttl);
            add(&key, Change::Ttl { of, ttl });
            for prefix in tier.prefixes.keys() {
                let key = path(["tiers", &tier.name, "prefixes", prefix]);
                let name: Arc<str> = prefix.as_str().into();
                let change = match of_tier(&key).prefixes.get(prefix).copied().flatten() {
                    Some(ttl) => Change::Ttl { of: TtlOf::Prefix(name), ttl },
                    None => Change::TtlOfTier(name),
                };
                add(&key, change);
            }
        }
        let key = path(["enabled"]);
        add(&key, Change::Enabled(of(&key).enabled));
        changes
    }

    /// Everything that has changed and cannot.
    fn refused(&self) -> Vec<Problem> {
        let keys: BTreeSet<&Vec<String>> = self.before.keys().chain(self.now.keys()).collect();
        let differs = |key: &[String]| self.is_heard(key) && self.before.get(key) != self.now.get(key);
        // Of a tier or a prefix that comes or goes, all that belongs to it does, and is not told as well.
        let is_told = |key: &[String]| (1..key.len()).any(|end| self.comes(&key[..end]).is_some());
        let refused = keys.into_iter().filter(|key| differs(key) && !is_told(key));
        refused.filter_map(|key| Some(self.problem(key, self.words(key)?))).collect()
    }

    /// Whether a tier or a prefix comes, or goes; `None` for all that stays, and for what is neither.
    fn comes(&self, key: &[String]) -> Option<bool> {
        let is_one = matches!(key, [tiers, _] | [tiers, _, _, _] if tiers == "tiers");
        let (before, now) = (self.before.contains_key(key), self.now.contains_key(key));
        (is_one && before != now && self.is_heard(key)).then_some(now)
    }

    /// Why a setting cannot change while the cache runs; `None` for one that can.
    fn words(&self, key: &[String]) -> Option<String> {
        let parts: Vec<&str> = key.iter().map(String::as_str).collect();
        let what = match parts[..] {
            ["tiers", _] => "tier",
            ["tiers", _, "prefixes", _] => "prefix",
            _ => "setting",
        };
        if let Some(comes) = self.comes(key) {
            return Some(if comes {
                format!("a {what} cannot come while the cache runs; start the cache again to have it")
            } else {
                format!("a {what} cannot go while the cache runs; put it back, or start the cache again")
            });
        }
        if matches!(
            parts[..],
            ["max_size_mb" | "enabled"] | ["tiers", _, "ttl"] | ["tiers", _, "prefixes", _]
        ) {
            return None;
        }
        let before = self.before.get(key).map(Said::show).filter(|before| !before.is_empty());
        let in_force = before.map(|before| format!(", and {before} is in force")).unwrap_or_default();
        Some(format!(
            "this cannot change while the cache runs{in_force}; put that back, or start the cache again"
        ))
    }

    /// A budget in which the floors have no room for the largest entry, which cannot change.
    fn too_small(&self, change: &Change, plan: &Plan) -> Option<Problem> {
        let Change::MaxSize(bytes) = change else { return None };
        let least = least(plan.max_entry, plan.tiers.len());
        (*bytes < least).then(|| {
            let entry = show_size(plan.max_entry);
            let allowed = format!(
                "expected at least {} while the cache runs, for entries may have {entry}; start the cache again to have less",
                show_size(least)
            );
            self.problem(&path(["max_size_mb"]), allowed)
        })
    }

    fn problem(&self, key: &[String], allowed: String) -> Problem {
        let written = key.join(".");
        let by_default = || {
            let now = self.now.get(key).map(Said::show).unwrap_or_default();
            (plain(&written), String::from(now), String::from("default"))
        };
        let note = self.notes.get(&written).cloned();
        let (key, value, origin) = note.map_or_else(by_default, |note| (note.key, note.value, note.origin));
        Problem { key, value, origin, allowed, guess: None }
    }
}
