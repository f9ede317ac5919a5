//! From settings to a plan, or to everything that is wrong with them.
//!
//! Owns: the limits of tiers and prefixes, and those that take several settings to judge; `terms` has those of policies.
//! Never: reads a source; finds again what reading has found; changes a value to make it fit.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Problem;
use super::plan::{Plan, prefixes, tiers};
use super::problem::{near, plain};
use super::values::{Kind, MIB, show_size, show_time};
use super::{Eviction, Settings, TierSettings};
use crate::engine::budget::floor_of;
use crate::error::Shown;

/// The most tiers a cache may have.
const TIERS_MAX: usize = 64;
/// The longest name of a tier, in bytes.
const NAME_MAX: usize = 32;
/// The longest prefix, in bytes: a key may have 1 KiB, and a prefix is only its first part.
const PREFIX_MAX: usize = 256;
/// The most prefixes that all tiers together may claim.
const PREFIXES_MAX: usize = 4096;
/// The longest description, in bytes.
const DESCRIPTION_MAX: usize = 256;
/// What `max_entry_size` is when nobody sets it and the floor allows it.
const ENTRY_DEFAULT: u64 = MIB;
/// What `unknown_prefix` holds when keys without a tier are refused.
const REFUSE: &str = "refuse";

/// Where a setting came from.
#[derive(Debug, Clone)]
pub(super) struct Note {
    /// The key as it is called there.
    pub(super) key: String,
    /// The value as written.
    pub(super) value: String,
    /// The file or variable.
    pub(super) origin: String,
    /// Whether it could not be understood; then a problem tells of it, and nothing is concluded from the default
    /// that stands in its place.
    pub(super) failed: bool,
}

/// Where settings came from, by path without `cache.`.
pub(super) type Notes = BTreeMap<String, Note>;

/// Checks everything; the problems that reading has found already are not found again.
pub(super) fn check(settings: &Settings, notes: &Notes) -> Result<Plan, Vec<Problem>> {
    let mut check = Check { settings, notes, problems: Vec::new() };
    for (key, kind, number) in settings.numbers() {
        check.number(key, kind, number);
    }
    let floor = check.floor();
    check.tiers();
    check.prefixes();
    check.policies();
    check.compression();
    check.admin();
    let default_tier = check.unknown_prefix();
    let max_entry = check.max_entry(floor);
    check.queue_bytes(max_entry);
    if !check.problems.is_empty() {
        return Err(check.problems);
    }
    let tiers = tiers(settings);
    Ok(Plan {
        enabled: settings.enabled,
        budget: settings.max_size,
        moving_budget: settings.moving_budget,
        max_entry,
        floor,
        cleanup_interval: settings.cleanup_interval,
        warm_interval: settings.warm_interval,
        load_timeout: settings.load_timeout,
        stats_interval: settings.stats_interval,
        load_concurrency: settings.load_concurrency,
        load_queue: settings.load_queue,
        queue_messages: settings.queue_messages,
        queue_bytes: settings.queue_bytes,
        prefixes: prefixes(settings, &tiers),
        tiers,
        default_tier,
        admin: settings.admin.clone(),
    })
}

/// A number with its unit, as the code holds it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Count(u64),
    Time(Duration),
    Size(u64),
}

impl Number {
    pub(super) fn show(self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Time(time) => show_time(time),
            Self::Size(bytes) => show_size(bytes),
        }
    }

    /// Whether it is of that kind and within its limits.
    pub(super) fn is_inside(self, kind: Kind) -> bool {
        match (kind, self) {
            (Kind::Count(least, most), Self::Count(count)) => (least..=most).contains(&count),
            (Kind::Size(least, most), Self::Size(bytes)) => (least..=most).contains(&bytes),
            (Kind::Time(least, most), Self::Time(time)) => (least..=most).contains(&time),
            _ => false,
        }
    }
}

pub(super) struct Check<'a> {
    pub(super) settings: &'a Settings,
    notes: &'a Notes,
    problems: Vec<Problem>,
}

