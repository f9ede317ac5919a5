//! Patterns: which keys a text with wildcards takes.
//!
//! Owns: the grammar, and [`Pattern::matches`], the one function that decides whether a key is taken: for
//! entries, loads under way, dry runs and events alike. Never: looks for keys (`scope` says where to look).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wildmatch::WildMatch;

use super::key::{Key, push_part};
use crate::error::{Error, Result, Shown};

/// A text that takes keys, such as `user::42::*` or `products:*`.
///
/// # Grammar
///
/// ```text
/// pattern = 1*( "*" / "?" / character )    ; at most 256 bytes
/// ```
///
/// - `*` takes any run of characters, the empty one and `::` included; several in a row count as one, and at
///   most 16 may remain. `?` takes one character. Any other character takes itself: letters are case-sensitive,
///   there are no brackets and no escapes. A pattern is held against the whole key.
/// - A pattern that ends in `::*` also takes what the text before that takes: `user::42::*` takes `user::42`
///   itself, `products::*` takes `products`, `*::*` takes every key. One key too many costs a miss, one too few
///   a stale answer.
/// - A pattern without a wildcard is a key, and has to be one by the rules of [`Key::parse`].
/// - No control characters, and no `:::`, which occurs in no key.
/// - A long id stands in a key as a hash (see [`Key::parts`]), which only a `*` or `?` in its place takes: `page::http*` does
///   not take the key of a long address. The templates of `#[cache_invalidate]` see to that.
///
/// `products:*` and `products::*` differ: the first also takes `products:x`, and does not take `products`.
/// A clone costs two reference counts.
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    matcher: Arc<Matcher>,
}

struct Matcher {
    /// `None`: the pattern is its literal text and a star.
    whole: Option<WildMatch>,
    /// For a pattern that ends in `::*`: the part before that.
    before_rest: Option<WildMatch>,
    literal_len: usize,
}

const WILDCARDS: [char; 2] = ['*', '?'];
const REST: &str = "::*";

impl Pattern {
    /// Bytes that a pattern may have, 256.
    pub const LENGTH_MAX: usize = 256;
    /// Stars that a pattern may have, runs counted as one, 16.
    pub const STARS_MAX: usize = 16;

