//! Whether a value comes back from a cache as it went in.
//!
//! Owns: the comparison, and the words for the field that differs. Never: starts a cache.

use std::any::type_name;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::value::Value;
use crate::error::Error;

/// Asserts that `value` comes back from a cache equal to what it was.
///
/// A load finds out by itself whether a value can be read back. It cannot see what serde leaves out without a word: a field
/// with `skip`, `skip_serializing_if` whose default is another value, `Some(None)`, which is written as `None`. Call this in a
/// test for each type that you cache, with a value whose fields all differ from their defaults.
///
/// ```
/// use apex_cache::testing::assert_cacheable;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Profile {
///     name: String,
///     visits: Option<u32>,
/// }
///
/// assert_cacheable(&Profile { name: "Ann".to_owned(), visits: Some(7) });
/// ```
///
/// A skipped field comes back as its default:
///
/// ```should_panic
/// # use apex_cache::testing::assert_cacheable;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Session {
///     user: String,
///     #[serde(skip)]
///     secret: u64,
/// }
///
/// // `secret` was 7 and comes back as 0
/// assert_cacheable(&Session { user: "Ann".to_owned(), secret: 7 });
/// ```
///
/// # Panics
///
/// When it cannot be written or read, with the cause; when it comes back as something else, with the field. A value that does
/// not equal itself, as one with a NaN, cannot be compared: that is said, too.
#[track_caller]
pub fn assert_cacheable<T>(value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + Send,
{
    if let Err(why) = compare(value) {
        panic!("{} cannot be cached as it is: {why}", type_name::<T>());
    }
}

/// Why `value` does not come back as it is, as the end of a sentence.
fn compare<T>(value: &T) -> Result<(), String>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + Send,
{
    let reason = |error: Error| match error {
        Error::Encode { reason, .. } | Error::Decode { reason, .. } => reason.to_string(),
        other => other.to_string(),
    };
    let written = Value::encode(value).map_err(|error| format!("it cannot be written: {}", reason(error)))?;
    let copy: T = written.decode("").map_err(|error| format!("it cannot be read back: {}", reason(error)))?;
    #[allow(clippy::eq_op)] // a NaN is the case in question
    if *value == copy {
        Ok(())
    } else if *value != *value {
        Err("it does not equal itself, so that a copy cannot be compared with it; leave NaN out".to_owned())
    } else {
        Err(difference(&format!("{value:#?}"), &format!("{copy:#?}")))
    }
}

/// The first place at which two values differ, by what `Debug` writes of them.
fn difference(was: &str, is: &str) -> String {
    let (was, is) = (Block::of(was), Block::of(is));
    let mut place = String::new();
    let Some((was, is)) = was.differs(&is, &mut place) else {
        return "its copy does not equal it, in something that Debug does not show".to_owned();
    };
    let place = place.trim_start_matches('.');
    let place = if place.is_empty() { "the value".to_owned() } else { format!("`{place}`") };
    format!("{place} was {} and comes back as {}", was.shown(), is.shown())
}

/// A line of what `Debug` writes in its long form, with what it has around it.
#[derive(Debug, PartialEq)]
struct Block<'t> {
    head: &'t str,
    inner: Vec<Self>,
    tail: &'t str,
}

impl<'t> Block<'t> {
    fn of(text: &'t str) -> Self {
        Self::all(&mut text.lines().peekable()).pop().unwrap_or(Self {
            head: "",
            inner: Vec::new(),
            tail: "",
        })
    }

    /// The blocks up to the end of the one around them.
    fn all(lines: &mut std::iter::Peekable<std::str::Lines<'t>>) -> Vec<Self> {
        let mut blocks = Vec::new();
        let ends = |line: &str| line.trim_start().starts_with(['}', ')', ']']);
        while let Some(line) = lines.next_if(|line| !ends(line)) {
            let head = line.trim().trim_end_matches(',');
            let opens = head.ends_with(['{', '(', '[']);
            let mut inner = if opens { Self::all(lines) } else { Vec::new() };
            let tail =
                if opens { lines.next().map_or("", |line| line.trim().trim_end_matches(',')) } else { "" };
            // A map or a set: the order of what is in it may change from one value to its copy.
            if value(head) == "{" {
                inner.sort_by_key(Self::shown);
            }
            blocks.push(Self { head, inner, tail });
        }
        blocks
    }

