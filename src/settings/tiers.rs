//! Putting values into tiers and their prefixes by their path.
//!
//! Owns: which keys a tier and a prefix have, the two forms of prefixes, and whom a source gave a prefix to.
//! Never: judges limits; `check` does.

use config::Value;

use super::apply::{Apply, Place};
use super::check::Note;
use super::problem::near;
use super::terms::{self, WORDS};
use super::values::{Kind, Raw, Wrong};
use super::{Eviction, TierSettings};

/// The keys of a tier.
const OF_TIER: [&str; 11] = [
    "description",
    "ttl",
    "stale",
    "timeout",
    "soft_timeout",
    "not_found_ttl",
    "compression",
    "eviction",
    "weigh_load_time",
    "keep_decoded",
    "prefixes",
];
/// What a prefix has in place of a TTL when it has none of its own.
const TTL_OF_TIER: &str = "tier";

impl Apply {
    /// Takes over a value of a tier, or of one of its prefixes; `below` is the path without `tiers` and the name.
    pub(super) fn of_tier(
        &mut self,
        place: &Place,
        path: &[&str],
        name: &str,
        below: &[&str],
        raw: &Raw,
        list: Option<&[Value]>,
    ) {
        match below {
            [] => {
                let allowed = format!("expected a table with {}", listed(&OF_TIER));
                self.wrong(place, path, raw, &allowed, None);
            }
            ["description"] => match raw.text() {
                Ok(text) => {
                    self.note(place, path, &path.join("."), raw, false);
                    self.tier(place, name).description = text;
                }
                Err(Wrong(guess)) => {
                    self.failed(place, path, &path.join("."), raw, Kind::Text.allowed(), guess);
                }
            },
            ["compression"] => match raw.compression() {
                Ok(compression) => {
                    self.note(place, path, &path.join("."), raw, false);
                    self.tier(place, name).compression = Some(compression);
                }
                Err(Wrong(guess)) => {
                    self.failed(place, path, &path.join("."), raw, Kind::COMPRESSION.allowed(), guess);
                }
            },
            ["ttl"] => self.ttl(place, path, name, raw),
            ["eviction"] => self.eviction(place, path, name, raw),
            ["weigh_load_time"] => self.switch(place, path, name, raw, |tier| &mut tier.weigh_load_time),
            ["keep_decoded"] => self.switch(place, path, name, raw, |tier| &mut tier.keep_decoded),
            ["prefixes"] => self.prefixes(place, path, name, raw, list),
            ["prefixes", prefix] | ["prefixes", prefix, "ttl"] => {
                self.prefix_ttl(place, path, name, prefix, raw);
            }
            ["prefixes", prefix, word] if terms::kind(word).is_some() => {
                self.word(place, path, name, Some(prefix), word, raw);
            }
            ["prefixes", _, _, ..] => self.unknown(place, path, &path[..4], &WORDS.map(|(word, _)| word)),
            [word] if terms::kind(word).is_some() => self.word(place, path, name, None, word, raw),
            _ => self.unknown(place, path, &path[..2], &OF_TIER),
        }
    }

    pub(super) fn ttl(&mut self, place: &Place, path: &[&str], tier: &str, raw: &Raw) {
        let note = format!("tiers.{tier}.ttl");
        let index = self.tier_index(place, tier);
        match raw.time() {
            Ok(ttl) => {
                self.note(place, path, &note, raw, false);
                self.settings.tiers[index].ttl = ttl;
            }
            Err(Wrong(guess)) => self.failed(place, path, &note, raw, Kind::TTL.allowed(), guess),
        }
    }

    fn eviction(&mut self, place: &Place, path: &[&str], tier: &str, raw: &Raw) {
        let index = self.tier_index(place, tier);
        let said = raw.text().ok();
        let known = Eviction::NAMES.iter().find(|(name, _)| said.as_deref() == Some(name));
        if let Some(&(_, eviction)) = known {
            self.note(place, path, &path.join("."), raw, false);
            self.settings.tiers[index].eviction = eviction;
            return;
        }
        let names = Eviction::NAMES.map(|(name, _)| name);
        let allowed = format!("expected one of {}", names.map(|name| format!("{name:?}")).join(", "));
        let guess = said.and_then(|said| near(&said, names)).map(|name| format!("{name:?}"));
        self.failed(place, path, &path.join("."), raw, allowed, guess);
    }

    /// A key that is true or false, and where it is kept.
    fn switch(
        &mut self,
        place: &Place,
        path: &[&str],
        tier: &str,
        raw: &Raw,
        kept: fn(&mut TierSettings) -> &mut bool,
    ) {
        let index = self.tier_index(place, tier);
        match raw.switch() {
            Ok(switch) => {
                self.note(place, path, &path.join("."), raw, false);
                *kept(&mut self.settings.tiers[index]) = switch;
            }
            Err(Wrong(guess)) => {
                self.failed(place, path, &path.join("."), raw, Kind::Switch.allowed(), guess);
            }
        }
    }