    /// Checks `text` against the grammar and prepares it for matching.
    ///
    /// Errors: `InvalidPattern`. Cost: a few allocations; later matches allocate nothing.
    ///
    /// ```
    /// use apex_cache::Pattern;
    /// let pattern = Pattern::parse("user::42::*")?;
    /// assert!(pattern.matches("user::42::profile") && pattern.matches("user::42"));
    /// assert!(!pattern.matches("user::421::profile"));
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |reason| Err(Error::InvalidPattern { pattern: Shown::new(text), reason });
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > Self::LENGTH_MAX {
            return refuse("it is longer than 256 bytes; name a long key as a key, or invalidate a prefix");
        }
        if text.chars().any(char::is_control) {
            return refuse("it holds a control character");
        }
        if text.contains(":::") {
            return refuse("it holds :::, which occurs in no key");
        }
        if !text.contains(WILDCARDS) && Key::parse(text).is_err() {
            return refuse("without a wildcard it has to be a key, and a segment of it is empty");
        }
        let text = collapse_stars(text);
        if text.matches('*').count() > Self::STARS_MAX {
            return refuse("it holds more than 16 stars");
        }
        Ok(Self::prepare(text))
    }

    fn prepare(text: String) -> Self {
        let matcher = Matcher {
            whole: (text.find('*') != text.len().checked_sub(1) || text.contains('?'))
                .then(|| WildMatch::new(&text)),
            before_rest: text.strip_suffix(REST).map(WildMatch::new),
            literal_len: text.find(WILDCARDS).unwrap_or(text.len()),
        };
        Self { text: text.into(), matcher: Arc::new(matcher) }
    }

    /// Begins a pattern whose first segment is `name`; every part is encoded as in [`Key::of`], so that no value
    /// can widen the pattern, and a long id is hashed as it is in the key.
    ///
    /// ```
    /// use apex_cache::Pattern;
    /// assert_eq!(Pattern::of("user").part(42).rest()?.as_str(), "user::42::*");
    /// assert_eq!(Pattern::of("user").part("*").rest()?.as_str(), "user::%2A::*");
    /// assert_eq!(Pattern::of("user").any().part("profile").finish()?.as_str(), "user::*::profile");
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn of(name: impl fmt::Display) -> PatternBuilder {
        PatternBuilder { text: String::new(), failed: None }.part(name)
    }

    /// Whether the pattern takes `key`. Cost: linear in the key for one star; no allocation.
    pub fn matches(&self, key: &str) -> bool {
        self.matches_bytes(key.as_bytes())
    }

    /// As [`Pattern::matches`], of the bytes of a key.
    pub(super) fn matches_bytes(&self, key: &[u8]) -> bool {
        // Most keys that a walk meets differ before the first wildcard, and that is told ten times sooner.
        let literal = self.literal().as_bytes();
        let colons = REST.len() - 1;
        if !key.starts_with(&literal[..literal.len().saturating_sub(colons)]) {
            return false;
        }
        let Matcher { whole, before_rest, .. } = &*self.matcher;
        let fits = |part: &WildMatch| str::from_utf8(key).is_ok_and(|key| part.matches(key));
        (key.starts_with(literal) && whole.as_ref().is_none_or(fits))
            || before_rest.as_ref().is_some_and(fits)
    }

    /// The text, runs of stars written as one.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text before the first wildcard; all of it when there is none.
    ///
    /// Every key that the pattern takes begins with it, but for the key before a final `::*`, which may end two
    /// colons earlier.
    pub fn literal(&self) -> &str {
        &self.text[..self.matcher.literal_len]
    }

    /// The key that the pattern is, when it has no wildcard.
    pub fn as_key(&self) -> Option<Key> {
        if self.is_key() { Key::parse(&self.text).ok() } else { None }
    }

    pub(super) fn is_key(&self) -> bool {
        self.matcher.literal_len == self.text.len()
    }
}

fn collapse_stars(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '*' || !collapsed.ends_with('*') {
            collapsed.push(character);
        }
    }
    collapsed
}

/// Makes a [`Pattern`] out of parts that no value can widen; see [`Pattern::of`].
#[derive(Debug, Clone)]
#[must_use = "a builder makes a pattern only when it is finished"]
pub struct PatternBuilder {
    text: String,
    failed: Option<&'static str>,
}

impl PatternBuilder {
    /// Adds a segment, encoded as in [`KeyBuilder::part`](super::key::KeyBuilder::part).
    pub fn part(mut self, part: impl fmt::Display) -> Self {
        if self.failed.is_none() {
            self.failed = push_part(&mut self.text, part).err();
        }
        self
    }

    /// Adds a `*` in the place of a segment. It takes any run, so also several segments.
    pub fn any(mut self) -> Self {
        self.text.push_str(REST);
        self
    }

    /// The pattern that takes the key made of the parts so far and all keys below it.
    ///
    /// Errors: `InvalidPattern` when it is longer than 256 bytes or has more than 16 stars.
    pub fn rest(self) -> Result<Pattern> {
        self.any().finish()
    }