impl Check<'_> {
    /// Whether a value of this setting was understood, or never written.
    pub(super) fn known(&self, key: &str) -> bool {
        self.notes.get(key).is_none_or(|note| !note.failed)
    }

    pub(super) fn problem(&mut self, key: &str, value: String, allowed: String, guess: Option<String>) {
        // What no source wrote is a host's code, or a default that does not fit what was written.
        let (key, value, origin) = self.notes.get(key).map_or_else(
            || {
                let origin = if self.notes.is_empty() { "code" } else { "default" };
                (plain(key), value, String::from(origin))
            },
            |note| (note.key.clone(), note.value.clone(), note.origin.clone()),
        );
        let problem = Problem { key, value, origin, allowed, guess };
        self.problems.push(problem);
    }

    /// Tells that a tier lacks a key, in the place where the tier was first written.
    fn missing(&mut self, tier: &str, key: &str, allowed: &str, guess: Option<String>) {
        let note = self.notes.get(tier);
        self.problems.push(Problem {
            key: format!("{}.{key}", note.map_or_else(|| plain(tier), |note| note.key.clone())),
            value: String::new(),
            origin: note.map_or_else(|| String::from("code"), |note| note.origin.clone()),
            allowed: format!("this is missing; {allowed}"),
            guess,
        });
    }

    pub(super) fn number(&mut self, key: &str, kind: Kind, number: Number) {
        if !number.is_inside(kind) && self.known(key) {
            self.problem(key, number.show(), kind.allowed(), None);
        }
    }

    fn floor(&self) -> u64 {
        floor_of(self.settings.max_size, self.settings.tiers.len())
    }

    /// Whether a size was understood and is within its own limits; comparing it with another makes sense only then.
    fn sound(&self, key: &str, bytes: u64) -> bool {
        Number::Size(bytes).is_inside(Kind::of(key)) && self.known(key)
    }

    fn max_entry(&mut self, floor: u64) -> u64 {
        let Some(asked) = self.settings.max_entry_size else { return ENTRY_DEFAULT.min(floor) };
        let sound = self.sound("max_entry_size", asked) && self.sound("max_size_mb", self.settings.max_size);
        if sound && asked > floor {
            let allowed = format!(
                "expected at most {}, which is what each of {} tiers always has of max_size_mb; raise max_size_mb \
                 to fit larger entries",
                show_size(floor),
                self.settings.tiers.len()
            );
            self.problem("max_entry_size", show_size(asked), allowed, None);
        }
        asked
    }

    fn queue_bytes(&mut self, max_entry: u64) {
        let queue = self.settings.queue_bytes;
        let sound = self.sound("queue_bytes", queue) && self.sound("max_entry_size", max_entry);
        if !sound || queue >= max_entry {
            return;
        }
        // Told where somebody wrote something, rather than of a default.
        if self.settings.max_entry_size.is_none() || self.notes.contains_key("queue_bytes") {
            let allowed = format!(
                "expected at least max_entry_size, which is {}, or no such entry could ever be set",
                show_size(max_entry)
            );
            self.problem("queue_bytes", show_size(queue), allowed, None);
        } else {
            let allowed = format!(
                "expected at most queue_bytes, which is {}; raise queue_bytes to fit larger entries",
                show_size(queue)
            );
            self.problem("max_entry_size", show_size(max_entry), allowed, None);
        }
    }

    fn tiers(&mut self) {
        let count = self.settings.tiers.len();
        if count == 0 || count > TIERS_MAX {
            let allowed = format!("expected from 1 to {TIERS_MAX} tiers");
            self.problem("tiers", format!("{count} tiers"), allowed, None);
        }
        for (index, tier) in self.settings.tiers.iter().enumerate() {
            self.tier(tier, self.settings.tiers[..index].iter().any(|other| other.name == tier.name));
        }
    }

    fn tier(&mut self, tier: &TierSettings, twice: bool) {
        let path = format!("tiers.{}", tier.name);
        if !is_name(&tier.name) {
            let allowed = format!(
                "expected a name of lower-case letters, digits and single underscores that begins with a letter \
                 and ends with none of the underscores, of at most {NAME_MAX} characters, and not \"all\" or \
                 \"refuse\""
            );
            self.problem(&path, String::new(), allowed, None);
        }
        if twice {
            self.problem(&path, String::new(), String::from("expected one tier of that name"), None);
        }
        if tier.description.len() > DESCRIPTION_MAX || tier.description.chars().any(char::is_control) {
            let allowed = format!("expected one line of text of at most {DESCRIPTION_MAX} bytes");
            let shown = Shown::new(&tier.description).to_string();
            self.problem(&format!("{path}.description"), shown, allowed, None);
        }
        self.tier_eviction(tier, &path);
        self.tier_ttl(tier, &path);
        self.tier_prefixes(tier, &path);
    }

    fn tier_eviction(&mut self, tier: &TierSettings, path: &str) {
        let understood = self.known(&format!("{path}.eviction"));
        if tier.weigh_load_time && tier.eviction == Eviction::Lru && understood {
            let allowed =
                "expected false with eviction \"lru\", which asks nothing but when an entry was used";
            self.problem(
                &format!("{path}.weigh_load_time"),
                String::from("true"),
                String::from(allowed),
                None,
            );
        }
    }

    fn tier_ttl(&mut self, tier: &TierSettings, path: &str) {
        let written = format!("{path}.ttl");
        if tier.ttl.is_zero() && !self.notes.contains_key(&written) {
            self.missing(path, "ttl", &Kind::TTL.allowed(), None);
        } else {
            self.number(&written, Kind::TTL, Number::Time(tier.ttl));
        }
    }

    fn tier_prefixes(&mut self, tier: &TierSettings, path: &str) {
        let written = format!("{path}.prefixes");
        if !tier.prefixes.is_empty() || self.settings.unknown_prefix == tier.name || !self.known(&written) {
            return;
        }
        // A tier that no key can reach is nearly always a slip in the name of one that exists.
        let others = self.settings.tiers.iter().filter(|other| !other.prefixes.is_empty());
        let guess = near(&tier.name, others.map(|other| other.name.as_str()));
        let guess = guess.map(|name| format!("tier {name}"));
        let allowed = "expected at least one prefix, or no key can reach this tier";
        if self.notes.contains_key(&written) {
            self.problem(&written, String::new(), String::from(allowed), guess);
        } else {
            self.missing(path, "prefixes", allowed, guess);
        }
    }

    fn prefixes(&mut self) {
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for tier in &self.settings.tiers {
            for (prefix, ttl) in &tier.prefixes {
                let path = format!("tiers.{}.prefixes.{prefix}", tier.name);
                if !is_prefix(prefix) {
                    let allowed = format!(
                        "expected the whole first segment of keys: at most {PREFIX_MAX} bytes, without \":\", \
                         \"*\", \"?\", blanks and control characters"
                    );
                    self.problem(&path, Shown::new(prefix).to_string(), allowed, None);
                }
                if let Some(ttl) = ttl {
                    self.number(&path, Kind::TTL, Number::Time(*ttl));
                }
                if let Some(owner) = owners.insert(prefix, &tier.name).filter(|owner| *owner != tier.name) {
                    let allowed =
                        format!("expected a prefix that no other tier claims; tier {} has it", plain(owner));
                    self.problem(&path, String::new(), allowed, None);
                }
            }
        }
        if owners.len() > PREFIXES_MAX {
            let allowed = format!("expected at most {PREFIXES_MAX} prefixes in all tiers together");
            self.problem("tiers", format!("{} prefixes", owners.len()), allowed, None);
        }
    }

    fn unknown_prefix(&mut self) -> Option<usize> {
        let asked = self.settings.unknown_prefix.as_str();
        let index = self.settings.tiers.iter().position(|tier| tier.name == asked);
        if index.is_none() && asked != REFUSE && self.known("unknown_prefix") {
            let names: Vec<_> = self.settings.tiers.iter().map(|tier| tier.name.as_str()).collect();
            let guess = near(asked, names.iter().copied().chain([REFUSE])).map(|name| format!("{name:?}"));
            let names: Vec<_> = names.iter().map(|name| plain(name)).collect();
            let allowed = format!("expected \"refuse\" or the name of a tier: {}", names.join(", "));
            self.problem("unknown_prefix", Shown::new(asked).to_string(), allowed, guess);
        }
        index
    }
}

/// Whether files, the environment and commands can all name a tier so.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.ends_with('_')
        && !name.contains("__") // the environment separates the parts of a path so
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && name != "all" // what commands call all tiers
        && name != REFUSE
}

fn is_prefix(prefix: &str) -> bool {
    let bad =
        |letter: char| matches!(letter, ':' | '*' | '?') || letter.is_whitespace() || letter.is_control();
    !prefix.is_empty() && prefix.len() <= PREFIX_MAX && !prefix.contains(bad)
}
