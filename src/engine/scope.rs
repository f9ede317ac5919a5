//! Scopes: what an invalidation takes, and where a store has to look for it.
//!
//! Owns: the kinds of scope, whether a scope takes a key, and its reach.
//! Never: picks the tiers (`route` does) or walks entries (the store does).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::entry::ReadEntry;
use super::key::{Key, SEPARATOR, first_segment, group};
use super::pattern::Pattern;
use super::tag::{Tag, Tags};
use crate::error::{Error, Result};

/// A key with all keys below it, in whole segments: `user::42` takes `user::42` and `user::42::profile`, never
/// `user::421`. It holds no wildcards, so it may be as long as a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Key);

impl Prefix {
    /// Checks `text` by the rules of [`Key::parse`]. Errors: `InvalidKey`.
    pub fn parse(text: &str) -> Result<Self> {
        Key::parse(text).map(Self)
    }

    /// Whether the prefix takes `key`.
    pub fn matches(&self, key: &str) -> bool {
        is_below(self.as_str(), key)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Many keys, each once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keys(Arc<[Key]>);

impl Keys {
    /// The keys, in order.
    pub fn as_slice(&self) -> &[Key] {
        &self.0
    }

    /// Whether `key` is among them. Cost: the logarithm of their number.
    pub fn contains(&self, key: &str) -> bool {
        self.0.binary_search_by(|other| other.as_str().cmp(key)).is_ok()
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let mut keys: Vec<Key> = keys.into_iter().map(Key::without_ids).collect();
        keys.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        keys.dedup();
        Self(keys.into())
    }
}

/// Runs of segments, each written as a key: `user::42` stands in `user::42`, in `user::42::profile` and in
/// `query::orders::user::42::open`, never in `user::421`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Runs(Arc<[Key]>);

impl Runs {
    /// The runs.
    pub fn as_slice(&self) -> &[Key] {
        &self.0
    }

    /// Whether one of them stands in `key`. Cost: a look through the key for each.
    pub fn stand_in(&self, key: &str) -> bool {
        self.0.iter().any(|run| stands_in(run.as_str(), key))
    }
}

impl FromIterator<Key> for Runs {
    fn from_iter<I: IntoIterator<Item = Key>>(runs: I) -> Self {
        Self(runs.into_iter().map(Key::without_ids).collect())
    }
}

fn stands_in(run: &str, key: &str) -> bool {
    let starts = key.match_indices(SEPARATOR).map(|(at, _)| at + SEPARATOR.len());
    std::iter::once(0).chain(starts).any(|start| is_below(run, &key[start..]))
}

/// Whether `key` is `prefix`, or goes on behind it with another segment.
fn is_below(prefix: &str, key: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR))
}

/// What becomes of the values that an invalidation takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum How {
    /// They are gone.
    #[default]
    Remove,
    /// Those that may be served past their time to live are from now on: only to calls that allow `stale`, and for as
    /// long as they could have been. All others are gone, and so is what was remembered as not found.
    Expire,
}

/// What an invalidation takes.
///
/// Shown as people write it in a command: `key:user::42`, `prefix:user::42`, `user::4*`, `tag:author:7`, `tier:user`,
/// `all`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// One key, by its exact text.
    Key(Key),
    /// A key and all keys below it.
    Prefix(Prefix),
    /// All keys that a pattern takes.
    Pattern(Pattern),
    /// Many keys, by their exact texts.
    Keys(Keys),
    /// All keys in which one of several runs of segments stands, see [`Runs`].
    Containing(Runs),
    /// All that was stored with this tag, in any tier.
    Tag(Tag),
    /// All keys of the tier with this name.
    Tier(Arc<str>),
    /// All keys of all tiers.
    All,
}

