//! Putting values into the settings by their path.
//!
//! Owns: the shape of the tree, which keys exist beside the tiers, and what was written where; `tiers` has the rest.
//! Never: judges limits; `check` does, with the notes that are taken here.

use std::collections::{BTreeMap, BTreeSet};

use config::{Value, ValueKind};

use super::Problem;
use super::check::{Note, Notes};
use super::file::Table;
use super::problem::{near, plain};
use super::read::PREFIX;
use super::values::{KEYS, Kind, Raw, Wrong};
use super::{Settings, terms};

/// The keys of the original's flat form, for the tiers that it has.
const FLAT: [(&str, &str); 4] =
    [("ttl_config", "config"), ("ttl_reference", "reference"), ("ttl_user", "user"), ("ttl_query", "query")];

/// Where a value stands.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In a file, under keys that begin with `root`.
    File { origin: String, root: &'static str },
    /// In an environment variable.
    Variable { name: String },
}

impl Place {
    pub(super) fn key(&self, path: &[&str]) -> String {
        let root = if let Self::File { root, .. } = self { root } else { "" };
        let path: Vec<_> = path.iter().map(|part| plain(part)).collect();
        format!("{root}{}", path.join("."))
    }

    pub(super) fn origin(&self) -> String {
        match self {
            Self::File { origin, .. } => origin.clone(),
            Self::Variable { name } => format!("environment variable {name}"),
        }
    }

    /// What would have to be written for this path.
    fn guess(&self, path: &[&str]) -> String {
        match self {
            Self::File { .. } => self.key(path),
            Self::Variable { .. } => format!("{PREFIX}{}", path.join("__").to_ascii_uppercase()),
        }
    }
}

/// The settings while they are being read.
#[derive(Debug, Default)]
pub(super) struct Apply {
    pub(super) settings: Settings,
    pub(super) notes: Notes,
    pub(super) problems: Vec<Problem>,
    /// The prefixes that a source gave to a tier, as (prefix, tier).
    pub(super) claims: BTreeSet<(String, String)>,
    /// What the present source has set, and under which key.
    seen: BTreeMap<String, String>,
}