    /// The innermost blocks that differ, and in `place` the fields and elements that lead there.
    fn differs<'b>(&'b self, other: &'b Self, place: &mut String) -> Option<(&'b Self, &'b Self)> {
        if self == other {
            return None;
        }
        if self.head != other.head || self.inner.len() != other.inner.len() {
            return Some((self, other));
        }
        let mut pairs = self.inner.iter().zip(&other.inner).enumerate();
        let (number, (one, other)) = pairs.find(|(_, (one, other))| one != other)?;
        match name(one.head) {
            Some(key) if key.starts_with('"') => place.push_str(&format!("[{key}]")),
            Some(name) => place.push_str(&format!(".{name}")),
            None => place.push_str(&format!("[{number}]")),
        }
        one.differs(other, place)
    }

    /// Its value on one line, without the name of its field.
    fn shown(&self) -> String {
        let inner: Vec<_> = self.inner.iter().map(Self::whole).collect();
        format!("{}{}{}", value(self.head), inner.join(", "), self.tail)
    }

    fn whole(&self) -> String {
        let name = name(self.head).map(|name| format!("{name}: ")).unwrap_or_default();
        name + &self.shown()
    }
}

/// The name of the field, or the key, that a line begins with.
fn name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(": ")?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name || name.starts_with('"')).then_some(name)
}

/// What stands behind that name.
fn value(line: &str) -> &str {
    name(line).map_or(line, |name| line[name.len() + 1..].trim_start())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
    struct Inner {
        #[serde(skip)]
        secret: u64,
        #[serde(skip_serializing_if = "Option::is_none", default = "some")]
        maybe: Option<u8>,
        #[allow(clippy::option_option)] // that is what is tested
        nested: Option<Option<u8>>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Unordered {
        map: std::collections::HashMap<u32, String>,
        set: std::collections::HashSet<u32>,
        #[serde(skip)]
        hidden: Option<Vec<u8>>,
    }

    #[test]
    fn the_order_of_maps_and_sets_is_no_difference_and_a_value_of_several_lines_is_shown_whole() {
        let value = Unordered {
            map: (0..20).map(|number| (number, number.to_string())).collect(),
            set: (0..20).collect(),
            hidden: Some(vec![1, 2]),
        };
        let why = compare(&value).expect_err("a field is hidden");
        assert_eq!(why, "`hidden` was Some([1, 2]) and comes back as None");
    }

    #[allow(clippy::unnecessary_wraps)]
    fn some() -> Option<u8> {
        Some(1)
    }

    #[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
    struct Outer {
        name: String,
        list: Vec<Inner>,
        map: BTreeMap<String, Inner>,
        ratio: f64,
    }

    fn words(change: impl FnOnce(&mut Inner)) -> String {
        let mut inner = Inner { maybe: Some(1), ..Inner::default() };
        change(&mut inner);
        let list = vec![Inner { maybe: Some(1), ..Inner::default() }, inner];
        compare(&Outer { name: "Ann".to_owned(), list, ..Outer::default() }).err().unwrap_or_default()
    }

    #[test]
    fn the_field_that_differs_is_named_with_both_values() {
        assert_eq!(words(|_| ()), "");
        assert_eq!(words(|inner| inner.secret = 7), "`list[1].secret` was 7 and comes back as 0");
        assert_eq!(words(|inner| inner.maybe = None), "`list[1].maybe` was None and comes back as Some(1)");
        assert_eq!(
            words(|inner| inner.nested = Some(None)),
            "`list[1].nested` was Some(None) and comes back as None"
        );
        let map = BTreeMap::from([("a".to_owned(), Inner { secret: 3, maybe: Some(1), nested: None })]);
        let words = compare(&Outer { map, ..Outer::default() }).expect_err("it differs");
        assert_eq!(words, "`map[\"a\"].secret` was 3 and comes back as 0");
        assert_eq!(
            compare(&Some(None::<u8>)).expect_err("it differs"),
            "the value was Some(None) and comes back as None"
        );
    }

    #[test]
    fn what_cannot_be_written_read_or_compared_is_said_as_that() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all(deserialize = "camelCase"))]
        struct Repo {
            open_issues: u32,
        }
        let words = compare(&vec![Repo { open_issues: 3 }]).expect_err("it cannot be read");
        assert_eq!(words, "it cannot be read back: missing field `openIssues` at `[0]`");
        assert!(compare(&f64::NAN).expect_err("it is no number").contains("does not equal itself"));
        let deep = (0..300).fold(serde_json::Value::Null, |inner, _| serde_json::Value::Array(vec![inner]));
        assert!(
            compare(&deep).expect_err("it is too deep").contains("it cannot be written: it is nested deeper")
        );
    }
}
