//! Invalidations that take nothing, again and again: which scopes, and how often.
//!
//! Owns: a bounded list of them. Never: takes anything away; keeps a whole scope, for it may have a name in it that nobody
//! should read.
//!
//! One that takes nothing is no mistake: what it is about was not cached just then. It may be one when the very same scope never
//! takes anything, or when a tier has entries, but none with the first segment that is named. So these two are counted, each
//! in a row.

use std::sync::Arc;

use super::moment::Moment;
use super::scope::{Reach, Scope};

/// Scopes that are kept; the one that was asked least makes room.
const KEPT: usize = 128;

/// A scope that took nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// What it looks like: its first segment, and `..` for what may be a name.
    pub shape: Arc<str>,
    /// How often in a row.
    pub times: u64,
    /// When it was the last time.
    pub last: Moment,
}

/// What an invalidation was, and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'s> {
    /// What it takes.
    pub scope: &'s Scope,
    /// The first segment of all that it takes.
    pub first: &'s str,
    /// The hashes of both.
    pub hashes: (u64, u64),
    /// Whether the tier holds keys with that first segment.
    pub holds_first: bool,
    /// What it took.
    pub matched: u64,
}

/// The scopes of one tier that took nothing when they were asked last.
#[derive(Debug, Default)]
pub struct Fruitless(Vec<(u64, Missed)>);

impl Fruitless {
    /// Something was invalidated at `now`, in a tier that is not empty.
    pub fn note(&mut self, asked: &Asked<'_>, now: Moment) {
        let (whole, first) = asked.hashes;
        if asked.holds_first || asked.matched > 0 {
            self.0.retain(|(known, _)| *known != first && (asked.matched == 0 || *known != whole));
        }
        if asked.matched > 0 {
            return;
        }
        let hash = if asked.holds_first { whole } else { first };
        if let Some((_, missed)) = self.0.iter_mut().find(|(known, _)| *known == hash) {
            (missed.times, missed.last) = (missed.times + 1, now);
            return;
        }
        if self.0.len() == KEPT
            && let Some(least) = (0..KEPT).min_by_key(|&at| (self.0[at].1.times, self.0[at].1.last))
        {
            self.0.swap_remove(least);
        }
        let shape = if asked.holds_first { shape(asked) } else { format!("{}::..", asked.first) };
        self.0.push((hash, Missed { shape: shape.into(), times: 1, last: now }));
    }

    /// Those that took nothing so many times or more, and were asked `since` then; the most first.
    pub fn often(&self, times: u64, since: Moment) -> Vec<Missed> {
        let all = self.0.iter().map(|(_, missed)| missed);
        let mut missed: Vec<Missed> =
            all.filter(|missed| missed.times >= times && missed.last >= since).cloned().collect();
        missed.sort_by(|one, other| other.times.cmp(&one.times).then_with(|| one.shape.cmp(&other.shape)));
        missed
    }
}

/// The text of `scope`, and the first segment of all keys that it takes: of a prefix, or of a pattern that names one.
pub(super) fn named(scope: &Scope) -> Option<(&str, &str)> {
    let text = match scope {
        Scope::Prefix(prefix) => prefix.as_str(),
        Scope::Pattern(pattern) => pattern.as_str(),
        _ => return None,
    };
    match scope.reach() {
        Reach::Segment(name) | Reach::Group(name) => Some((text, super::key::first_segment(name))),
        // As in `products:*`: what comes behind a single colon is hardly ever a segment of its own.
        Reach::Literal(literal) => literal.strip_suffix(':').map(|first| (text, first)),
        Reach::Key(_) | Reach::All => None,
    }
}

/// What may be shown of a scope: its first segment and its wildcards.
fn shape(asked: &Asked<'_>) -> String {
    let text = named(asked.scope).map_or("", |(text, _)| text);
    let wild = |segment: &&str| {
        !segment.is_empty() && segment.bytes().all(|byte| matches!(byte, b'*' | b'?' | b':'))
    };
    let rest = text.get(asked.first.len()..).unwrap_or_default();
    if wild(&rest) {
        return text.to_owned();
    }
    let shown = rest.split("::").skip(1).map(|segment| if wild(&segment) { segment } else { ".." });
    shown.fold(asked.first.to_owned(), |shape, segment| shape + "::" + segment)
}

#[cfg(test)]
#[path = "fruitless_tests.rs"]
mod tests;