impl Apply {
    /// Begins with these settings, which no source wrote.
    pub(super) fn over(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Begins the next source.
    pub(super) fn source(&mut self) {
        self.seen.clear();
    }

    /// The settings, where they came from, and what is wrong so far.
    ///
    /// A prefix that some source gave to a tier leaves the tier that has it only by default.
    pub(super) fn finish(mut self) -> (Settings, Notes, Vec<Problem>) {
        let claimed: BTreeSet<&str> = self.claims.iter().map(|(prefix, _)| prefix.as_str()).collect();
        for tier in &mut self.settings.tiers {
            let name = &tier.name;
            tier.prefixes.retain(|prefix, _| {
                !claimed.contains(prefix.as_str()) || self.claims.contains(&(prefix.clone(), name.clone()))
            });
        }
        (self.settings, self.notes, self.problems)
    }

    pub(super) fn problem(
        &mut self,
        place: &Place,
        path: &[&str],
        value: String,
        allowed: String,
        guess: Option<String>,
    ) {
        self.problems.push(Problem { key: place.key(path), value, origin: place.origin(), allowed, guess });
    }

    /// Takes over all values of a table from a file.
    pub(super) fn table(&mut self, place: &Place, table: &Table) {
        self.walk(place, &[], table);
    }

    fn walk(&mut self, place: &Place, path: &[&str], table: &Table) {
        let mut keys: Vec<_> = table.iter().collect();
        keys.sort_by_key(|(key, _)| key.as_str()); // the parsers' tables have no order, messages shall have one
        for (key, value) in keys {
            let path = [path, &[key.as_str()]].concat();
            match (&value.kind, path.as_slice()) {
                (ValueKind::Table(inner), ["admin" | "tiers"] | ["tiers", _] | ["tiers", _, "prefixes"]) => {
                    if let ["tiers", name, ..] = path.as_slice() {
                        self.tier(place, name);
                    }
                    self.walk(place, &path, inner);
                }
                (ValueKind::Table(inner), ["tiers", name, "prefixes", prefix]) => {
                    let tier = self.tier_index(place, name);
                    self.claim(place, tier, prefix);
                    self.walk(place, &path, inner);
                }
                (ValueKind::Array(list), _) => self.value(place, &path, &Raw::List, Some(list)),
                (kind, _) => self.value(place, &path, &Raw::new(kind), None),
            }
        }
    }

    /// Takes over one value, and the items if it is a list.
    pub(super) fn value(&mut self, place: &Place, path: &[&str], raw: &Raw, list: Option<&[Value]>) {
        match path {
            ["tiers"] => self.wrong(place, path, raw, "expected a table of tiers by name", None),
            ["admin", ..] => self.of_admin(place, path, raw, list),
            ["tiers", name, below @ ..] => self.of_tier(place, path, name, below, raw, list),
            [key] => match FLAT.iter().find(|(flat, _)| flat == key) {
                Some((_, tier)) => self.ttl(place, path, tier, raw),
                None if KEYS.iter().any(|(known, _)| known == key) => self.top(place, path, key, raw),
                None => self.unknown(place, path, &[], &known_at_the_top()),
            },
            _ => self.unknown(place, path, &[], &known_at_the_top()),
        }
    }

    fn top(&mut self, place: &Place, path: &[&str], key: &str, raw: &Raw) {
        match set(&mut self.settings, key, raw) {
            Ok(()) => self.note(place, path, key, raw, false),
            Err(Wrong(guess)) => self.failed(place, path, key, raw, Kind::of(key).allowed(), guess),
        }
    }

    pub(super) fn note(&mut self, place: &Place, path: &[&str], note: &str, raw: &Raw, failed: bool) {
        let key = place.key(path);
        let name = if let Place::Variable { name } = place { name.clone() } else { key.clone() };
        if let Some(other) = self.seen.insert(String::from(note), name) {
            let allowed = format!("expected one of this and {other}, which are the same setting");
            self.problem(place, path, raw.show(), allowed, None);
        }
        let value = raw.show();
        self.notes.insert(String::from(note), Note { key, value, origin: place.origin(), failed });
    }

    pub(super) fn failed(
        &mut self,
        place: &Place,
        path: &[&str],
        note: &str,
        raw: &Raw,
        allowed: String,
        guess: Option<String>,
    ) {
        self.note(place, path, note, raw, true);
        self.problem(place, path, raw.show(), allowed, guess);
    }

    pub(super) fn wrong(
        &mut self,
        place: &Place,
        path: &[&str],
        raw: &Raw,
        allowed: &str,
        guess: Option<String>,
    ) {
        self.problem(place, path, raw.show(), String::from(allowed), guess);
    }

    /// Tells that there is no such key below `parents`, where these are `known`, without its value.
    pub(super) fn unknown(&mut self, place: &Place, path: &[&str], parents: &[&str], known: &[&str]) {
        let word = path.get(parents.len()).copied().unwrap_or_default();
        let flat = FLAT.iter().map(|(flat, _)| *flat).filter(|_| parents.is_empty());
        // A path that goes on below a setting has the right word in the wrong place: no guess.
        let guess = near(word, known.iter().copied().chain(flat)).filter(|guess| *guess != word);
        let guess = guess.map(|guess| place.guess(&[parents, &[guess]].concat()));
        let known = known.join(", ");
        let allowed = if parents.is_empty() && terms::kind(word).is_some() {
            format!("this is set for a tier, or a prefix of a tier; beside the tiers there are {known}")
        } else if !parents.is_empty() && terms::ONLY_IN_CODE.contains(&word) {
            format!("this can only be set in code, with a LoadPolicy; here there are {known}")
        } else {
            format!("there is no such setting; there are {known}")
        };
        self.problem(place, path, String::new(), allowed, guess);
    }
}

/// The keys that stand beside the tiers.
fn known_at_the_top() -> Vec<&'static str> {
    KEYS.iter().map(|(key, _)| *key).chain(["tiers", "admin"]).collect()
}

/// Sets one of the values outside the tiers.
fn set(settings: &mut Settings, key: &str, raw: &Raw) -> Result<(), Wrong> {
    // More than the machine can address is more than any limit allows.
    let count = || raw.count().map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    match key {
        "enabled" => settings.enabled = raw.switch()?,
        "max_size_mb" => settings.max_size = raw.size()?,
        "moving_budget" => settings.moving_budget = raw.switch()?,
        "max_entry_size" => settings.max_entry_size = Some(raw.size()?),
        "cleanup_interval" => settings.cleanup_interval = raw.time()?,
        "warm_interval" => settings.warm_interval = raw.time()?,
        "load_timeout" => settings.load_timeout = raw.time()?,
        "load_concurrency" => settings.load_concurrency = count()?,
        "load_queue" => settings.load_queue = count()?,
        "queue_messages" => settings.queue_messages = count()?,
        "queue_bytes" => settings.queue_bytes = raw.size()?,
        "stats_interval" => settings.stats_interval = raw.time()?,
        "unknown_prefix" => settings.unknown_prefix = raw.text()?,
        "compression" => settings.compression = raw.compression()?,
        "compression_threshold" => settings.compression_threshold = Some(raw.size()?),
        _ => return Err(Wrong(None)),
    }
    Ok(())
}
