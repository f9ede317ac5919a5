//! What may be said about loading and keeping: five words in files, and a whole `LoadPolicy` in code.
//!
//! Owns: the limits of these words, and which of them do not go together.
//! Never: says what holds where nothing is said; `plan` does.

use std::time::Duration;

use super::check::{Check, Number};
use super::plan;
use super::values::{DAY, Kind, show_time};
use crate::engine::terms::Terms;
use crate::load_policy::LoadPolicy;

/// What files and variables may say for a tier and for a prefix.
pub(super) const WORDS: [(&str, Kind); 5] = [
    ("ttl", Kind::TTL),
    ("stale", Kind::Time(Duration::ZERO, Duration::from_secs(3_650 * DAY))),
    ("timeout", Kind::Time(Duration::from_millis(1), Duration::from_secs(DAY))),
    ("soft_timeout", Kind::Time(Duration::ZERO, Duration::from_secs(DAY))),
    ("not_found_ttl", Kind::Time(Duration::ZERO, Duration::from_secs(DAY))),
];

/// What only code may say.
pub(super) const ONLY_IN_CODE: [&str; 3] = ["jitter", "eager", "retry"];

/// What the word may be; `None` when it is no such word.
pub(super) fn kind(word: &str) -> Option<Kind> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
}

/// Where a policy holds what the word says.
pub(super) fn word<'a>(policy: &'a mut LoadPolicy, word: &str) -> Option<&'a mut Option<Duration>> {
    match word {
        "ttl" => Some(&mut policy.ttl),
        "stale" => Some(&mut policy.stale),
        "timeout" => Some(&mut policy.timeout),
        "soft_timeout" => Some(&mut policy.soft_timeout),
        "not_found_ttl" => Some(&mut policy.not_found_ttl),
        _ => None,
    }
}

/// A policy, and what it is judged with.
struct Said<'a> {
    /// What stands before each of its words in messages.
    path: &'a str,
    policy: LoadPolicy,
    /// What holds there, with what is said elsewhere.
    terms: Terms,
    /// Where the time to live that holds was written.
    ttl: &'a str,
}

impl Check<'_> {
    /// Judges the policies of the cache, of every tier and of every prefix.
    pub(super) fn policies(&mut self) {
        let settings = self.settings;
        self.policy_of_all(&settings.policy, &plan::of_all(settings));
        for tier in &settings.tiers {
            let (path, of_tier) = (format!("tiers.{}", tier.name), plan::of_tier(settings, tier));
            let ttl = format!("{path}.ttl");
            self.no_ttl(&path, &tier.policy, "the ttl of a tier stands beside its policy");
            self.policy(&Said { path: &path, policy: tier.policy, terms: of_tier, ttl: &ttl });
            for (prefix, policy) in &tier.prefix_policies {
                let path = format!("{path}.prefixes.{prefix}");
                self.no_ttl(&path, policy, "the ttl of a prefix stands in prefixes");
                let Some(own) = tier.prefixes.get(prefix) else {
                    let allowed = "expected a prefix that this tier takes, or no policy for it";
                    self.problem(&path, String::new(), String::from(allowed), None);
                    continue;
                };
                let terms = plan::of_prefix(&of_tier, tier, prefix);
                let ttl = if own.is_some() { &path } else { &ttl };
                self.policy(&Said { path: &path, policy: *policy, terms, ttl });
            }
        }
    }

    fn policy_of_all(&mut self, policy: &LoadPolicy, terms: &Terms) {
        self.no_ttl("", policy, "every tier has a ttl of its own");
        if let Some(timeout) = policy.timeout {
            let allowed = String::from("expected none here; set load_timeout");
            self.problem("policy.timeout", show_time(timeout), allowed, None);
        }
        // No time to live holds for all; what is said of "not found" is bounded by that of each tier.
        let policy = LoadPolicy { timeout: None, ..*policy };
        self.policy(&Said { path: "policy", policy, terms: *terms, ttl: "" });
    }

    /// Tells of a time to live that nobody would ask for, rather than leave it unheard.
    fn no_ttl(&mut self, path: &str, policy: &LoadPolicy, why: &str) {
        if let Some(ttl) = policy.ttl {
            let key = format!("{path}.policy.ttl");
            let allowed = format!("expected none here; {why}");
            self.problem(key.trim_start_matches('.'), show_time(ttl), allowed, None);
        }
    }

    fn policy(&mut self, said: &Said<'_>) {
        let mut policy = LoadPolicy { ttl: None, ..said.policy };
        for (name, kind) in WORDS {
            if let Some(time) = word(&mut policy, name).and_then(|time| *time) {
                self.number(&format!("{}.{name}", said.path), kind, Number::Time(time));
            }
        }
        self.not_found_ttl(said);
        self.soft_timeout(said);
        if let Some(share) = policy.eager.filter(|share| !(0.0..=1.0).contains(share)) {
            let allowed = "expected a share of the ttl from 0 to 1; both of these mean off";
            self.problem(&format!("{}.eager", said.path), format!("{share:?}"), String::from(allowed), None);
        }
        if let Some((first, longest)) =
            policy.retry.filter(|(first, longest)| first.is_zero() || first > longest)
        {
            let allowed = "expected a first pause of more than 0s, and a longest pause that is not shorter";
            let value = format!("{}, {}", show_time(first), show_time(longest));
            self.problem(&format!("{}.retry", said.path), value, String::from(allowed), None);
        }
    }

    /// Only what is said here is compared; what comes from above is cut to the time to live.
    fn not_found_ttl(&mut self, said: &Said<'_>) {
        let Some(nothing) = said.policy.not_found_ttl else { return };
        let key = format!("{}.not_found_ttl", said.path);
        let ttl = said.terms.ttl;
        // A time to live of a prefix that was not understood leaves that of the tier in its place.
        let understood = self.known(said.path) && self.is_sound(said.ttl, "ttl", ttl);
        if understood && self.is_sound(&key, "not_found_ttl", nothing) && nothing > ttl {
            let allowed = format!("expected at most the ttl, which is {}", show_time(ttl));
            self.problem(&key, show_time(nothing), allowed, None);
        }
    }

    /// Told where one of the two is said. One without `stale` is no mistake: a call, or a set, may allow
    /// stale values that neither the tier nor the prefix allows.
    fn soft_timeout(&mut self, said: &Said<'_>) {
        let Terms { soft_timeout: soft, timeout, .. } = said.terms;
        let [key, soft_key] = ["timeout", "soft_timeout"].map(|word| format!("{}.{word}", said.path));
        let are_sound =
            self.is_sound(&key, "timeout", timeout) && self.is_sound(&soft_key, "soft_timeout", soft);
        if soft <= timeout || !are_sound {
            return;
        }
        if said.policy.soft_timeout.is_some() {
            let allowed = format!("expected at most the timeout, which is {}", show_time(timeout));
            self.problem(&soft_key, show_time(soft), allowed, None);
        } else if said.policy.timeout.is_some() {
            let allowed = format!("expected at least the soft_timeout, which is {}", show_time(soft));
            self.problem(&key, show_time(timeout), allowed, None);
        }
    }

    /// Whether a time was understood and is within its own limits; comparing it with another makes sense only then.
    fn is_sound(&self, key: &str, word: &str, time: Duration) -> bool {
        kind(word).is_some_and(|kind| Number::Time(time).is_inside(kind)) && self.known(key)
    }
}