/// Where all keys lie that a scope takes, so that a store looks nowhere else. See [`Scope::reach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Only this key.
    Key(&'a str),
    /// Only keys of this key group, see [`group`].
    Group(&'a str),
    /// Only keys with this first segment.
    Segment(&'a str),
    /// Only keys with a first segment that [`segment_may_match`] allows for this literal.
    Literal(&'a str),
    /// Any key.
    All,
}

impl How {
    /// The word for it, which spans use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Expire => "expire",
        }
    }
}

impl Scope {
    /// The word for its kind, which spans use: what it names is not told.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Keys(_) => "keys",
            Self::Containing(_) => "containing",
            Self::Prefix(_) => "prefix",
            Self::Pattern(_) => "pattern",
            Self::Tag(_) => "tag",
            Self::Tier(_) => "tier",
            Self::All => "all",
        }
    }

    /// Whether the scope takes an entry of `key` with `tags`. For `Tier` and `All` this is true of every key: routing
    /// decides the tier.
    pub fn takes(&self, key: &str, tags: &Tags) -> bool {
        match self {
            Self::Tag(tag) => tags.contains(tag),
            _ => self.matches(key),
        }
    }

    /// As [`Scope::takes`], of an entry. A pattern is compared with the bytes of its key: to check that they
    /// are UTF-8 takes longer than that.
    pub(crate) fn takes_entry(&self, entry: &impl ReadEntry) -> bool {
        match self {
            Self::Tag(tag) => entry.tags().contains(tag),
            Self::Pattern(pattern) => pattern.matches_bytes(entry.key_bytes()),
            _ => self.matches(entry.key()),
        }
    }

    /// Whether the scope takes `key` whatever its value is; never true of a tag, see [`Scope::takes`]. For `Tier` and
    /// `All` this is true of every key: routing decides the tier.
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::Tag(_) => false,
            Self::Keys(keys) => keys.contains(key),
            Self::Containing(runs) => runs.stand_in(key),
            Self::Key(wanted) => wanted.as_str() == key,
            Self::Prefix(prefix) => prefix.matches(key),
            Self::Pattern(pattern) => pattern.matches(key),
            Self::Tier(_) | Self::All => true,
        }
    }

    /// Where the keys lie that the scope takes. Cost: one look through the literal text; no allocation.
    pub fn reach(&self) -> Reach<'_> {
        match self {
            Self::Key(key) => Reach::Key(key.as_str()),
            Self::Prefix(prefix) => {
                let text = prefix.as_str();
                let first = first_segment(text);
                if first == text { Reach::Segment(first) } else { Reach::Group(group(text)) }
            }
            Self::Pattern(pattern) if pattern.is_key() => Reach::Key(pattern.as_str()),
            Self::Pattern(pattern) => literal_reach(pattern.literal()),
            Self::Keys(_) | Self::Containing(_) | Self::Tag(_) | Self::Tier(_) | Self::All => Reach::All,
        }
    }
}

/// The reach of a pattern whose text before the first wildcard is `literal`.
///
/// A segment counts as whole only with the separator behind it: what follows it could still belong to it. The
/// key before a final `::*` lacks that separator, but has the same segments. (`:::` would break this: the key
/// before `a:::*` would be `a:`. Patterns and keys refuse it.)
fn literal_reach(literal: &str) -> Reach<'_> {
    let first = first_segment(literal);
    let both = group(literal);
    if literal.is_empty() {
        Reach::All
    } else if first == literal {
        Reach::Literal(literal)
    } else if both == literal {
        Reach::Segment(first)
    } else {
        Reach::Group(both)
    }
}

/// Whether a key with this whole first segment can begin with `literal`.
///
/// `us` allows `us` and `user`; `products:` allows `products` (by `products::x`) and `products:x`.
pub fn segment_may_match(literal: &str, segment: &str) -> bool {
    if literal.len() <= segment.len() {
        return segment.starts_with(literal);
    }
    let rest = literal.strip_prefix(segment);
    rest.is_some_and(|rest| SEPARATOR.starts_with(rest) || rest.starts_with(SEPARATOR))
}

impl From<Key> for Prefix {
    fn from(key: Key) -> Self {
        Self(key.without_ids())
    }
}

