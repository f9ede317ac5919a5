//! Text from outside in messages.
//!
//! Owns: that it is quoted, escaped and short. Never: shows a value.

use std::fmt;
use std::sync::Arc;

/// Text from outside, made fit for an error message: quoted, control characters escaped, cut after 96 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(Arc<str>);

impl Shown {
    /// Characters that are kept.
    pub const LENGTH_MAX: usize = 96;

    /// Escapes, quotes and cuts `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut shown = String::from("\"");
        for (count, character) in text.chars().enumerate() {
            if count == Self::LENGTH_MAX {
                shown.push_str("...");
                break;
            }
            shown.extend(character.escape_debug());
        }
        shown.push('"');
        Self(shown.into())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_escaped_and_cut() {
        assert_eq!(Shown::new("a\n\u{1b}[31m\"").to_string(), r#""a\n\u{1b}[31m\"""#);
        assert_eq!(Shown::new(&"x".repeat(2_000)).to_string().len(), Shown::LENGTH_MAX + 5);
    }
}
