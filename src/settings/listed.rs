//! All settings as a list of keys with what is said of each, so that two can be compared.
//!
//! Owns: that no setting is left out of it. Never: shows a token.

use std::collections::BTreeMap;

use super::check::Number;
use super::terms::{self, WORDS};
use super::token::Token;
use super::values::show_time;
use super::{Eviction, Settings, TierSettings};
use crate::error::Shown;
use crate::load_policy::LoadPolicy;

/// Every setting, by the parts of its key.
pub(super) type Listed = BTreeMap<Vec<String>, Said>;

/// What is said of a setting.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    Text(String),
    /// Compared, and shown to nobody.
    Token(Option<Token>),
}

impl Said {
    pub(super) fn show(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }
}

/// A key with these parts.
pub(super) fn path<const N: usize>(parts: [&str; N]) -> Vec<String> {
    parts.map(String::from).to_vec()
}

/// Every setting. Each field stands here by its name, so that none that is added can be forgotten.
pub(super) fn listed(settings: &Settings) -> Listed {
    let Settings {
        enabled,
        moving_budget,
        unknown_prefix,
        compression,
        policy,
        tiers,
        admin,
        // In `numbers`.
        max_size: _,
        max_entry_size: _,
        cleanup_interval: _,
        warm_interval: _,
        load_timeout: _,
        load_concurrency: _,
        load_queue: _,
        queue_messages: _,
        queue_bytes: _,
        stats_interval: _,
        compression_threshold: _,
        origin: _,
    } = settings;
    let numbers = settings.numbers().into_iter();
    let mut list: Listed = numbers.map(|(key, _, number)| (path([key]), Said::Text(number.show()))).collect();
    let mut add = |key: &[&str], value: String| {
        list.insert(key.iter().copied().map(String::from).collect(), Said::Text(value));
    };
    add(&["enabled"], enabled.to_string());
    add(&["moving_budget"], moving_budget.to_string());
    add(&["unknown_prefix"], Shown::new(unknown_prefix).to_string());
    add(&["compression"], format!("{:?}", compression.as_str()));
    add(&["admin", "enabled"], admin.enabled.to_string());
    add(&["admin", "required"], admin.required.to_string());
    add(&["admin", "address"], format!("\"{}\"", admin.bind));
    add(&["admin", "hosts"], format!("{:?}", admin.hosts));
    list.insert(path(["admin", "token"]), Said::Token(admin.token.clone()));
    list_policy(&mut list, &[], policy);
    tiers.iter().for_each(|tier| list_tier(&mut list, tier));
    list
}

fn list_tier(list: &mut Listed, tier: &TierSettings) {
    let TierSettings {
        name,
        description,
        ttl,
        prefixes,
        policy,
        prefix_policies,
        compression,
        weigher,
        eviction,
        weigh_load_time,
        keep_decoded,
    } = tier;
    let mut add = |below: &[&str], value: String| {
        let key = ["tiers", name].into_iter().chain(below.iter().copied());
        list.insert(key.map(String::from).collect(), Said::Text(value));
    };
    add(&[], String::new());
    add(&["description"], Shown::new(description).to_string());
    add(&["ttl"], show_time(*ttl));
    add(&["compression"], compression.map_or_else(String::new, |how| format!("{:?}", how.as_str())));
    add(&["weigher"], weigher.map_or_else(String::new, |weigher| format!("{weigher:?}")));
    add(&["eviction"], eviction_name(*eviction));
    add(&["weigh_load_time"], weigh_load_time.to_string());
    add(&["keep_decoded"], keep_decoded.to_string());
    for (prefix, ttl) in prefixes {
        add(&["prefixes", prefix], ttl.map_or_else(|| String::from("\"tier\""), show_time));
    }
    list_policy(list, &["tiers", name], policy);
    for (prefix, policy) in prefix_policies {
        list_policy(list, &["tiers", name, "prefixes", prefix], policy);
    }
}

fn eviction_name(eviction: Eviction) -> String {
    let name = Eviction::NAMES.iter().find(|(_, known)| *known == eviction);
    name.map_or_else(String::new, |(name, _)| format!("{name:?}"))
}

/// The words of a policy that files know, and the rest as one.
fn list_policy(list: &mut Listed, above: &[&str], policy: &LoadPolicy) {
    let mut add = |word: &str, value: String| {
        let key = above.iter().copied().chain([word]);
        list.insert(key.map(String::from).collect(), Said::Text(value));
    };
    let mut rest = *policy;
    for (word, _) in WORDS {
        if let Some(said) = terms::word(&mut rest, word).and_then(Option::take) {
            add(word, Number::Time(said).show());
        }
    }
    if rest != LoadPolicy::new() {
        add("policy", format!("{rest:?}"));
    }
}
