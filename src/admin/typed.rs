//! Keys and scopes as a person types them: with ids as they are.
//!
//! A person types `user::oidc:123::profile`, and the entry is under `user::oidc%3A123::profile`. Keys that a host made from
//! text may hold a colon, too, so both forms are looked for.

use crate::engine::key::{Key, SEPARATOR};
use crate::engine::pattern::Pattern;
use crate::engine::scope::{Prefix, Scope};
use crate::engine::segment;
use crate::error::Result;
use crate::handle::Cache;
use crate::message::{Explain, Explanation, Invalidate, Invalidated, KeyState, Reason};

const WILDCARDS: [char; 2] = ['*', '?'];

impl Cache {
    /// Explains `key`, which a person typed; the answer names the key that it is about.
    pub(crate) async fn explain_typed(&self, key: Key) -> Result<Explanation> {
        let encoded = Key::parse(&encoded(key.as_str())).ok().filter(|encoded| *encoded != key);
        let known = self.send(Explain::new(key)).await?;
        let Some(encoded) = encoded.filter(|_| !has_something(&known)) else { return Ok(known) };
        let other = self.send(Explain::new(encoded)).await?;
        Ok(if has_something(&other) { other } else { known })
    }

    /// Carries out an invalidation whose scope a person typed. Counts are sums over both forms.
    pub(crate) async fn invalidate_typed(&self, invalidate: Invalidate) -> Result<Invalidated> {
        let other = encoded_scope(&invalidate.scope);
        let other = other.map(|scope| Invalidate { scope, ..invalidate.clone() });
        let mut taken = self.send(invalidate).await?;
        if let Some(other) = other {
            // Both forms are looked for in the same tiers.
            let tiers = taken.tiers;
            taken.add(&self.send(other).await?);
            taken.tiers = tiers.max(taken.tiers - tiers);
        }
        Ok(taken)
    }
}

fn has_something(known: &Explanation) -> bool {
    // A clear or a restart is the last reason of every key of the tier, whether it was there or not.
    let is_its_own = |reason: &Reason| {
        !matches!(reason, Reason::NeverStored | Reason::NoRecord | Reason::Cleared | Reason::Restarted)
    };
    known.state != KeyState::Absent
        || known.last_absence.as_ref().is_some_and(|absence| is_its_own(&absence.reason))
}

/// `text` with each segment encoded that is not. The first one is a prefix of the settings and no id.
fn encoded(text: &str) -> String {
    let segments = text.split(SEPARATOR).enumerate();
    let segments = segments.map(|(place, text)| if place == 0 { text.to_owned() } else { encoded_id(text) });
    segments.collect::<Vec<_>>().join(SEPARATOR)
}

/// An id with its wildcards as they are.
fn encoded_id(typed: &str) -> String {
    if !typed.contains(WILDCARDS) {
        return segment::decode(typed).map_or_else(|| typed.to_owned(), |id| segment::encode(&id));
    }
    let pieces = typed.split_inclusive(WILDCARDS).map(|piece| {
        let literal = piece.trim_end_matches(WILDCARDS);
        let encoded = if literal.is_empty() { String::new() } else { encoded_id(literal) };
        // A part of an id has no hash.
        let encoded = if segment::is_hash(&encoded) { literal.to_owned() } else { encoded };
        encoded + &piece[literal.len()..]
    });
    pieces.collect()
}

/// The scope with its ids encoded, if that is another.
pub(super) fn encoded_scope(scope: &Scope) -> Option<Scope> {
    let encoded: Scope = match scope {
        Scope::Key(key) => Key::parse(&encoded(key.as_str())).ok()?.into(),
        Scope::Keys(keys) => {
            let keys = keys.as_slice().iter();
            keys.map(|key| Key::parse(&encoded(key.as_str())).ok()).collect::<Option<Vec<_>>>()?.into()
        }
        Scope::Prefix(prefix) => Prefix::parse(&encoded(prefix.as_str())).ok()?.into(),
        Scope::Pattern(pattern) => Pattern::parse(&encoded(pattern.as_str())).ok()?.into(),
        _ => return None,
    };
    (encoded != *scope).then_some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_ids_are_encoded_and_what_is_encoded_stays() {
        for (typed, key) in [
            ("user::oidc:123::profile", "user::oidc%3A123::profile"),
            ("user::oidc%3A123::profile", "user::oidc%3A123::profile"),
            ("user::42", "user::42"),
            ("user::oidc:123::*", "user::oidc%3A123::*"),
            ("user::oidc:12*::x", "user::oidc%3A12*::x"),
            ("user::*:1?", "user::*%3A1?"),
            ("products:*", "products:*"),
            ("user::100%", "user::100%25"),
            ("query::~e9863389ec5c707c1d38fe910b81496c", "query::~e9863389ec5c707c1d38fe910b81496c"),
        ] {
            assert_eq!(encoded(typed), key);
        }
        let long = "x".repeat(65);
        assert_eq!(encoded(&format!("user::{long}")), format!("user::{}", segment::encode(&long)));
        let same = |text: &str| encoded_scope(&Pattern::parse(text).unwrap().into()).is_none();
        assert!(same("user::42::*") && same("*") && encoded_scope(&Scope::All).is_none());
    }
}
