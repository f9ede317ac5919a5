//! Invalidations that take nothing, again and again: of which shape they are, and how often.
//!
//! Owns: a bounded table of shapes, as hashes. Never: takes anything away; keeps a whole scope, for it may have a name in it
//! that nobody should read.
//!
//! One that takes nothing is no mistake: what it is about was not cached just then. It may be one when scopes of its shape
//! never take anything. A shape is a scope in which some segments stand for any text: nobody says which segments of a scope are
//! ids and which are names, so each scope counts for several shapes, and the most specific one that was asked often enough is
//! reported. Two facts acquit a shape: a scope of it took something, or the tier holds a key that it takes, so that only the
//! ids were not cached. Where a tier holds no key with the first segment at all, all its scopes are counted together; in an
//! empty tier only those with a first segment that it was not made for, since any other is just not cached yet.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::key::first_segment;
use super::moment::Moment;
use super::pattern::Pattern;
use super::scope::{Reach, Scope};

/// Shapes that are kept; the one that was asked least makes room.
const KEPT: usize = 128;
/// Segments behind the first that can be told apart by their text; further ones stand for any text.
const TOLD_APART: usize = 3;
/// How often a shape is asked between two looks for a key that it takes.
const LOOK_EVERY: u64 = 64;
/// Bytes of a first segment that are shown.
const SHOWN_MAX: usize = 64;

/// A shape that took nothing.
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
    /// Whether the tier holds keys with its first segment.
    pub holds_first: bool,
    /// Whether the tier holds nothing.
    pub is_empty: bool,
    /// What it took.
    pub matched: u64,
}

/// A scope, cut into what makes its shapes.
#[derive(Debug)]
struct Cut<'s> {
    /// The first segment of all keys that it takes.
    first: &'s str,
    /// What stands behind it.
    rest: Vec<&'s str>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key,
    Prefix,
    Pattern,
    /// Whatever has that first segment.
    First,
}

/// A shape, with what relates it to others.
#[derive(Debug)]
struct Counted {
    /// The hash of the widest shape of the same scopes.
    widest: u64,
    /// The segments that are told apart, a bit for each.
    fixed: u8,
    /// The number of the invalidation that counted last.
    seq: u64,
    missed: Missed,
}

impl Counted {
    /// What has least of it makes room first. Most specific shapes are asked once, so each segment has to be earned.
    fn worth(&self) -> (u64, u64) {
        (self.missed.times >> (2 * self.fixed.count_ones()), self.seq)
    }
}

/// The shapes of one tier that took nothing when they were asked last, by their hashes.
#[derive(Debug, Default)]
pub struct Fruitless {
    shapes: HashMap<u64, Counted, FixedState>,
    /// The first segments that the tier was made for.
    claims: Vec<Arc<str>>,
    seq: u64,
}

impl Fruitless {
    /// For a tier that was made for keys with these first segments.
    pub fn claiming(claims: Vec<Arc<str>>) -> Self {
        Self { claims, ..Self::default() }
    }

    /// Something was invalidated at `now`. `hash` is that of the store; `holds` says whether it holds a key of a scope, as far
    /// as it looks.
    pub fn note(
        &mut self,
        asked: &Asked<'_>,
        now: Moment,
        hash: impl Fn(&str) -> u64,
        mut holds: impl FnMut(&Scope) -> bool,
    ) {
        let Some(cut) = Cut::of(asked.scope) else { return };
        if asked.is_empty && asked.matched == 0 && self.claims.iter().any(|claim| **claim == *cut.first) {
            return;
        }
        self.seq += 1;
        let hashes = Hashes::of(&cut, hash);
        if asked.holds_first || asked.matched > 0 {
            self.shapes.remove(&hashes.first);
        }
        if asked.matched > 0 {
            hashes.shapes().for_each(|(_, shape)| drop(self.shapes.remove(&shape)));
            return;
        }
        if !asked.holds_first && cut.is_long() {
            let shape = || format!("{}::..", shown(cut.first)).into();
            self.count(hashes.first, hashes.first, 0, now, shape);
            return;
        }
        let mut text: Option<Arc<str>> = None;
        for (fixed, shape) in hashes.shapes() {
            let times = self.count(shape, hashes.widest, fixed, now, || {
                Arc::clone(text.get_or_insert_with(|| cut.shape().into()))
            });
            // The scope itself took nothing: only what it does not say can.
            let is_wider = fixed != hashes.all_fixed();
            if is_wider
                && times.is_multiple_of(LOOK_EVERY)
                && cut.widened(fixed).is_none_or(|scope| holds(&scope))
            {
                self.shapes.remove(&shape);
            }
        }
    }