    /// The pattern of the parts so far. Errors: as for [`rest`](Self::rest).
    pub fn finish(self) -> Result<Pattern> {
        match self.failed {
            Some(reason) => Err(Error::InvalidPattern { pattern: Shown::new(&self.text), reason }),
            None => Pattern::parse(&self.text),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl FromStr for Pattern {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn takes(pattern: &str, key: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(key)
    }

    /// The grammar once more, as slowly and plainly as it can be said.
    fn naive(pattern: &[char], key: &[char]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            (['*', rest @ ..], _) => naive(rest, key) || (!key.is_empty() && naive(pattern, &key[1..])),
            (['?', rest @ ..], [_, others @ ..]) => naive(rest, others),
            ([wanted, rest @ ..], [found, others @ ..]) => wanted == found && naive(rest, others),
            _ => false,
        }
    }

    fn naive_takes(pattern: &str, key: &str) -> bool {
        let plain =
            |pattern: &str| naive(&pattern.chars().collect::<Vec<_>>(), &key.chars().collect::<Vec<_>>());
        let stripped = pattern.trim_end_matches('*');
        plain(pattern) || (pattern.ends_with('*') && stripped.strip_suffix("::").is_some_and(plain))
    }

    #[test]
    fn a_pattern_is_held_against_the_whole_key() {
        assert!(takes("products:*", "products::gaming") && takes("products:*", "products:x"));
        assert!(!takes("products:*", "products") && !takes("products:*", "products_old::a"));
        assert!(takes("user::?", "user::4") && takes("user::?", "user::ü") && !takes("user::?", "user::42"));
        assert!(takes("user::4", "user::4") && !takes("user::4", "User::4") && !takes("user::4", "user::42"));
        assert!(takes("a[b]\\", "a[b]\\") && !takes("a[b]", "ab"));
        assert!(takes("***", "anything") && takes("u**4", "user::4"));
    }

    #[test]
    fn a_final_rest_takes_the_key_before_it() {
        assert!(takes("user::42::*", "user::42::profile") && takes("user::42::*", "user::42"));
        assert!(!takes("user::42::*", "user::421") && !takes("user::42::*", "user::421::profile"));
        assert!(takes("products::*", "products") && takes("products::**", "products"));
        assert!(takes("*::*", "anything"));
        assert!(takes("*::orders::*", "user::4::orders") && !takes("user::42:*", "user::42"));
    }

    #[test]
    fn text_that_breaks_a_rule_is_refused_with_that_rule() {
        for (text, word) in [
            (String::new(), "empty"),
            ("x".repeat(257), "256 bytes"),
            ("a\n*".to_owned(), "control"),
            ("a*".repeat(17), "16 stars"),
            ("a:::*".to_owned(), ":::"),
            ("a::".to_owned(), "key"),
        ] {
            let error = Pattern::parse(&text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(Pattern::parse(&"*".repeat(200)).is_ok(), "a run of stars is one star");
    }

    #[test]
    fn a_pattern_without_a_wildcard_is_a_key() {
        let pattern = Pattern::parse("user::42").unwrap();
        assert_eq!(pattern.as_key(), Some(Key::parse("user::42").unwrap()));
        assert_eq!(pattern.literal(), "user::42");
        let wild = Pattern::parse("user::4?::*").unwrap();
        assert_eq!((wild.as_key(), wild.literal()), (None, "user::4"));
        assert_eq!(serde_json::from_str::<Pattern>("\"user::4?::*\"").unwrap(), wild);
    }

    #[test]
    fn a_built_pattern_that_is_too_long_says_so() {
        assert!((0..5).fold(Pattern::of("u"), |builder, _| builder.part("x".repeat(60))).rest().is_err());
        assert_eq!(
            Pattern::of("u").part("x".repeat(300)).rest().unwrap().as_str().len(),
            "u::".len() + 33 + 3
        );
        assert!((0..17).fold(Pattern::of("u"), |builder, _| builder.any().part("a")).finish().is_err());
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_naive_matcher(
            pattern in "[ab:?*]{1,7}|(a|b|::|[*]){1,6}|(a|::){0,3}::[*]{1,2}",
            key in "[ab:]{1,7}|(a|b|::){1,5}",
        ) {
            if let (Ok(pattern), Ok(key)) = (Pattern::parse(&pattern), Key::parse(&key)) {
                prop_assert_eq!(pattern.matches(key.as_str()), naive_takes(pattern.as_str(), key.as_str()));
            }
        }

        #[test]
        fn no_value_widens_a_built_pattern(id in "[a*?:%]{0,3}", other in "[a*?:%]{0,3}", tail in "[a*:]{0,2}") {
            let pattern = Pattern::of("user").part(&id).rest().unwrap();
            prop_assert!(pattern.matches(Key::of("user").part(&id).finish().unwrap().as_str()));
            let key = Key::of("user").part(&other).part(&tail).finish().unwrap();
            prop_assert_eq!(pattern.matches(key.as_str()), id == other);
        }
    }
}