    /// A time of a tier or of a prefix that is none to live.
    fn word(
        &mut self,
        place: &Place,
        path: &[&str],
        tier: &str,
        prefix: Option<&str>,
        word: &str,
        raw: &Raw,
    ) {
        let index = self.tier_index(place, tier);
        if let Some(prefix) = prefix {
            self.claim(place, index, prefix);
        }
        let note = path.join(".");
        match raw.time() {
            Ok(time) => {
                self.note(place, path, &note, raw, false);
                let tier = &mut self.settings.tiers[index];
                let policy = match prefix {
                    Some(prefix) => tier.prefix_policies.entry(String::from(prefix)).or_default(),
                    None => &mut tier.policy,
                };
                if let Some(said) = terms::word(policy, word) {
                    *said = Some(time);
                }
            }
            Err(Wrong(guess)) => {
                let allowed = terms::kind(word).unwrap_or(Kind::TTL).allowed();
                self.failed(place, path, &note, raw, allowed, guess);
            }
        }
    }

    /// The list form: it replaces what the tier took before.
    fn prefixes(&mut self, place: &Place, path: &[&str], tier: &str, raw: &Raw, list: Option<&[Value]>) {
        let items: Vec<Raw> = match (raw, list) {
            (Raw::List, Some(list)) => list.iter().map(|value| Raw::new(&value.kind)).collect(),
            (Raw::Untyped(text), _) => text.split(',').map(|item| Raw::Text(String::from(item))).collect(),
            _ => {
                let allowed = "expected a list of prefixes, or a table of prefixes with their TTL";
                let guess = if let Raw::Text(_) = raw { Some(format!("[{}]", raw.show())) } else { None };
                return self.failed(place, path, &path.join("."), raw, String::from(allowed), guess);
            }
        };
        let index = self.tier_index(place, tier);
        self.note(place, path, &path.join("."), raw, false);
        self.settings.tiers[index].prefixes.clear();
        self.settings.tiers[index].prefix_policies.clear();
        self.claims.retain(|(_, owner)| owner != tier);
        for item in &items {
            let Ok(Raw::Text(prefix)) = item.text().map(Raw::Text) else {
                let (allowed, value) = (String::from("expected every prefix to be text"), item.show());
                self.problem(place, path, value, allowed, None);
                continue;
            };
            self.note(place, path, &format!("tiers.{tier}.prefixes.{prefix}"), item, false);
            self.claim(place, index, &prefix);
        }
    }

    /// The time to live of a prefix, said by itself or in the prefix's table, which is the same.
    fn prefix_ttl(&mut self, place: &Place, path: &[&str], tier: &str, prefix: &str, raw: &Raw) {
        let index = self.tier_index(place, tier);
        let note = format!("tiers.{tier}.prefixes.{prefix}");
        let ttl = match raw {
            Raw::Text(text) | Raw::Untyped(text) if text == TTL_OF_TIER => Ok(None),
            raw => raw.time().map(Some),
        };
        match ttl {
            Ok(_) => self.note(place, path, &note, raw, false),
            Err(Wrong(ref guess)) => {
                let allowed = format!("{}, or {TTL_OF_TIER:?} for the TTL of the tier", Kind::TTL.allowed());
                let table = format!(", or a table with {}", listed(&WORDS.map(|(word, _)| word)));
                let allowed = if path.len() == 4 { allowed + &table } else { allowed };
                let of_tier = match raw {
                    Raw::Text(text) | Raw::Untyped(text) => near(text, [TTL_OF_TIER]),
                    _ => None,
                };
                let guess = guess.clone().or_else(|| of_tier.map(|word| format!("{word:?}")));
                self.failed(place, path, &note, raw, allowed, guess);
            }
        }
        self.claim(place, index, prefix);
        self.settings.tiers[index].prefixes.insert(String::from(prefix), ttl.unwrap_or(None));
    }

    /// Gives the tier the prefix, with what it says already if the tier has it, and notes where.
    pub(super) fn claim(&mut self, place: &Place, index: usize, prefix: &str) {
        let tier = &mut self.settings.tiers[index];
        self.claims.insert((String::from(prefix), tier.name.clone()));
        tier.prefixes.entry(String::from(prefix)).or_insert(None);
        let name = tier.name.clone();
        self.note_first(place, &["tiers", &name, "prefixes", prefix]);
    }

    pub(super) fn tier(&mut self, place: &Place, name: &str) -> &mut TierSettings {
        let index = self.tier_index(place, name);
        &mut self.settings.tiers[index]
    }

    /// Where the tier stands; a new one is noted, so that what it lacks can be told with its place.
    pub(super) fn tier_index(&mut self, place: &Place, name: &str) -> usize {
        self.note_first(place, &["tiers", name]);
        self.settings.tier_index(name)
    }

    /// Notes where a table was first written, unless there is a note already.
    fn note_first(&mut self, place: &Place, path: &[&str]) {
        self.notes.entry(path.join(".")).or_insert_with(|| Note {
            key: place.key(path),
            value: String::new(),
            origin: place.origin(),
            failed: false,
        });
    }
}

/// Words as a sentence lists them: `a, b and c`.
fn listed(words: &[&str]) -> String {
    words.split_last().map_or_else(String::new, |(last, others)| format!("{} and {last}", others.join(", ")))
}