    /// Counts a shape; returns how often it was asked in a row.
    fn count(
        &mut self,
        hash: u64,
        widest: u64,
        fixed: u8,
        now: Moment,
        shape: impl FnOnce() -> Arc<str>,
    ) -> u64 {
        if let Some(Counted { missed, seq, .. }) = self.shapes.get_mut(&hash) {
            (missed.times, missed.last, *seq) = (missed.times + 1, now, self.seq);
            return missed.times;
        }
        if self.shapes.len() == KEPT {
            let least = self.shapes.iter().min_by_key(|(_, one)| one.worth());
            if let Some(least) = least.map(|(hash, _)| *hash) {
                self.shapes.remove(&least);
            }
        }
        let missed = Missed { shape: shape(), times: 1, last: now };
        self.shapes.insert(hash, Counted { widest, fixed, seq: self.seq, missed });
        1
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// Everything was taken: what is stored from now on may be of any shape.
    pub fn clear(&mut self) {
        self.shapes = HashMap::default();
    }

    /// Those that took nothing so many times or more, and were asked `since` then; the most first. A shape of which a more
    /// specific one makes up half or more is left out.
    pub fn often(&self, times: u64, since: Moment) -> Vec<Missed> {
        let is_often = |one: &&Counted| one.missed.times >= times && one.missed.last >= since;
        let often: Vec<&Counted> = self.shapes.values().filter(is_often).collect();
        let is_told = |wide: &&&Counted| {
            !often.iter().any(|one| {
                let is_narrower = one.fixed != wide.fixed && one.fixed & wide.fixed == wide.fixed;
                one.widest == wide.widest && is_narrower && one.missed.times * 2 >= wide.missed.times
            })
        };
        let mut missed: Vec<Missed> = often.iter().filter(is_told).map(|one| one.missed.clone()).collect();
        missed.sort_by(|one, other| other.times.cmp(&one.times).then_with(|| one.shape.cmp(&other.shape)));
        missed
    }
}

/// The first segment of all keys that `scope` takes, if they have one in common.
pub(super) fn first_of(scope: &Scope) -> Option<&str> {
    Cut::of(scope).map(|cut| cut.first)
}

impl<'s> Cut<'s> {
    /// `None`: the keys that the scope takes have no first segment in common, or it is no scope of keys.
    fn of(scope: &'s Scope) -> Option<Self> {
        let (text, kind) = match scope {
            Scope::Key(key) => (key.as_str(), Kind::Key),
            Scope::Prefix(prefix) => (prefix.as_str(), Kind::Prefix),
            Scope::Pattern(pattern) => (pattern.as_str(), Kind::Pattern),
            _ => return None,
        };
        let first = match scope.reach() {
            Reach::Key(name) | Reach::Segment(name) | Reach::Group(name) => first_segment(name),
            // As in `products:*`: what comes behind a single colon is hardly ever a segment of its own.
            Reach::Literal(literal) => literal.strip_suffix(':')?,
            Reach::All => return None,
        };
        let rest = text.get(first.len()..).unwrap_or_default();
        let rest = rest.strip_prefix("::").map_or_else(|| vec![rest], |rest| rest.split("::").collect());
        Some(Self { first, rest: rest.into_iter().filter(|rest| !rest.is_empty()).collect(), kind })
    }

    /// Whether it is more than one segment that is a whole key.
    fn is_long(&self) -> bool {
        self.kind != Kind::Key || !self.rest.is_empty()
    }

    /// The places in `rest` that are told apart.
    fn told_apart(&self) -> impl Iterator<Item = usize> {
        (0..self.rest.len()).filter(|&at| !is_wild(self.rest[at])).take(TOLD_APART)
    }

    /// The scope of the shape that tells the segments of `fixed` apart. `None`: it cannot be written.
    fn widened(&self, fixed: u8) -> Option<Scope> {
        let mut rest: Vec<&str> =
            self.rest.iter().map(|segment| if is_wild(segment) { segment } else { "*" }).collect();
        self.told_apart().enumerate().filter(|(bit, _)| fixed & (1 << bit) != 0).for_each(|(_, at)| {
            rest[at] = self.rest[at];
        });
        if self.kind == Kind::Prefix {
            rest.push("*");
        }
        let text = rest.into_iter().fold(self.first.to_owned(), |text, segment| text + "::" + segment);
        Pattern::parse(&text).ok().map(Scope::from)
    }

    /// What may be shown of it: its first segment and its wildcards.
    fn shape(&self) -> String {
        if !self.is_long() {
            return "..".to_owned();
        }
        let first = shown(self.first).to_owned();
        match self.rest.as_slice() {
            // Behind a single colon.
            [rest] if rest.starts_with(':') => first + if is_wild(rest) { rest } else { ":.." },
            rest => rest
                .iter()
                .fold(first, |shape, segment| shape + "::" + if is_wild(segment) { segment } else { ".." }),
        }
    }
}

/// The hashes of the shapes of a scope.
struct Hashes {
    /// Of all scopes with its first segment.
    first: u64,
    /// Of its widest shape.
    widest: u64,
    /// Of each segment that is told apart.
    segments: Vec<u64>,
}

impl Hashes {
    fn of(cut: &Cut<'_>, hash: impl Fn(&str) -> u64) -> Self {
        let name = hash(cut.first);
        let first = mixed(name, Kind::First as u64);
        let layout = |sum: u64, segment: &&str| mixed(sum, if is_wild(segment) { hash(segment) } else { 1 });
        let widest = cut.rest.iter().fold(mixed(name, cut.kind as u64), layout);
        Self { first, widest, segments: cut.told_apart().map(|at| hash(cut.rest[at])).collect() }
    }

    fn all_fixed(&self) -> u8 {
        (1 << self.segments.len()) - 1
    }

    /// Each with the segments that it tells apart.
    fn shapes(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        (0..=self.all_fixed()).map(|fixed| {
            let segments = self.segments.iter().enumerate().filter(move |(bit, _)| fixed & (1 << bit) != 0);
            let sum = segments.fold(self.widest, |sum, (bit, hash)| mixed(sum, hash ^ (bit as u64 + 2)));
            (fixed, sum)
        })
    }
}

fn mixed(sum: u64, hash: u64) -> u64 {
    (sum ^ hash).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_add(hash)
}

fn is_wild(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| matches!(byte, b'*' | b'?' | b':'))
}

/// As much of a first segment as is shown.
fn shown(first: &str) -> &str {
    let end = (0..=SHOWN_MAX.min(first.len())).rev().find(|&at| first.is_char_boundary(at));
    &first[..end.unwrap_or_default()]
}

#[cfg(test)]
#[path = "fruitless_tests.rs"]
mod tests;