impl FromStr for Prefix {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<Key> for Scope {
    fn from(key: Key) -> Self {
        Self::Key(key.without_ids())
    }
}

impl From<&Key> for Scope {
    fn from(key: &Key) -> Self {
        key.clone().into()
    }
}

impl From<Keys> for Scope {
    fn from(keys: Keys) -> Self {
        Self::Keys(keys)
    }
}

impl From<Runs> for Scope {
    fn from(runs: Runs) -> Self {
        Self::Containing(runs)
    }
}

impl From<Vec<Key>> for Scope {
    fn from(keys: Vec<Key>) -> Self {
        Self::Keys(keys.into_iter().collect())
    }
}

impl From<Tag> for Scope {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<&Tag> for Scope {
    fn from(tag: &Tag) -> Self {
        Self::Tag(tag.clone())
    }
}

impl From<Prefix> for Scope {
    fn from(prefix: Prefix) -> Self {
        Self::Prefix(prefix)
    }
}

impl From<Pattern> for Scope {
    fn from(pattern: Pattern) -> Self {
        Self::Pattern(pattern)
    }
}

impl From<&Pattern> for Scope {
    fn from(pattern: &Pattern) -> Self {
        Self::Pattern(pattern.clone())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key:{key}"),
            Self::Prefix(prefix) => write!(f, "prefix:{prefix}"),
            Self::Pattern(pattern) => write!(f, "{pattern}"),
            Self::Keys(keys) => write!(f, "{} keys", keys.as_slice().len()),
            Self::Containing(Runs(runs)) => runs
                .iter()
                .enumerate()
                .try_for_each(|(number, run)| write!(f, "{}*::{run}::*", if number > 0 { ", " } else { "" })),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::Tier(name) => write!(f, "tier:{name}"),
            Self::All => f.write_str("all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Scope {
        Pattern::parse(text).unwrap().into()
    }

    fn prefix(text: &str) -> Scope {
        Prefix::parse(text).unwrap().into()
    }

    #[test]
    fn a_prefix_takes_whole_segments() {
        let scope = prefix("user::42");
        assert!(scope.matches("user::42") && scope.matches("user::42::profile"));
        for other in ["user::421", "user::42:x", "user", "user::4", "user::421::profile"] {
            assert!(!scope.matches(other), "{other}");
        }
        assert!(prefix("user").matches("user") && !prefix("user").matches("user_orders::1"));
    }

    #[test]
    fn a_run_of_segments_is_found_wherever_it_stands_whole() {
        let runs: Runs = ["user::42", "x::x"].map(|run| Key::parse(run).unwrap()).into_iter().collect();
        for key in ["user::42", "user::42::name", "query::orders::user::42", "q::user::42::open", "yx::x::x"]
        {
            assert!(runs.stand_in(key), "{key}");
        }
        for key in
            ["user::421", "super_user::42", "user::4", "user:42", "q::user::421", "user", "x::xy", "yx::x"]
        {
            assert!(!runs.stand_in(key), "{key}");
        }
        assert_eq!(Scope::from(runs).to_string(), "*::user::42::*, *::x::x::*");
    }

    #[test]
    fn the_reach_is_as_small_as_the_literal_text_allows() {
        for (scope, reach) in [
            (pattern("user::42::*"), Reach::Group("user::42")),
            (pattern("user::42::a::b?"), Reach::Group("user::42")),
            (prefix("user::42"), Reach::Group("user::42")),
            (prefix("user::42::a::b"), Reach::Group("user::42")),
            (pattern("user::4*"), Reach::Segment("user")),
            (pattern("user::42:*"), Reach::Segment("user")),
            (pattern("products::*"), Reach::Segment("products")),
            (prefix("products"), Reach::Segment("products")),
            (pattern("products:*"), Reach::Literal("products:")),
            (pattern("us*"), Reach::Literal("us")),
            (pattern("*::42"), Reach::All),
            (pattern("?"), Reach::All),
            (pattern("user::42"), Reach::Key("user::42")),
            (Key::parse("user").unwrap().into(), Reach::Key("user")),
            (Scope::Tier("user".into()), Reach::All),
            (Scope::All, Reach::All),
        ] {
            assert_eq!(scope.reach(), reach, "{scope}");
        }
    }

    #[test]
    fn a_scope_is_shown_as_people_write_it() {
        let shown =
            [Key::parse("all").unwrap().into(), prefix("u::4"), pattern("u*"), Scope::Tier("user".into())];
        assert_eq!(shown.map(|scope| scope.to_string()), ["key:all", "prefix:u::4", "u*", "tier:user"]);
        assert_eq!(Scope::All.to_string(), "all");
    }

    fn lies_within(reach: Reach<'_>, key: &str) -> bool {
        match reach {
            Reach::Key(only) => key == only,
            Reach::Group(only) => group(key) == only,
            Reach::Segment(only) => first_segment(key) == only,
            Reach::Literal(literal) => segment_may_match(literal, first_segment(key)),
            Reach::All => true,
        }
    }

    fn key_text() -> impl Strategy<Value = String> {
        "[ab:]{1,6}|(a|b|:|::){1,6}".prop_filter("a key", |text| Key::parse(text).is_ok())
    }

    fn scopes() -> impl Strategy<Value = Scope> {
        let pattern_text = "[ab:?*]{1,6}|(a|b|:|::|[?]|[*]){1,6}|(a|b|::){1,4}::[*]";
        prop_oneof![
            4 => pattern_text.prop_filter_map("a pattern", |text| Pattern::parse(&text).ok().map(Scope::from)),
            1 => key_text().prop_map(|text| Key::parse(&text).unwrap().into()),
            1 => key_text().prop_map(|text| Prefix::parse(&text).unwrap().into()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn every_key_that_a_scope_takes_lies_within_its_reach(
            scope in scopes(),
            keys in prop::collection::vec(key_text(), 20),
        ) {
            for key in keys.iter().filter(|key| scope.matches(key)) {
                prop_assert!(lies_within(scope.reach(), key), "{} takes {}: {:?}", scope, key, scope.reach());
            }
        }

        #[test]
        fn a_prefix_takes_what_its_rest_pattern_takes(prefix in key_text(), key in key_text()) {
            let pattern = Pattern::parse(&format!("{prefix}::*"));
            if let Ok(pattern) = pattern {
                prop_assert_eq!(Prefix::parse(&prefix).unwrap().matches(&key), pattern.matches(&key));
            }
        }
    }
}
